#!/usr/bin/env bash
# Runs a Python program of this folder with kazoo, and Debian's ZooKeeper beside it. As root it installs what is missing; otherwise it
# says what is. It never passes without having run.
#   run.sh main.py [--target HOST:PORT | --zookeeper] [NAME ...]
#   run.sh durability.py [--rounds N] ...
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
zkcli=${ZKCLI:-/usr/share/zookeeper/bin/zkCli.sh}

python_with_kazoo() {
  local python
  for python in ${PYTHON:-} python3 /usr/bin/python3; do
    if "$python" -c 'import kazoo, puresasl' 2>/dev/null; then
      command -v "$python"
      return
    fi
  done
  return 1
}

missing() {
  command -v java >/dev/null || echo default-jre-headless
  [ -x "$zkcli" ] || echo zookeeper
  command -v python3 >/dev/null || echo python3
  python_with_kazoo >/dev/null || echo python3-kazoo python3-pure-sasl
}

export PYTHONDONTWRITEBYTECODE=1
packages=$(missing | tr '\n' ' ')
if [ -n "$packages" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends $packages >&2 || true
  packages=$(missing | tr '\n' ' ')
fi
if [ -n "$packages" ]; then
  echo "the clients are not there; missing (Debian's names): $packages" >&2
  exit 1
fi

program=$1
shift
exec "$(python_with_kazoo)" -u "$here/$program" "$@"

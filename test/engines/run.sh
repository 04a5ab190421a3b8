#!/usr/bin/env bash
# Runs the store's contract, the client's behaviour suite and a minute of chaos on a DynamoDB engine that is not the built-in one.
#   run.sh                    on moto, which it installs into .cache/moto (python3 and pip are needed)
#   run.sh --endpoint URL     on a DynamoDB that runs there: DynamoDB Local, Alternator, …; what its tables hold stays.
#                             Chaos takes one on this machine (http://127.0.0.1:PORT) that holds no tables of an earlier run.
# It never passes without having run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
MOTO_VERSION=5.2.5

endpoint='' kind=dynamodb
while [ $# -gt 0 ]; do
  case $1 in
    --endpoint) endpoint=${2:?"--endpoint takes a URL"} && shift 2 ;;
    *) echo "run.sh [--endpoint URL]" >&2 && exit 2 ;;
  esac
done

install_moto() {
  local home=$1
  [ -x "$home/bin/moto_server" ] && return
  if ! command -v python3 >/dev/null || ! python3 -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends python3-venv >&2
    else
      echo 'the second engine is not there; missing: python3 with venv' >&2 && exit 1
    fi
  fi
  python3 -m venv "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check "moto[dynamodb,server]==$MOTO_VERSION" >&2
}

if [ -z "$endpoint" ]; then
  home=.cache/moto-$MOTO_VERSION
  install_moto "$home"
  port=$(node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close(); })")
  "$home/bin/python" test/engines/serve-moto.py "$port" >"$home/server.log" 2>&1 &
  server=$!
  trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT
  endpoint=http://127.0.0.1:$port kind=moto
  node -e "
    const until = Date.now() + 30_000;
    const ask = () => fetch('$endpoint').then(() => process.exit(0), () => (Date.now() > until ? process.exit(1) : setTimeout(ask, 100)));
    ask();" || { echo "moto did not answer within 30 s; it printed:" >&2 && tail -5 "$home/server.log" >&2 && exit 1; }
fi

echo "engine: $kind at $endpoint"
# One file after the other, with patience: these engines answer one request at a time, and slowly.
ZEROKEEPER_TEST_ENDPOINT=$endpoint ZEROKEEPER_TEST_ENGINE=$kind npx vitest run --no-file-parallelism \
  --testTimeout 120000 --hookTimeout 60000 test/log/dynamo-store.test.ts test/behaviour/direct.test.ts test/engines

if [[ $endpoint =~ ^http://(127\.0\.0\.1|localhost):([0-9]+)/?$ ]]; then
  npm run --silent test:chaos -- --seconds 60 --engine-port "${BASH_REMATCH[2]}"
else
  echo "chaos was not run: $endpoint is not on this machine"
fi

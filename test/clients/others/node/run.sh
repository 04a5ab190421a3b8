#!/usr/bin/env bash
# Node's ZooKeeper clients, from npm. run.sh HOSTS CACHE
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(realpath -m "$2")/node
if ! cmp -s "$here/package.json" "$folder/package.json"; then
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$here/package.json" "$folder/package.json"
  (cd "$folder" && npm install --no-audit --no-fund --loglevel=error >&2) || { rm -f "$folder/package.json"; exit 1; }
fi
exec node "$here/main.cjs" "$folder" "$1"

#!/usr/bin/env bash
# go-zookeeper/zk, as a Go module. run.sh HOSTS CACHE
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../../support/install.sh"
need go golang-go
program=$(realpath -m "$2")/goclient
(cd "$here" && go build -o "$program" .)
exec "$program" "$1"

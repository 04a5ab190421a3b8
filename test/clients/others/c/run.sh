#!/usr/bin/env bash
# Apache ZooKeeper's C client, from Debian's packages. run.sh HOSTS CACHE
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../../support/install.sh"
need gcc gcc libc6-dev
need_file /usr/include/zookeeper/zookeeper.h libzookeeper-mt-dev
program=$(realpath -m "$2")/cclient
mkdir -p "$2"
gcc -O1 -Wall -Wno-deprecated-declarations -DTHREADED -DZOO_MAJOR_VERSION="$(dpkg-query -W -f '${Version}' libzookeeper-mt-dev | cut -d. -f1)" \
  -DZOO_MINOR_VERSION="$(dpkg-query -W -f '${Version}' libzookeeper-mt-dev | cut -d. -f2)" \
  -DZOO_PATCH_VERSION="$(dpkg-query -W -f '${Version}' libzookeeper-mt-dev | sed 's/[0-9]*\.[0-9]*\.\([0-9]*\).*/\1/')" \
  -o "$program" "$here/main.c" -lzookeeper_mt -lpthread
exec "$program" "$1"

#!/usr/bin/env bash
# Apache ZooKeeper's C client, with threads and without, from Debian's packages. run.sh HOSTS CACHE
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../../support/install.sh"
libraries=/usr/lib/$(gcc -dumpmachine 2>/dev/null || echo x86_64-linux-gnu)
need gcc gcc libc6-dev
need_file /usr/include/zookeeper/zookeeper.h libzookeeper-mt-dev
need_file "$libraries/libzookeeper_st.so.2" libzookeeper-st2
folder=$(realpath -m "$2")
mkdir -p "$folder"
IFS=. read -r major minor patch _ < <(dpkg-query -W -f '${Version}\n' libzookeeper-mt-dev | sed 's/[^0-9.].*//')
flags=(-O1 -Wall -Wno-deprecated-declarations "-DZOO_MAJOR_VERSION=$major" "-DZOO_MINOR_VERSION=$minor" "-DZOO_PATCH_VERSION=$patch")
gcc "${flags[@]}" -DTHREADED -o "$folder/cclient" "$here/main.c" -lzookeeper_mt -lpthread
# Debian's headers for both cannot be installed at once, and are the same.
gcc "${flags[@]}" -o "$folder/single" "$here/single.c" "$libraries/libzookeeper_st.so.2"
failed=0
"$folder/cclient" "$1" || failed=1
"$folder/single" "$1" || failed=1
exit $failed

#!/usr/bin/env bash
# Brings the jars of Apache ZooKeeper, as pom.xml names them, from Maven's repository into .cache/zookeeper and prints that folder.
# As root it installs Java and Maven where they are missing; otherwise it says what is.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../install.sh"
jars=$(cd "$here/../../.." && pwd)/.cache/zookeeper

need java default-jre-headless
if ! cmp -s "$here/pom.xml" "$jars/pom.xml"; then
  need mvn maven
  rm -rf "$jars"
  mkdir -p "$jars"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" >&2
  cp "$here/pom.xml" "$jars/pom.xml"
fi
echo "$jars"

#!/usr/bin/env bash
# Brings Kafka's jars from Maven's repository into CACHE/kafka and compiles the test beside them. jars.sh CACHE
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../../support/install.sh"
jars=$(realpath -m "$1")/kafka
need javac default-jdk-headless
if ! cmp -s "$here/pom.xml" "$jars/pom.xml"; then
  need mvn maven
  rm -rf "$jars"
  mkdir -p "$jars"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" >&2
  cp "$here/pom.xml" "$jars/pom.xml"
fi
javac -d "$jars/classes" -cp "$jars/*" "$here"/*.java

#!/usr/bin/env bash
# Brings the jars of one of these programs from Maven's repository into CACHE/NAME and compiles the test beside them. jars.sh NAME CACHE
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/$1
source "$here/../../../support/install.sh"
jars=$(realpath -m "$2")/$1
need javac default-jdk-headless
if ! cmp -s "$here/pom.xml" "$jars/pom.xml"; then
  need mvn maven
  rm -rf "$jars"
  mkdir -p "$jars"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" >&2
  cp "$here/pom.xml" "$jars/pom.xml"
fi
javac -nowarn -d "$jars/classes" -cp "$jars/*" "$here"/*.java 2> >(grep -v '^Note:' >&2)

#!/usr/bin/env bash
# Apache's Java client and Apache Curator, from Maven's repository. run.sh HOSTS CACHE
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../../support/install.sh"
hosts=$1
jars=$(realpath -m "$2")/java
need javac default-jdk-headless
if ! cmp -s "$here/pom.xml" "$jars/pom.xml"; then
  need mvn maven
  rm -rf "$jars"
  mkdir -p "$jars"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" >&2
  cp "$here/pom.xml" "$jars/pom.xml"
fi
javac -nowarn -d "$jars/classes" -cp "$jars/*" "$here"/*.java 2> >(grep -v '^Note:' >&2)
options=(-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=off)
failed=0
for program in JavaClient CuratorRecipes CuratorInterop; do
  java "${options[@]}" -cp "$jars/classes:$jars/*" "$program" "$hosts" "$here/../../interop" "${PYTHON:-python3}" || failed=1
done
exit $failed

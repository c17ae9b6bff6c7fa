#!/usr/bin/env bash
# Brings the jars of one server by Maven, once, and prints where its class path is written.
#
#   fetch.sh NAME POM CACHE
#
# Jars lie in CACHE/m2. The class path lies in CACHE/servers under a name with a hash of the pom, written under another
# name first and renamed. A lock makes two of these run one after the other.
set -euo pipefail
name=$1 pom=$2 cache=$3
dir=$cache/servers
mkdir -p "$dir"
file=$dir/$name-$(sha256sum "$pom" | cut -c1-16).classpath

usable() { # somebody may have emptied the repository
    [ -s "$file" ] && tr ':' '\n' <"$file" | while read -r jar || [ -n "$jar" ]; do [ -e "$jar" ] || exit 1; done
}

if ! usable; then
    command -v mvn >/dev/null || { echo "mvn is missing: install maven" >&2; exit 1; }
    exec 8>"$dir/lock"
    flock 8
    if ! usable; then
        making=$(mktemp -d "$dir/making.XXXXXX")
        trap 'rm -rf -- "$making"' EXIT
        cp "$pom" "$making/pom.xml"
        for try in 1 2 3; do # a registry may hiccup
            mvn -B -q -f "$making/pom.xml" "-Dmaven.repo.local=$cache/m2" "-Dmdep.outputFile=$making/classpath" \
                -DincludeScope=runtime org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath 8>&- >&2 && break
            [ "$try" -lt 3 ] || exit 1
        done
        mv "$making/classpath" "$file"
    fi
fi
echo "$file"

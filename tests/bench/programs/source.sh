#!/usr/bin/env bash
# source.sh PACKAGE FOLDER: fetches a Debian source package and unpacks it, with
# Debian's patches, as FOLDER.
set -euo pipefail
package=$1 folder=$2

# The machine's own Debian source need not offer source packages yet.
for f in /etc/apt/sources.list.d/debian.sources; do
  if [ -f "$f" ] && ! grep -qE '^Types:.*\bdeb-src\b' "$f"; then
    sed -i -E 's/^(Types:.*\bdeb\b.*)$/\1 deb-src/' "$f"
    apt-get -qq update
  fi
done

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
# A mirror may lack the newest version that its index names: then the next.
for version in $(apt-cache showsrc --only-source "$package" | sed -n 's/^Version: //p' | sort -rV | uniq); do
  if apt-get -qq -o APT::Sandbox::User=root source --download-only --only-source "$package=$version" 2>error; then
    rm -rf "$folder"
    dpkg-source --no-check --no-copy -x ./*.dsc "$folder" >/dev/null
    exit 0
  fi
  rm -f ./*.dsc
done
echo "no source package $package:" >&2
cat error >&2 || true
exit 1

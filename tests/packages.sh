#!/usr/bin/env bash
# Installs the Debian packages named as arguments that are not there yet.
# A package that cannot be had is named and left out: the tests that need it
# then skip with a line that says so.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

missing=()
for p in "$@"; do
  if [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" != installed ]; then
    missing+=("$p")
  fi
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "not installed, and only root can install them: ${missing[*]}" >&2
  exit 1
fi

# dynamips is not free software in Debian's sense: add that component to the
# machine's own Debian source when it is not enabled.
for f in /etc/apt/sources.list.d/debian.sources; do
  if [[ " ${missing[*]} " == *" dynamips "* ]] && [ -f "$f" ] && ! grep -qE '^Components:.*\bnon-free\b' "$f"; then
    sed -i -E 's/^(Components:.*\bmain\b.*)$/\1 non-free/' "$f"
  fi
done

echo "installing: ${missing[*]}"
apt-get -qq update
if ! apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null; then
  for p in "${missing[@]}"; do
    apt-get -qq install -y --no-install-recommends "$p" >/dev/null || echo "cannot be installed: $p" >&2
  done
fi

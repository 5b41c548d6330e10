#!/usr/bin/env bash
# fuzz.sh TIME PACKAGE:TARGET...: fuzzes each target for TIME, two at once, and says
# a line for each. What is found fails it; the input stays in the package's testdata.
set -euo pipefail
time=$1
shift
one() {
  local package=${2%:*} target=${2#*:} out
  for try in 1 2; do
    if out=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -parallel 1 "./$package" 2>&1); then
      echo "fuzzed $1: $package $target, $(grep -oE 'execs: [0-9]+' <<<"$out" | tail -1)"
      return
    fi
    # Go's fuzzer sometimes takes its own end for a failure.
    grep -q 'context deadline exceeded' <<<"$out" && ! grep -q 'Failing input' <<<"$out" || break
  done
  echo "$out"
  return 1
}
export -f one
printf '%s\n' "$@" | xargs -P 2 -I{} bash -c 'one "$@"' _ "$time" {}

#!/usr/bin/env bash
# `make run AUDIO=…` hands any file name to the program unchanged. The program is replaced by a stub
# that prints its arguments; building and setting up are skipped (-o).
set -euo pipefail
command -v make >/dev/null || { echo "make is not installed; nothing to test"; exit 0; }
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The names must not reach this make by way of the make that may have started the test.
unset MAKEFLAGS MAKEOVERRIDES MFLAGS AUDIO DATA BALEEN_RUN_AUDIO BALEEN_RUN_DATA
mkdir -p "$work/scripts" "$work/build/sample"
cp "$root/Makefile" "$work/"
cp "$root/scripts/run" "$root/scripts/jobs" "$work/scripts/"
printf '#!/bin/sh\nprintf "<%%s>\\n" "$@"\n' >"$work/build/baleen"
chmod +x "$work/build/baleen"
touch "$work/build/sample/sample.wav"

failures=0
expect() { # what, expected, actual
  if [ "$2" != "$3" ]; then
    printf 'FAILED: %s\nexpected: %s\nactual:   %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
}
run() { make -s -C "$work" -o build -o build/sample/sample.wav run "$@" 2>&1 || true; }
args() { printf '<%s>\n' run ssis --data "$1" -- "$2"; }

while IFS= read -r name; do
  expect "AUDIO=$name" "$(args "$work/data" "$name")" "$(run AUDIO="$name")"
  expect "AUDIO=$name in the environment" "$(args "$work/data" "$name")" "$(AUDIO=$name run)"
  expect "DATA=$name" "$(args "$name" a.wav)" "$(run AUDIO=a.wav DATA="$name")"
done <<'NAMES'
plain.wav
with two  spaces.wav
it's "quoted".wav
costs $5 $(touch pwned) ${HOME} $$.wav
`touch pwned`; touch pwned #1.wav
back\slash & <pipe> | *.wav
-starts-with-a-dash.wav
Ünï 日本語.wav
NAMES

expect "no AUDIO" "$(args "$work/data" "$work/build/sample/sample.wav")" "$(run)"
expect "a tilde" "$(args "$work/data" "$HOME/a b.wav")" "$(run AUDIO='~/a b.wav')"
if [ -n "$(find "$work" -name pwned)" ]; then
  echo "FAILED: a file name was executed"
  failures=$((failures + 1))
fi
[ $failures = 0 ] && echo "make run: all names arrived unchanged"
exit $((failures > 0))

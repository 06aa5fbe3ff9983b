#!/usr/bin/env bash
# scripts/setup on made-up systems: dpkg, apt and id are stubs that are driven by files.
#   installed, known: package names; fresh: names that apt knows after an update; calls: what was run.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset BALEEN_SETUP
mkdir -p "$work/bin" "$work/scripts"
cp "$root/scripts/setup" "$work/scripts/"
stub() { printf '#!/bin/bash\ncd "%s"\n%s\n' "$work" "$2" >"$work/bin/$1" && chmod +x "$work/bin/$1"; }
stub id 'cat uid'
stub dpkg-query 'sed "s/^/ii  /" installed; echo "rc  g++"'
stub apt-cache 'if grep -qxF -- "$2" known; then echo "  Candidate: 1.0"; else echo "  Candidate: (none)"; fi'
stub apt-get 'case " $* " in
  *" -s "*) cat removals ;;
  *" update "*) echo update >>calls; cat fresh >>known ;;
  *) echo "install $(printf "%s\n" "$@" | sed -n "/no-install-recommends/,\$p" | tail -n +2 | tr "\n" " ")" >>calls
     if [ -e stale ]; then rm stale; exit 100; fi ;;
esac'
# Only what the script needs, so that neither the real apt nor sudo is found.
for tool in bash sed grep cat env dirname tail mkdir rm tr; do ln -s "$(command -v $tool)" "$work/bin/$tool"; done

everything=$(sed -n '/^packages_/,/^)/p' "$root/scripts/setup" | sed -n "s/^  '\{0,1\}\([a-z][^ |']*\).*/\1/p")
failures=0
system() { # Fresh state: all installed, root, empty logs.
  echo "$everything" >"$work/installed"; echo "$everything" >"$work/known"
  echo 0 >"$work/uid"; : >"$work/fresh"; : >"$work/calls"; : >"$work/removals"
  rm -rf "$work/stale" "$work/.deps"
}
setup() { status=0; output=$(PATH=$work/bin "$work/bin/bash" "$work/scripts/setup" "$@" 2>&1 </dev/null) || status=$?; }
check() { # claim, expected (a pattern), actual
  # shellcheck disable=SC2053
  if [[ $3 != $2 ]]; then
    printf 'FAILED: %s\nexpected: %s\nactual:   %s\noutput: %s\n' "$1" "$2" "$3" "$output"
    failures=$((failures + 1))
  fi
}

system; setup
check "nothing missing: succeeds" 0 $status
check "nothing missing: runs nothing and says nothing" "" "$(cat "$work/calls")$output"

system; echo 1000 >"$work/uid"; setup
check "nothing missing: needs no root" 0 $status

system; sed -i '/^cmake$/d; /^libhwy-dev$/d' "$work/installed"; setup
check "two missing: installs just these, without an update" "install cmake libhwy-dev " "$(cat "$work/calls")"

system; sed -i '/^nodejs$/d; /^npm$/d; /^chromium$/d' "$work/installed"; setup
check "no node, npm and chromium: installs Debian's" "install nodejs npm chromium " "$(cat "$work/calls")"
stub node 'echo true'; stub npm ''; stub chromium ''
system; sed -i '/^nodejs$/d; /^npm$/d; /^chromium$/d' "$work/installed"; setup
check "those from elsewhere will do" "" "$(cat "$work/calls")$output"
stub node 'echo false'
system; sed -i '/^nodejs$/d' "$work/installed"; setup
check "a node that is too old will not" "install nodejs " "$(cat "$work/calls")"
rm "$work/bin/node" "$work/bin/npm" "$work/bin/chromium"

system; sed -i '/^cmake$/d' "$work/installed" "$work/known"; echo cmake >"$work/fresh"; setup
check "no package lists yet: updates first" $'update\ninstall cmake ' "$(cat "$work/calls")"

system; sed -i '/^cmake$/d' "$work/installed"; touch "$work/stale"; setup
check "old package lists: updates and tries again" $'install cmake \nupdate\ninstall cmake ' "$(cat "$work/calls")"
check "old package lists: succeeds" 0 $status

system; sed -i '/^cmake$/d' "$work/installed" "$work/known"; setup
check "a package that does not exist: fails" 1 $status
check "a package that does not exist: names it" "*apt does not know: cmake.*" "$output"

system; sed -i '/^libboost-json1.81-dev$/d' "$work/installed" "$work/known"; echo libboost-json-dev >>"$work/known"; setup
check "a newer system: takes the other name" "install libboost-json-dev " "$(cat "$work/calls")"

system; sed -i 's/^libcurl4-openssl-dev$/libcurl4-gnutls-dev/' "$work/installed"; setup
check "an equivalent is installed: keeps it" "" "$(cat "$work/calls")"

system; sed -i '/^cmake$/d' "$work/installed"; echo 'Remv libprecious-dev [1.0]' >"$work/removals"; setup
check "a conflict: removes nothing" "" "$(cat "$work/calls")"
check "a conflict: says what would go" "*libprecious-dev*" "$output"

system; sed -i '/^cmake$/d' "$work/installed"; echo 1000 >"$work/uid"; setup
check "no root and no sudo: fails" 1 $status
check "no root and no sudo: says what to install" "*cmake*as root*" "$output"

system; setup nonsense
check "an unknown group: fails" 1 $status

system; sed -i '/^clang-tidy$/d' "$work/installed"; setup
check "tools of other groups are not installed" "" "$(cat "$work/calls")"
setup lint
check "unless asked for" "install clang-tidy " "$(cat "$work/calls")"

[ $failures = 0 ] && echo "setup: all claims hold"
exit $((failures > 0))

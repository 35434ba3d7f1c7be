#!/bin/sh
# Plants the bugs of planted/ in a copy of the tree, and runs seeds on each until it is found: `planted.sh [SEEDS] [BUG]`.
# Prints a line for each: what found it, and in which seed. Ends with status 1 if one was not found.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
seeds=${1:-20}
only=${2:-}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

(cd "$here/../.." && git ls-files -z -- Cargo.toml Cargo.lock crates proto tests deploy | xargs -0 cp --parents -t "$copy")
cd "$copy"
# The switch first: the others ask it.
for patch in "$here"/planted/*.patch; do
  patch -p1 --quiet <"$patch"
done
cd tests/sim
# With the tree's own dependencies, built once.
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/../../target/sim} cargo build --quiet
program=${CARGO_TARGET_DIR:-$here/../../target/sim}/debug/sim

missed=0
for patch in "$here"/planted/*.patch; do
  bug=$(basename "$patch" .patch)
  case $bug in 0-switch) continue ;; esac
  [ -z "$only" ] || [ "$only" = "$bug" ] || continue
  found=
  seed=0
  while [ "$seed" -lt "$seeds" ]; do
    seed=$((seed + 1))
    report=$(PLANTED=$bug "$program" --seed "$seed" 2>&1 | tail -n 1)
    case $report in
      *'"violation":null'*) ;;
      *) found=$(printf '%s' "$report" | sed -E 's/.*"violation":"(.{0,90}).*/\1/'); break ;;
    esac
  done
  if [ -n "$found" ]; then
    printf '%s\tseed %s\t%s\n' "$bug" "$seed" "$found"
  else
    printf '%s\tnot in %s seeds\n' "$bug" "$seeds"
    missed=1
  fi
done
exit "$missed"

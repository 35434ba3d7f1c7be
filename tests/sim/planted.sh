#!/bin/sh
# Plants the bugs of planted/ in a copy of the tree, and runs seeds on each until a check finds it.
#
#   planted.sh [SEEDS] [BUG ...]       all bugs, or these; so many seeds on each at the most: 60
#   planted.sh --rotate COUNT [SEEDS]  so many bugs, other ones every day
#
# Prints a line for each: the bug, the check that found it, after how many seeds, the seed and what the check said; then a
# line for docs/reliability/ledger.csv. Ends with status 1 if one was not found. PLANTED_FROM is the first seed: 1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

# One bug, in a program that has them all.
if [ "${1:-}" = --hunt ]; then
  program=$2 seeds=$3 bug=$4
  from=${PLANTED_FROM:-1}
  seed=$from
  while [ "$seed" -lt $((from + seeds)) ]; do
    tried=$((seed - from + 1))
    report=$(PLANTED=$bug "$program" --seed "$seed" 2>&1 | tail -n 1)
    case $report in
    *'"violation":null'*) ;;
    *'"violation":"'*)
      said=$(printf '%s' "$report" | sed -E 's/.*"violation":"at [0-9]+ ms: (.*)","?.*/\1/')
      check=$(printf '%s' "$said" | sed -E 's/^n[0-9]+ /a node /; s/: .*//')
      printf '%s\t%s\t%s\t%s\t%.150s\n' "$bug" "$check" "$tried" "$seed" "${said#*: }"
      exit 0
      ;;
    *)
      printf '%s\tended without a report\t%s\t%s\t%.150s\n' "$bug" "$tried" "$seed" "$report"
      exit 0
      ;;
    esac
    seed=$((seed + 1))
  done
  printf '%s\tNOT FOUND\t%s\n' "$bug" "$seeds"
  exit 0
fi

all=$(cd "$here/planted" && ls ./*.patch | sed 's|^\./||; s|\.patch$||; /^0-switch$/d')
if [ "${1:-}" = --rotate ]; then
  count=$2
  shift 2
  day=$(($(date +%s) / 86400))
  bugs=$(printf '%s\n' "$all" | awk -v count="$count" -v day="$day" '
    { bug[NR - 1] = $0 }
    END { for (n = 0; n < count && n < NR; n++) print bug[(day * count + n) % NR] }')
else
  bugs=
fi
seeds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -eq 0 ] || bugs=$(printf '%s\n' "$@")
bugs=${bugs:-$all}

target=${CARGO_TARGET_DIR:-$root/target/sim}
# Always in the same place: what is built of it is found again.
copy=$target/planted
rm -rf "$copy"
mkdir -p "$copy"
trap 'rm -rf "$copy"' EXIT
(cd "$root" && git ls-files -z -- Cargo.toml Cargo.lock crates proto tests/oracle tests/sim deploy | xargs -0 cp -p --parents -t "$copy")
cd "$copy"
# The switch first: the others ask it, and a process has the one bug that PLANTED names.
for patch in "$here"/planted/*.patch; do
  patch -p1 --quiet --no-backup-if-mismatch <"$patch" || { echo "$patch does not apply any more" >&2 && exit 1; }
done
# The one crate below openraft, from its own place: openraft is built already.
sed -i "s|\"../../crates/base2histogram\"|\"$root/crates/base2histogram\"|" tests/sim/Cargo.toml
(cd tests/sim && CARGO_TARGET_DIR=$target cargo build --quiet)
program=$copy/sim
cp "$target/debug/sim" "$program"

found=$copy/found
printf '%s\n' "$bugs" | xargs -P 2 -I '{}' "$here/planted.sh" --hunt "$program" "$seeds" '{}' | tee "$found"

missed=$(awk -F '\t' '$2 == "NOT FOUND"' "$found" | wc -l)
total=$(wc -l <"$found")
ran=$(awk -F '\t' '{ sum += $3 } END { print sum }' "$found")
commit=$(git -C "$root" rev-parse --short HEAD)
echo "$(date -u +%F),$commit,planted,$ran,,,,,,,,,,$((total - missed))/$total,just planted $seeds"
[ "$missed" -eq 0 ]

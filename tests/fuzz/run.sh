#!/bin/sh
# Runs fuzz targets, as many at once as there are processors, each for so many seconds:
#
#   tests/fuzz/run.sh SECONDS [TARGET...]
#
# It prints the executions of each target, and a line of JSON at the end for the ledger. An input that makes a target
# panic is kept in `regressions`, where `cargo test` finds it until it is mended; the run then fails. So does one in which
# a target has fewer than a hundred executions, or all have fewer than FUZZ_FLOOR; FUZZ_LEDGER names a ledger that gets a
# line. New inputs are kept under the target directory: `tests/fuzz/keep.sh` takes the smallest set of them into the
# repository.
set -eu

seconds=${1:?how many seconds for each target}
shift
cd "$(dirname "$0")"
root=$(pwd)
[ $# -gt 0 ] || set -- $(cd engine/src/bin && ls | sed 's/\.rs$//')

# Flags of the caller would take the place of the instrumentation.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
command -v c++ >/dev/null || { echo "libFuzzer is C++: install a compiler for it, such as g++" >&2; exit 1; }
built=${CARGO_TARGET_DIR:-$root/engine/target}
(cd engine && CARGO_TARGET_DIR=$built cargo build --release)
programs=$built/$(rustc -vV | sed -n 's/^host: //p')/release
found=$built/found
logs=$built/logs
mkdir -p "$logs"

export seconds root programs found logs
printf '%s\n' "$@" | xargs -P "${FUZZ_JOBS:-$(getconf _NPROCESSORS_ONLN)}" -I TARGET sh -c '
    mkdir -p "$found/TARGET"
    "$programs/TARGET" "$found/TARGET" "$root/corpus/TARGET" \
        -max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 \
        -artifact_prefix="$root/regressions/TARGET-" -print_final_stats=1 >"$logs/TARGET" 2>&1
    echo $? >"$logs/TARGET.status"'

# Of each target, however few seconds it has: even the slowest does more in one.
least=100
total=0
broken=0
idle=
json=
for target in "$@"; do
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$target")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$logs/$target" | tail -1)
    said=$(cat "$logs/$target.status")
    printf '%-16s %12s executions  %6s edges' "$target" "${runs:-0}" "${covered:-0}"
    if [ "$said" = 0 ]; then
        echo
    else
        echo "  BROKEN (status $said)"
        grep -aE 'panicked|ERROR|SUMMARY|Test unit written' -A2 "$logs/$target" | head -20
        broken=$((broken + 1))
        for input in regressions/"$target"-*; do
            mkdir -p "regressions/$target"
            mv "$input" "regressions/$target/${input##*-}"
        done
    fi
    [ "${runs:-0}" -ge "$least" ] || idle="$idle $target"
    total=$((total + ${runs:-0}))
    json="$json${json:+,}\"$target\":${runs:-0}"
done

printf '{"commit":"%s","seconds":%s,"executions":%s,"broken":%s,"targets":{%s}}\n' \
    "$(git rev-parse --short HEAD 2>/dev/null || echo none)" "$seconds" "$total" "$broken" "$json"
if [ -n "${FUZZ_LEDGER:-}" ]; then
    echo "$(date -u +%F),$(git rev-parse --short HEAD),fuzz,,,,$total,,,$broken,,,,,tests/fuzz/run.sh $seconds" >>"$FUZZ_LEDGER"
fi
if [ "$broken" -gt 0 ]; then exit 1; fi
if [ -n "$idle" ]; then
    echo "fewer than $least executions:$idle" >&2
    exit 1
fi
if [ "$total" -lt "${FUZZ_FLOOR:-0}" ]; then
    echo "fewer executions than the floor of $FUZZ_FLOOR" >&2
    exit 1
fi

#!/bin/sh
# Load on a cluster for a while: memory and disk of every node have to stop growing.
#
#   router-hosts dev --run sh tests/soak.sh [PERIODS [LENGTH]]      15 periods of 20s, if nothing is said
#
# After each period a line for every node: resident memory and data directory, in KiB. The largest of the last third may
# be a quarter above the largest of the middle third, and 16 MiB; the first third is for warming up.
set -eu

periods=${1:-15}
length=${2:-20s}
seen=$(mktemp)
trap 'rm -f "$seen"' EXIT

period=0
while [ "$period" -lt "$periods" ]; do
    # Changes of the same few hosts, and then their end: what is left after each period is the same.
    router-hosts --format json bench --writers 64 --readers 4 --hosts 500 --for "$length" >/dev/null
    router-hosts --format json bench clean >/dev/null
    for node in "$ROUTER_HOSTS_DEV"/n*/; do
        memory=$(awk '/^VmRSS:/ { print $2 }' "/proc/$(cat "$node/pid")/status")
        disk=$(du -sk "$node/data" | cut -f1)
        echo "$period $(basename "$node") $memory $disk" | tee -a "$seen"
    done
    period=$((period + 1))
done

awk -v periods="$periods" '
    function larger(a, b) { return a > b ? a : b }
    function judge(what, middle, last) {
        printf "%s: at most %d KiB in the middle third, %d KiB in the last\n", what, middle, last
        if (last > middle * 5 / 4 + 16384) { printf "%s grows\n", what; bad = 1 }
    }
    $1 >= periods * 2 / 3 { memory[2] = larger(memory[2], $3); disk[2] = larger(disk[2], $4); next }
    $1 >= periods / 3     { memory[1] = larger(memory[1], $3); disk[1] = larger(disk[1], $4) }
    END { judge("memory", memory[1], memory[2]); judge("disk", disk[1], disk[2]); exit bad }
' "$seen"

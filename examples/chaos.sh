#!/bin/sh
# Faults in a cluster that is being written to, and what has to be true then. For CI pipelines: run it with
#
#   router-hosts dev --chaos --run sh examples/chaos.sh report.xml
#
# It puts a load on the cluster, cuts the leader off, kills a follower, heals
# everything, and asserts that the nodes agree and no acknowledged write is
# lost; then it does the same with faults drawn from a seed. The outcome is in
# report.xml (JUnit) and in the exit status. Needs neither root nor containers.
set -eu

: "${ROUTER_HOSTS_DEV:?run me with: router-hosts dev --chaos --run sh examples/chaos.sh report.xml}"
report=${1:-report.xml}
seed=${CHAOS_SEED:-7}
acked=$ROUTER_HOSTS_DEV/acked.txt
rm -f "$report" "$acked"

step() {
    printf '\n== %s\n' "$*"
}

step "put a load on the cluster"
router-hosts --format table bench --writers 4 --readers 0 --for 15s --acked "$acked" &
load=$!
# As soon as the first write is acknowledged.
until [ -s "$acked" ]; do
    kill -0 "$load"
done

step "cut the leader off"
router-hosts --format table chaos partition leader
sleep 4
router-hosts --format table chaos status
router-hosts --format table chaos heal

step "kill a follower, while the links of all nodes are slow"
router-hosts --format table chaos delay all --by 10ms --jitter 5ms --seed "$seed"
router-hosts --format table chaos kill follower
sleep 2

step "heal everything"
router-hosts --format table chaos heal
wait "$load"

# The first that does not hold ends this script; the report has it, too.
step "what has to be true now"
check() {
    name=$1
    shift
    router-hosts --format table assert --junit "$report" --name "$name" "$@"
}
check "converged after the faults" converged --within 30s
check "equal files after the faults" equal
check "no write is lost" no-lost-writes "$acked"

step "faults drawn from the seed $seed"
router-hosts --format table chaos run --seed "$seed" --for 30s
check "equal files after the run" equal

#!/bin/sh
# The long run of everything that is tried with chance, as root, for so many minutes:
#
#   tests/nightly.sh MINUTES
#
# Two fifths of the time are for simulated seeds, two for trials of real clusters, and a fifth is shared by power cuts,
# failpoints, kills, fuzzing and a soak. Each campaign begins with a chance of its own, which it prints; seeds, trials,
# power cuts of clusters and fuzzing add their lines to docs/reliability/ledger.csv. Everything is run, whatever fails;
# at the end it says what did.
set -u

minutes=${1:?how many minutes}
cd "$(dirname "$0")/.."
ledger=$(pwd)/docs/reliability/ledger.csv
export ROUTER_HOSTS_LEDGER="$ledger" ROUTER_HOSTS_REQUIRE_ROOT_TESTS=1
failed=

# One campaign, with a new chance.
run() {
    what=$1
    shift
    seed=$(date +%s)
    printf '\n== %s (seed %s)\n' "$what" "$seed"
    CLUSTER_SEED=$seed ROUTER_HOSTS_SEED=$seed "$@" || failed="$failed
  $what: CLUSTER_SEED=$seed ROUTER_HOSTS_SEED=$seed $*"
}

# A program built to be fast: more happens in the same time.
export CARGO_PROFILE_DEV_OPT_LEVEL=2 CARGO_INCREMENTAL=0
CARGO_TARGET_DIR="$(pwd)/target/nightly"
export CARGO_TARGET_DIR

simulate() {
    (cd tests/sim && CARGO_TARGET_DIR="$CARGO_TARGET_DIR/sim" cargo run -- --seeds 1000000 --from "$(date +%s)" --minutes $((minutes * 2 / 5)) --ledger "$ledger")
}
run seeds simulate

end=$(($(date +%s) + minutes * 2 / 5 * 60))
while [ "$(date +%s)" -lt "$end" ]; do
    begun=$(date +%s)
    run trials env ROUTER_HOSTS_TRIALS=84 cargo test -p router-hosts --test trials -- --nocapture
    # What fails at once does so again.
    [ $(($(date +%s) - begun)) -ge 60 ] || break
done

# Each of these takes its share of the last fifth, or some minutes at least.
share=$((minutes / 25 + 1))
run "power cuts of a store" env ROUTER_HOSTS_CUTS=$((share * 20)) cargo test -p raft-store --test power_cut -- --nocapture
run "power cuts of a cluster" env ROUTER_HOSTS_CUTS=$((share * 8)) cargo test -p router-hosts --test cluster -- --nocapture power::
run failpoints env ROUTER_HOSTS_FAILPOINTS=$((share * 8)) \
    cargo test -p router-hosts --features failpoints --test cluster -- --nocapture failpoints::
run kills env ROUTER_HOSTS_KILLS=$((share * 10)) cargo test -p router-hosts --test cluster -- --nocapture kill::a_node_alone
run fuzzing env CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz" FUZZ_LEDGER="$ledger" tests/fuzz/run.sh $((share * 10))
run soak cargo run -p router-hosts -- dev --run sh tests/soak.sh $((share * 3))

if [ -n "$failed" ]; then
    printf '\nfailed; again:%s\n' "$failed"
    exit 1
fi

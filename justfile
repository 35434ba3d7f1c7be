# Each recipe is a line or two that can be typed without `just`.

# Everything CI checks, line by line what .ci/run does; writes nothing into the tree.
check: _format _lint _rooms _docs _deny _dev test-all failpoints _sim _fuzz

# Format and machine fixes.
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

# The fast tests: rules, store, node. Under half a minute.
test:
    cargo test --workspace --lib --bins

# All tests, the real clusters included: the README's second command.
test-all:
    cargo test --workspace

# The real clusters alone.
cluster *FILTER:
    cargo test -p router-hosts --test cluster {{FILTER}}

# A node that fails at named places of its own code; all of them take turns from a seed.
failpoints TRIALS="8":
    ROUTER_HOSTS_FAILPOINTS={{TRIALS}} cargo test -p router-hosts --features failpoints --test cluster -- --nocapture failpoints::

# Trials of real clusters under real faults, as root: `just trials 42`, `just trials 20 "power cut"`.
trials COUNT="25" FAULT="":
    ROUTER_HOSTS_TRIALS={{COUNT}} ROUTER_HOSTS_FAULT={{quote(FAULT)}} cargo test -p router-hosts --test trials -- --nocapture

# Simulated clusters: so many seeds from a first one, each a minute of three or five nodes.
sim SEEDS="200" FROM="1":
    cd tests/sim && cargo run -- --seeds {{SEEDS}} --from {{FROM}}

# Bugs planted in a copy of the tree: each must be found within so many seeds. `just planted 60 BUG`, `just planted --rotate 3 60`.
planted *ARGS="60":
    tests/sim/planted.sh {{ARGS}}

# What takes long, as root, for so many minutes: seeds, trials, power cuts, fuzzing, kills, a soak; with lines for
# docs/reliability/ledger.csv.
nightly MINUTES="240":
    tests/nightly.sh {{MINUTES}}

# Each fuzz target for so many seconds, on all processors; needs a C++ compiler. tests/fuzz/run.sh says more.
fuzz SECONDS *TARGETS:
    tests/fuzz/run.sh {{SECONDS}} {{TARGETS}}

# Load on a cluster for some minutes: memory and disk have to reach a plateau.
soak PERIODS="18":
    cargo run -p router-hosts -- dev --run sh tests/soak.sh {{PERIODS}}

# Benchmarks: the core, the store, then a cluster, with etcd beside it where that is installed.
bench *SECTION:
    cargo bench -p hosts -p raft-store
    cargo bench -p router-hosts --bench cluster -- {{SECTION}}

_format:
    cargo fmt --all --check

_lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy -p router-hosts --no-default-features -- -D warnings
    cargo clippy -p router-hosts --features failpoints --all-targets -- -D warnings

_docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

_rooms:
    sh deploy/check-rooms.sh

_deny:
    cargo deny --all-features check bans licenses sources

_dev:
    cargo run -p router-hosts -- dev --import examples/home.hosts --once

_sim:
    cd tests/sim && cargo fmt --check && cargo clippy --all-targets -- -D warnings
    cd tests/sim && cargo run -- --seeds 200 --from 1 --jobs 2 && cargo test

_fuzz:
    cargo fmt --manifest-path tests/fuzz/engine/Cargo.toml --check
    FUZZ_FLOOR=200000 tests/fuzz/run.sh 10

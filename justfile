# Each recipe is a line or two that can be typed without `just`.

# Everything CI checks; writes nothing into the tree.
check: _format _lint _docs _rooms _deny test-all

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

# Benchmarks: the core, the store, then a cluster, with etcd beside it where that is installed.
bench *SECTION:
    cargo bench -p hosts -p raft-store
    cargo bench -p router-hosts --bench cluster -- {{SECTION}}

_format:
    cargo fmt --all --check

_lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy -p router-hosts --no-default-features -- -D warnings

_docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

_rooms:
    sh deploy/check-rooms.sh

_deny:
    cargo deny --all-features check bans licenses sources

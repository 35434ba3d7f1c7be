#!/bin/sh
# The arrows of ARCHITECTURE.md, checked against what cargo builds.
set -eu

# uses WHO WHAT [cargo options]: fails when WHO's tree has the crate WHAT.
uses_not() {
    who=$1
    what=$2
    shift 2
    if cargo tree --offline -e normal -p "$who" "$@" --prefix none --format '{p}' |
        cut -d' ' -f1 | grep -qx "$what"; then
        echo "$who must not depend on $what" >&2
        exit 1
    fi
}

for room in raft-store proto node router-hosts tokio; do uses_not hosts "$room"; done
for room in proto node router-hosts tonic; do uses_not raft-store "$room"; done
for room in raft-store node router-hosts openraft sled; do uses_not proto "$room"; done
uses_not node router-hosts
for room in node raft-store openraft sled; do uses_not router-hosts "$room" --no-default-features; done
for provider in aws-lc-rs openssl-sys; do uses_not router-hosts "$provider"; done
echo "the rooms depend on each other as ARCHITECTURE.md draws them"

#!/bin/sh
# A cluster loses its leader and goes on: run it with
#
#   router-hosts dev --run sh examples/failover.sh
#
# It adds a host through one follower, changes it through the other, kills the
# leader, adds another host, starts the killed node again, and compares the
# hosts files of all nodes. Every step is printed; the first that fails ends it.
set -eu

: "${ROUTER_HOSTS_DEV:?run me with: router-hosts dev --run sh examples/failover.sh}"

step() {
    printf '\n== %s\n' "$*"
}

# The names of the nodes in this role, as the cluster knows them.
nodes_in_role() {
    router-hosts --format csv cluster status | awk -F, -v role="$1" '$4 == role && $5 == "true" { print $2 }'
}

# Where a node listens.
address_of() {
    router-hosts --format csv cluster status | awk -F, -v name="$1" '$2 == name { print $3 }'
}

sha256() {
    if command -v sha256sum >/dev/null; then
        sha256sum "$1" | cut -d ' ' -f 1
    else
        shasum -a 256 "$1" | cut -d ' ' -f 1
    fi
}

leader=$(nodes_in_role leader)
followers=$(nodes_in_role voter)
# Two words, the names of two nodes: taken apart on purpose.
# shellcheck disable=SC2086
set -- $followers
if [ "$#" -lt 2 ]; then
    echo "this needs a leader and two followers: router-hosts dev --nodes 3" >&2
    exit 2
fi
first=$1
second=$2

step "the leader is $leader, the followers are $first and $second"
router-hosts --format table cluster status

step "add nas.lan through $first"
router-hosts --format table --server "$(address_of "$first")" \
    host add --ip 10.0.0.7 --hostname nas.lan --tag storage --wait=published

step "change nas.lan through $second"
router-hosts --format table --server "$(address_of "$second")" \
    host update nas.lan --ip 10.0.0.8 --alias files.lan --wait=published

step "kill the leader, $leader"
router-hosts --format table chaos kill "$leader"

step "add printer.lan: the two that are left elect a leader first"
router-hosts --format table host add --ip 10.0.0.9 --hostname printer.lan --wait

step "start $leader again, and wait until the others reach it"
router-hosts --format table chaos restart "$leader"
tries=0
until [ "$(nodes_in_role voter | wc -l)" -eq 2 ] && [ "$(nodes_in_role leader | wc -l)" -eq 1 ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 300 ]; then
        echo "$leader is not back" >&2
        exit 1
    fi
done

step "one more change, which every node has to write"
router-hosts --format table host update printer.lan --comment office --wait=published

step "compare the hosts files"
expected=
for node in "$leader" "$first" "$second"; do
    hash=$(sha256 "$ROUTER_HOSTS_DEV/$node/hosts")
    echo "$node  $hash"
    if [ -n "$expected" ] && [ "$hash" != "$expected" ]; then
        echo "the files are not equal" >&2
        exit 1
    fi
    expected=$hash
done
for name in nas.lan files.lan printer.lan; do
    if ! grep -q "$name" "$ROUTER_HOSTS_DEV/$leader/hosts"; then
        echo "$name is missing" >&2
        exit 1
    fi
done
echo "3 equal files, with everything that was acknowledged"

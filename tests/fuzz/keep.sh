#!/bin/sh
# Takes what the engine has found into the corpora of the repository:
#
#   tests/fuzz/keep.sh [TARGET...]
#
# What is there already stays. Of what covers more come the smallest inputs, as long as a target's corpus has no more
# than 60 files and 16 KiB: it is read by people, and by every test run.
set -eu

cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- $(cd engine/src/bin && ls | sed 's/\.rs$//')
built=${CARGO_TARGET_DIR:-$(pwd)/engine/target}
programs=${FUZZ_PROGRAMS:-$built/$(rustc -vV | sed -n 's/^host: //p')/release}
found=${FUZZ_FOUND:-$built/found}

for target in "$@"; do
    new=$(mktemp -d)
    cp "corpus/$target"/* "$new"
    "$programs/$target" -set_cover_merge=1 -max_len=512 "$new" "$found/$target" >/dev/null 2>&1
    files=$(ls "corpus/$target" | wc -l)
    bytes=$(du -sb "corpus/$target" | cut -f1)
    for input in $(ls -Sr "$new"); do
        [ -e "corpus/$target/$input" ] && continue
        size=$(wc -c <"$new/$input")
        if [ "$files" -lt 60 ] && [ $((bytes + size)) -le 16384 ]; then
            cp "$new/$input" "corpus/$target/$input"
            files=$((files + 1))
            bytes=$((bytes + size))
        fi
    done
    rm -r "$new"
    printf '%-16s %3s files\n' "$target" "$files"
done

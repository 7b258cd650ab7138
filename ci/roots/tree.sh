#!/usr/bin/env bash
# Prints the path of a Debian 12 tree, made once by mmdebstrap in ISOTEST_ROOTS_CACHE.
set -euo pipefail

cache=${ISOTEST_ROOTS_CACHE:-$HOME/.cache/isotest-roots}
tree=$cache/debian-12
if ! [ -d "$tree" ]; then
    mkdir -p "$cache"
    rm -rf "$tree.partial"
    mmdebstrap --quiet --variant=minbase --include=jq bookworm "$tree.partial" >&2
    # By these the fixture knows the tree, and that what is the sandbox's own is not the tree's.
    echo "made for a check" >"$tree.partial/etc/isotest-tree"
    touch "$tree.partial"/{tmp,var/tmp,run}/of-the-tree
    mv "$tree.partial" "$tree"
fi
echo "$tree"

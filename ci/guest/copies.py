#!/usr/bin/env bash
# Prints what has to be copied into a guest so that the given files and directories are there and can be executed:
# themselves, the directories above them, where symlinks lead, and shared libraries; relative to /, directories first.
#
#     copies.sh FILE_OR_DIRECTORY..
set -euo pipefail

# The shared libraries and the loader of an executable; nothing for what is no dynamic executable.
libraries() {
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true
}

# A path, with its directories' symlinks resolved, and each directory above it.
with_parents() {
    local path=$1 parent
    path=$(realpath "$(dirname "$path")")/$(basename "$path")
    parent=$(dirname "$path")
    [ "$parent" = / ] || with_parents "$parent"
    echo "$path"
}

copied_files() {
    local path file library
    for path in "$@"; do
        with_parents "$path"
        # The target of a symlink goes with it, so that the name leads somewhere.
        if [ -L "$path" ]; then with_parents "$(realpath "$path")"; fi
        find "$(realpath "$path")" -mindepth 1 2>/dev/null
        find "$(realpath "$path")" -type f -perm -u+x | while read -r file; do
            libraries "$file" | while read -r library; do
                with_parents "$library"
                with_parents "$(realpath "$library")"
            done
        done
    done
}

copied_files "$@" | sed 's|^/*||' | awk '!seen[$0]++'

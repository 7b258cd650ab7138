#!/usr/bin/env bash
# The inner half of as-user.sh, in a mount namespace of its own: brings directories into the user's reach, becomes the
# user, and executes the command.
#
#     in-reach.sh UID DIRECTORY.. -- COMMAND [ARGUMENT..]
set -euo pipefail

uid=$1
shift
as_user=(setpriv --reuid "$uid" --regid "$uid" --clear-groups --)

# The topmost directory above a path that the user may not enter; nothing if there is none.
closed_directory_of() {
    local path=$1 closed=
    while [ "$path" != / ]; do
        path=$(dirname "$path")
        "${as_user[@]}" test -x "$path" || closed=$path
    done
    echo "$closed"
}

# Covers a closed directory with an open one that holds nothing but the given directories of the old one.
open_up() {
    local closed=$1 aside path
    shift
    aside=$(mktemp -d /tmp/isotest-ci.XXXXXX)
    mount --bind "$closed" "$aside"
    mount -t tmpfs -o mode=755 open "$closed"
    for path in "$@"; do
        mkdir -p "$path"
        mount --bind "$aside/${path#"$closed"/}" "$path"
    done
    umount "$aside"
    rmdir "$aside"
}

declare -A wanted=()
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then
        path=$(realpath "$1")
        closed=$(closed_directory_of "$path")
        [ -z "$closed" ] || wanted[$closed]+="$path"$'\n'
    fi
    shift
done
shift
for closed in "${!wanted[@]}"; do
    readarray -t paths <<<"${wanted[$closed]%$'\n'}"
    open_up "$closed" "${paths[@]}"
done
# The working directory may have been covered.
cd "$PWD"
exec "${as_user[@]}" "$@"

#!/usr/bin/env bash
# Compares what `cargo isotest closure` finds for programs of musl with what musl's loader says: ci/closure.sh PROGRAM
# PROGRAM is the built cargo-isotest.
set -euo pipefail

isotest=$1
loader=$(echo /lib/ld-musl-*.so.1)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

mkdir -p lib/inner
echo 'int inner(void) { return 0; }' >inner.c
echo 'int inner(void); int outer(void) { return inner(); }' >outer.c
echo 'int outer(void); int main(void) { return outer(); }' >main.c
musl-gcc -shared -fPIC -o lib/inner/libinner.so inner.c
# Nothing of its own leads to what it needs: musl looks where the program says.
musl-gcc -shared -fPIC -o lib/libouter.so outer.c -Llib/inner -linner
# shellcheck disable=SC2016 # the loader's variable
musl-gcc -o program main.c -Llib -louter -Wl,-rpath-link,lib/inner -Wl,-rpath,'$ORIGIN/lib:$ORIGIN/lib/inner'

compare() {
    local expected found
    expected=$("$loader" --list program | awk '$2 == "=>" {print $3}' | xargs realpath | sort -u)
    found=$("$isotest" isotest closure --message-format json program |
        python3 -c 'import json, sys; print(*(o["real_path"] for o in json.load(sys.stdin)["objects"][1:]), sep="\n")' | sort -u)
    diff <(echo "$expected") <(echo "$found") || { echo "error: $1" >&2; exit 1; }
    echo "$1: $(wc -l <<<"$found") libraries, as the loader says"
}

./program
compare "run paths"
mkdir other
mv lib/inner/libinner.so other
if ./program 2>/dev/null; then
    echo "error: the library is still found" >&2
    exit 1
fi
LD_LIBRARY_PATH=$place/other compare "LD_LIBRARY_PATH"

#!/usr/bin/env bash
# Executes fixtures in a Debian 12 tree, as a directory, as an archive and as images of containers: ci/roots.sh PROGRAM
# PROGRAM is the built cargo-isotest.
set -euo pipefail

isotest=$1
ci=$(dirname "$(realpath "$0")")
fixture=$ci/../fixtures/projects/roots
tree=$("$ci/roots/tree.sh")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# Every file with its permissions, owner, size, time and content.
state() {
    (cd "$tree" && find . -printf '%p %m %U %G %s %T@ %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 cat | sha256sum)
}

run() {
    local what=$1
    shift
    echo "-- $what"
    "$isotest" isotest --manifest-path "$fixture/Cargo.toml" --target-dir "$place/target" "$@" >"$place/log" 2>&1 || {
        cat "$place/log" >&2
        echo "error: $what failed" >&2
        exit 1
    }
    grep Summary "$place/log"
}

before=$(state)
run "glibc, in a directory" --root "dir:$tree"
run "musl, in a directory" --root "dir:$tree" --target x86_64-unknown-linux-musl
[ "$(state)" = "$before" ] || { echo "error: the tree has changed" >&2; exit 1; }
if "$isotest" isotest --manifest-path "$fixture/Cargo.toml" --target-dir "$place/target" >"$place/log" 2>&1; then
    echo "error: the fixture passes without the tree, too" >&2
    exit 1
fi

tar -C "$tree" --sort=name -cf "$place/tree.tar" .
gzip -1 -k "$place/tree.tar"
zstd -q -1 "$place/tree.tar" -o "$place/tree.tar.zst"
"$ci/roots/image.py" "$place/tree.tar" "$place/layout" "$place/saved.tar"
tar -C "$place/layout" -cf "$place/layout.tar" .
for root in tar:tree.tar tar:tree.tar.gz tar:tree.tar.zst oci:layout oci:layout.tar oci:saved.tar; do
    run "glibc, ${root/:/ }" --root "${root%%:*}:$place/${root#*:}"
done
run "musl, in an image" --root "oci:$place/layout" --target x86_64-unknown-linux-musl

# What cannot be executed there is told before any test.
refused() {
    local what=$1 expected=$2
    shift 2
    if "$isotest" isotest --manifest-path "$fixture/Cargo.toml" --target-dir "$place/target" "$@" >"$place/log" 2>&1; then
        echo "error: $what was accepted" >&2
        exit 1
    fi
    echo "-- $what is refused"
    grep -qF -- "$expected" "$place/log" || { cat "$place/log" >&2; echo "error: $what: no word of $expected" >&2; exit 1; }
}
mkdir "$place/empty"
refused "a root without a loader" "its loader \`/lib64/ld-linux-x86-64.so.2\` is not there" --root "dir:$place/empty"
mkdir -p "$place/old"/{lib64,lib/x86_64-linux-gnu}
cp -L "$tree"/lib/x86_64-linux-gnu/{ld-linux-x86-64.so.2,libgcc_s.so.1,libc.so.6} "$place/old/lib/x86_64-linux-gnu"
ln -s ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$place/old/lib64"
# A version that nobody has: the binary is not the older one here, the library is.
sed -i 's/GLIBC_2\.34/GLIBC_9.99/g' "$place/old/lib/x86_64-linux-gnu/libc.so.6"
refused "an older C library" "needs \`GLIBC_2.34\`" --root "dir:$place/old"
head -c 1000000 "$place/tree.tar" >"$place/short.tar"
refused "half an archive" "the archive is cut off" --root "tar:$place/short.tar"
echo "all roots gave the same results"

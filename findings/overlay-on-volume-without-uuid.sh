#!/usr/bin/env bash
# An overlay (Linux 6.18) whose lower layer is a volume without a UUID takes a hard link to a file of that layer for another
# file: `ln f h` succeeds, and `f -ef h` is false. The kernel finds the origin of a changed file by file handles, and trusts
# them on such a volume only if a feature is on that needs them; redirect_dir=on is one. With a UUID it does so always.
# Made with e2fsprogs 1.47.0-2+b2; needs root, for a loop device in a mount namespace of its own.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q e2fsprogs=1.47.0-2+b2 >download.log 2>&1 || { cat download.log; exit 1; }
dpkg-deb --extract e2fsprogs_*.deb package

mkdir layers lower merged
cat >mounted.sh <<'END'
mount -t tmpfs tmpfs layers
mkdir layers/upper layers/work
truncate -s 16M layers/volume
package/sbin/mke2fs -q -t ext4 -U "$1" layers/volume
mount -o loop layers/volume lower
echo text > lower/f
mount -t overlay -o "lowerdir=lower,upperdir=layers/upper,workdir=layers/work,xino=off,$2" overlay merged
ln merged/f merged/h
if [ merged/f -ef merged/h ]; then echo yes; else echo no; fi
END

for expected in "random off yes" "clear off no" "clear on yes"; do
    read -r uuid redirect same <<<"$expected"
    seen=$(unshare --mount --propagation private sh -eu mounted.sh "$uuid" "redirect_dir=$redirect")
    echo "UUID $uuid, redirect_dir=$redirect: one file: $seen"
    [ "$seen" = "$same" ]
done
echo "as stated"

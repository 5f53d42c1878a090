#!/bin/sh
# Puts the system below $1 on the disk that finish.sh left there.
set -eu
root=$1
work=$(mktemp -d)
trap 'umount "$work/view" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT
mv "$root/out" "$work/out"
# What is mounted below it (/proc, /sys, /dev) does not belong to it.
mkdir "$work/view"
mount --bind "$root" "$work/view"
truncate --size=1100M "$work/system"
# Without a journal: the disk lives for two boots.
mke2fs -q -t ext4 -L system -m 0 -O ^has_journal -d "$work/view" "$work/system"
umount "$work/view"
dd if="$work/system" of="$work/out/disk" bs=1M seek=1 conv=notrunc,sparse status=none
mv "$work/out" "$root/out"

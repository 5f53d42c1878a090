#!/bin/sh
# Makes a disk of a local image: disk.sh ENGINE IMAGE FOLDER. Its root as ext4 in
# FOLDER/root.img; kernel and initramfs beside it. Runs as root, or in the user
# namespace of who has the image (`podman unshare`), so that owners are right.
set -eu
engine=$1 image=$2 folder=$3
container=
case $engine in
buildah)
    container=$(buildah from --pull-never "$image")
    root=$(buildah mount "$container")
    ;;
*) root=$("$engine" image mount "$image") ;;
esac
leave() {
    if [ -n "$container" ]; then
        buildah rm "$container" >/dev/null
    else
        "$engine" image unmount "$image" >/dev/null
    fi
}
trap leave EXIT
set -- "$root"/usr/lib/modules/*/
if [ "$#" -ne 1 ] || [ ! -f "$1/vmlinuz" ]; then
    echo "expected one kernel with a vmlinuz under /usr/lib/modules of $image, found: $*" >&2
    exit 1
fi
cp "$1/vmlinuz" "$folder/vmlinuz"
if [ ! -f "$1/initramfs.img" ]; then
    echo "expected ${1#"$root"}initramfs.img in $image, found none" >&2
    exit 1
fi
cp "$1/initramfs.img" "$folder/initramfs.img"
# Room for a machine that lives for some boots, and never less than a fixed part.
size=$(du -s --block-size=1M "$root" | cut -f 1)
mke2fs -q -t ext4 -L image -d "$root" "$folder/root.img" "$((size + size / 4 + 512))M"

#!/bin/sh
# Makes a disk of a local image: disk.sh ENGINE IMAGE FOLDER. Its root as ext4 in
# FOLDER/root.img; kernel and initramfs beside it. Runs as root, or in the user
# namespace of who has the image (`podman unshare`), so that owners are right.
set -eu
engine=$1 image=$2 folder=$3
# Named by us, so that one whose name was never heard can be removed as well.
container="custom-coreos-boot-$$"
begun='' child=''

leave() {
    # What is on its way out is not interrupted again.
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null || true
        wait "$child" || true
    fi
    case $begun in
    '') ;;
    buildah) buildah rm "$container" >/dev/null 2>&1 || true ;;
    *) "$begun" image unmount "$image" >/dev/null 2>&1 || true ;;
    esac
}
# A signal alone runs no EXIT trap: dash(1), where bash(1) runs it.
trap 'exit 130' INT TERM HUP
trap leave EXIT

# For what takes long: in the foreground sh would hear of a signal only at its end.
# The engine's own commands are short, and are not to be cut in their midst.
long() {
    "$@" &
    child=$!
    wait "$child"
    child=''
}

begun=$engine
case $engine in
buildah)
    buildah from --pull-never --name "$container" "$image" >/dev/null
    root=$(buildah mount "$container")
    ;;
*) root=$("$engine" image mount "$image") ;;
esac
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
long du -s --block-size=1M "$root" >"$folder/size"
size=$(cut -f 1 <"$folder/size")
long mke2fs -q -t ext4 -L image -d "$root" "$folder/root.img" "$((size + size / 4 + 512))M"

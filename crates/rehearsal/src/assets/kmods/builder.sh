#!/bin/sh
# Makes a system to compile kernel modules in out of a fresh Debian: what Fedora's image
# is for containerfiles/zfs-kmods/build.sh once dnf has installed what that names. Runs
# inside of it, as root. Expects /kernel-devel.tar, and /kernels with the name of the
# kernel that it is of, and of a newer one.
set -eu
export LC_ALL=C
read -r kernel newer </kernels
devel=/usr/src/kernels/$kernel
mkdir -p "$devel"
tar -C "$devel" -xf /kernel-devel.tar
# The small kernel holds nobody to a signature, so this was not compiled with it.
cc -o "$devel/scripts/sign-file" "$devel/scripts/sign-file.c" -lcrypto
# Of the newer one the name alone: what is built for it must fail.
mkdir -p "/usr/src/kernels/$newer/include/config"
echo "$newer" >"/usr/src/kernels/$newer/include/config/kernel.release"
# The programs run for a minute, and the packages are read twice.
mkdir -p /etc/rpm
echo 'optflags: x86_64 -O0' >/etc/rpmrc
cat >/etc/rpm/macros <<'MACROS'
%debug_package %{nil}
%_binary_payload w1.gzdio
%_source_payload w1.gzdio
MACROS
rm /kernel-devel.tar /kernels
find /var/log /var/cache /var/lib/apt /var/tmp /tmp /boot -xdev -mindepth 1 -delete 2>/dev/null || true

#!/bin/sh
# Builds a small kernel with a name as Fedora's, and OpenZFS's modules for it:
# runs inside of a fresh Debian, as root. Expects /small-kernel.config, the
# kernel's source, and in /debs the packages of Debian's OpenZFS. Leaves /out.
set -eu
export LC_ALL=C KBUILD_BUILD_USER=rehearsal KBUILD_BUILD_HOST=rehearsal
mkdir /out /zfs /tools
jobs=$(nproc)

cd /usr/src
tar -xf linux-source-*.tar.xz
rm linux-source-*.tar.xz
cd linux-source-*
source=$PWD
make -s tinyconfig
cp .config tiny.config
scripts/kconfig/merge_config.sh -m tiny.config /small-kernel.config >/dev/null
make -s olddefconfig
make -s -j"$jobs" bzImage modules
make -s kernelrelease >/out/kernel-release
cp arch/x86/boot/bzImage /out/vmlinuz
tar -cf /out/kernel.tar modules.builtin modules.builtin.modinfo modules.order
# What a module is built against: the contents of a package kernel-devel.
# shellcheck disable=SC2016  # for make
make -s run-command KBUILD_RUN_COMMAND='+"${srctree}/scripts/package/install-extmod-build" /devel'
cp .config /devel/
tar -C /devel -cf /out/kernel-devel.tar .

for package in /debs/*.deb; do
    case $package in
    */zfs-dkms_*)
        dpkg-deb -x "$package" /zfs
        dpkg-deb -f "$package" Version | sed 's/[-+~].*//' >/out/zfs-version
        ;;
    *) dpkg-deb -x "$package" /tools ;;
    esac
done
cd /zfs/usr/src/zfs-*
./configure --quiet --with-config=kernel --with-linux="$source" --with-linux-obj="$source"
make -s -j"$jobs"
strip --strip-debug module/zfs.ko module/spl.ko
cp module/zfs.ko module/spl.ko /out/

# The tools, without what is Debian's own and what needs Python.
cd /tools
rm -rf etc/cron.d etc/init.d etc/sudoers.d etc/default usr/share/doc usr/share/man usr/share/lintian \
    usr/share/bash-completion usr/lib/os-probes usr/lib/zfs-linux/zpool.d etc/zfs/zpool.d \
    usr/lib/modules-load.d usr/bin usr/sbin/arcstat usr/sbin/dbufstat
tar -cf /out/zfs-tools.tar .

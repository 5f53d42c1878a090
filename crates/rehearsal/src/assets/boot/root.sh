#!/bin/sh
# Makes a root like Fedora CoreOS's out of a fresh Debian: runs inside of it, as
# root. Expects /init, the script of the initramfs. Leaves /out.
set -eu
mkdir /out /initramfs
mkdir -p /initramfs/bin
cp /bin/busybox /initramfs/bin/
cp /init /initramfs/init
chmod 755 /initramfs/init
(cd /initramfs && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | gzip -9n) >/out/initramfs.img
rm -rf /initramfs /init

# Only what is said to be enabled is, as on Fedora.
echo 'disable *' >/usr/lib/systemd/system-preset/99-default-disable.preset
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer; do
    systemctl disable "$unit" 2>/dev/null || true
done
# What takes an emulated machine seconds at each boot, and does nothing for this one.
for unit in ldconfig.service modprobe@.service systemd-hwdb-update.service \
    systemd-journal-catalog-update.service systemd-update-done.service; do
    ln -s /dev/null "/etc/systemd/system/$unit"
done
mkdir -p /etc/systemd/system-generators
for name in gpt-auto hibernate-resume integritysetup rc-local run ssh system-update sysv tpm2 \
    veritysetup; do
    ln -s /dev/null "/etc/systemd/system-generators/systemd-$name-generator"
done
# A machine that is booted for the first time has none.
: >/etc/machine-id
rm -f /etc/hostname /var/lib/dbus/machine-id /etc/motd
rm -f /etc/ssh/ssh_host_*
# As on Fedora: made at the first start. Only the kind that is quick, since an
# emulated processor takes ten seconds for one of RSA.
key=/etc/ssh/ssh_host_ed25519_key
printf 'HostKey %s\n' "$key" >/etc/ssh/sshd_config.d/key.conf
mkdir -p /usr/lib/systemd/system/ssh.service.d
printf '[Service]\nExecStartPre=\nExecStartPre=/bin/sh -c "test -f %s || ssh-keygen -q -t ed25519 -N %s -f %s"\nExecStartPre=/usr/sbin/sshd -t\n' \
    "$key" "''" "$key" >/usr/lib/systemd/system/ssh.service.d/keys.conf
rm -f /etc/os-release /usr/lib/os-release
ln -s ../usr/lib/os-release /etc/os-release
# Where Fedora CoreOS has them.
rm -rf /usr/local
mkdir -p /var/usrlocal /sysroot/ostree
ln -s ../var/usrlocal /usr/local
ln -s sysroot/ostree /ostree
find /var/log /var/cache /var/lib/apt /var/tmp /tmp /boot -xdev -mindepth 1 -delete 2>/dev/null || true

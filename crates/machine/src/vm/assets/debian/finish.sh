#!/bin/sh
# Makes the machine's disk out of a fresh Debian: runs inside of it, as root,
# when all packages are there. Leaves /out: kernel, initramfs and disk.
set -eu

kernel=$(ls /lib/modules)

# Ignition runs in the initramfs, and clevis with it.
cat >/etc/dracut.conf.d/vm.conf <<'CONF'
hostonly=no
hostonly_cmdline=no
early_microcode=no
reproducible=yes
# Nobody waits for the packing, everybody for the unpacking.
compress=cat
add_dracutmodules+=" ignition qemu url-lib network crypt btrfs dm clevis clevis-pin-sss clevis-pin-tpm2 rootfs-block systemd-initrd dracut-systemd vm "
omit_dracutmodules+=" i18n plymouth lvm mdraid multipath nfs iscsi cifs fcoe nbd resume terminfo memstrack dmraid "
add_drivers+=" virtio_blk virtio_pci qemu_fw_cfg dm_crypt btrfs ext4 vfat xts aes_generic virtio_rng virtio_net "
# Of the cards only QEMU's.
omit_drivers+=" .*/drivers/net/ethernet/.* .*/drivers/net/wireless/.* "
# The small programs that clevis's scripts call.
install_items+=" /usr/bin/awk /usr/bin/base64 /usr/bin/basename /usr/bin/cat /usr/bin/chmod /usr/bin/cut /usr/bin/dirname /usr/bin/env /usr/bin/grep /usr/bin/id /usr/bin/ls /usr/bin/mkdir /usr/bin/mktemp /usr/bin/od /usr/bin/rm /usr/bin/sed /usr/bin/sleep /usr/bin/sort /usr/bin/tail /usr/bin/touch /usr/bin/tr /usr/bin/uniq /usr/bin/jose /usr/bin/tpm2_createpolicy /usr/bin/tpm2_create /usr/bin/tpm2_createprimary /usr/bin/tpm2_load /usr/bin/tpm2_unseal /usr/bin/tpm2_pcrread /usr/bin/tpm2_flushcontext "
CONF

# Argon2 measures how fast the machine is for two seconds and spends them at
# every opening; under emulation that is most of the run. This guest's volumes
# keep nothing, so the cheapest key derivation will do. /usr/sbin/cryptsetup of
# the initramfs is this wrapper, in front of the real one.
module=/usr/lib/dracut/modules.d/01vm
mkdir -p "$module"
cat >"$module/cryptsetup" <<'WRAP'
#!/bin/sh
case " $* " in
*" luksFormat "* | *" luksAddKey "*)
    case " $* " in
    *" --pbkdf"*) ;;
    *) set -- --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$@" ;;
    esac
    ;;
esac
exec /usr/sbin/cryptsetup.real "$@"
WRAP
chmod 755 "$module/cryptsetup"
cat >"$module/module-setup.sh" <<'SETUP'
#!/bin/bash
check() { return 0; }
depends() { return 0; }
install() {
    inst /usr/sbin/cryptsetup /usr/sbin/cryptsetup.real
    inst_simple "$moddir/cryptsetup" /usr/sbin/cryptsetup
    inst_multiple systemctl journalctl /usr/lib/vm-emergency
    for unit in emergency dracut-emergency; do
        mkdir -p "$initdir/etc/systemd/system/$unit.service.d"
        inst_simple /etc/systemd/system/emergency.service.d/vm.conf \
            "/etc/systemd/system/$unit.service.d/vm.conf"
    done
}
SETUP
chmod 755 "$module/module-setup.sh"

# Where a machine would ask for help at its console, this one says why, and
# powers itself off: nobody sits there.
cat >/usr/lib/vm-emergency <<'WHY'
#!/bin/sh
exec >/dev/console 2>&1
echo
echo "vm: emergency: what has failed"
systemctl --failed --no-legend --plain --no-pager
# Ignition says its config again at the end; the error is more urgent.
for name in ignition clevis-luks-askpass systemd-cryptsetup systemd; do
    echo "vm: emergency: what $name says of it"
    journalctl --boot --no-pager --quiet --output=cat --lines=12 --priority=warning \
        --identifier="$name"
done
echo "vm: emergency: over"
systemctl poweroff --force
WHY
chmod 755 /usr/lib/vm-emergency
mkdir -p /etc/systemd/system/emergency.service.d
cat >/etc/systemd/system/emergency.service.d/vm.conf <<'UNIT'
[Service]
ExecStartPre=
ExecStart=
ExecStart=-/bin/sh /usr/lib/vm-emergency
ExecStopPost=
UNIT

# Ignition relabels what it writes, and wants to know by which list.
mkdir -p /etc/selinux/none/contexts/files
printf 'SELINUX=disabled\nSELINUXTYPE=none\n' >/etc/selinux/config
printf '/.*\t<<none>>\n' >/etc/selinux/none/contexts/files/file_contexts

# The name is the config's to give. `uninitialized` makes the next boot a first
# one, where systemd goes by the presets: Ignition writes one for the units of
# the config, and here all others stay off, as on Fedora.
rm -f /etc/hostname /var/lib/dbus/machine-id
echo uninitialized >/etc/machine-id
mkdir -p /etc/systemd/system-preset
printf '%s\n' 'enable clevis-luks-askpass.path' 'enable ssh.service' \
    'disable systemd-networkd.service' 'disable systemd-networkd-wait-online.service' \
    >/etc/systemd/system-preset/80-vm.preset
echo 'disable *' >/etc/systemd/system-preset/99-vm.preset
printf 'LABEL=system / ext4 defaults 0 1\n' >/etc/fstab
# What the TPM says to clevis belongs on the console.
mkdir -p /etc/systemd/system/clevis-luks-askpass.service.d
printf '[Service]\nStandardOutput=journal+console\nStandardError=journal+console\n' \
    >/etc/systemd/system/clevis-luks-askpass.service.d/vm.conf
# For a person who wants to come in over SSH. Ignition lays keys where Fedora
# CoreOS looks for them.
printf 'AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys.d/ignition\n' \
    >/etc/ssh/sshd_config.d/vm.conf
mkdir -p /etc/systemd/network
printf '[Match]\nName=en*\n[Network]\nDHCP=yes\n' >/etc/systemd/network/50-dhcp.network

mkdir /out
cp "/boot/vmlinuz-$kernel" /out/vmlinuz
dracut --quiet --force --kver "$kernel" /out/initrd
for program in ignition clevis cryptsetup.real tpm2_unseal jose mkfs.btrfs; do
    lsinitrd /out/initrd | grep -q "/$program\$" ||
        lsinitrd /out/initrd | grep -q "/$program " || {
        echo "the initramfs lacks $program" >&2
        exit 1
    }
done

# As on Fedora CoreOS there is a partition `root`, for configs that encrypt it;
# this system lies beside it.
truncate --size=1800M /out/disk
sgdisk --new=1:2048:+1100M --change-name=1:system --new=2:0:0 --change-name=2:root /out/disk >/dev/null

# Nothing of the making machine stays: sources, proxies, caches. The kernel
# comes from outside.
rm -rf /etc/apt/apt.conf.d/99mmdebstrap /etc/apt/sources.list /etc/apt/sources.list.d/* \
    /var/lib/apt/lists/* /var/cache/apt /var/log/* /boot/*

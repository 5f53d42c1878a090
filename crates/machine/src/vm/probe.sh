# What a guest says of itself: plain POSIX sh with coreutils, util-linux and
# systemd, as both Debian and Fedora CoreOS have them. `probe.rs` puts values
# before it and calls of `ask_*` behind it.
#
# A finding is a line SUBJECT<tab>FIELD<tab>VALUE.
set -u
export LC_ALL=C PATH="${PATH:-/usr/bin}:/usr/sbin:/usr/bin:/sbin:/bin"
# Tests put another folder here.
: "${SYS:=/sys}" "${PROC:=/proc}" "${ETC:=/etc}"
TAB=$(printf '\t')
NAME=.custom-coreos-canary

say() { # SUBJECT FIELD VALUE
    printf '%s\t%s\t%s\n' "$1" "$2" "$3"
}

# Text of several lines as one.
flat() {
    tr '\n\t' '  ' | sed 's/ *$//'
}

hash_of() {
    sha256sum | cut -d ' ' -f 1
}

# KEY=VALUE lines as fields.
pairs() { # SUBJECT PREFIX
    while IFS= read -r line; do
        case $line in
        *=*) say "$1" "$2${line%%=*}" "${line#*=}" ;;
        esac
    done
}

is_first_boot() {
    case " $(cat "$PROC/cmdline") " in
    *" ignition.firstboot"[\ =]*) return 0 ;;
    esac
    return 1
}

boot_id() {
    cat "$PROC/sys/kernel/random/boot_id"
}

ask_system() {
    s=system
    say "$s" boot-id "$(boot_id)"
    if is_first_boot; then say "$s" first yes; else say "$s" first no; fi
    # Ignition 2.13 and newer leave a note of the boot that it ran at.
    say "$s" ignition-boot-id "$(sed -n \
        's/.*"provisioningBootID": *"\([^"]*\)".*/\1/p' "$ETC/.ignition-result.json" 2>/dev/null)"
    say "$s" ignition-lines "$(journalctl --boot --quiet --identifier=ignition --output=cat \
        --no-pager 2>/dev/null | grep -c '')"
    say "$s" state "$(systemctl is-system-running 2>/dev/null)"
    say "$s" failed "$(systemctl list-units --failed --all --plain --no-legend --no-pager |
        cut -d ' ' -f 1 | flat)"
    say "$s" jobs "$(systemctl list-jobs --no-legend --no-pager 2>/dev/null | flat)"
    say "$s" targets "$(systemctl list-units --type=target --state=active --plain --no-legend \
        --no-pager | cut -d ' ' -f 1 | flat)"
}

ask_host() {
    say host name "$(uname -n)"
}

ask_karg() { # ARGUMENT
    case " $(cat "$PROC/cmdline") " in
    *" $1 "*) say "karg $1" exists yes ;;
    *) say "karg $1" exists no ;;
    esac
}

ask_group() { # NAME
    s="group $1"
    if entry=$(getent group "$1"); then
        say "$s" exists yes
        entry=${entry#*:*:}
        say "$s" gid "${entry%%:*}"
    else
        say "$s" exists no
    fi
}

ask_user() { # NAME
    s="user $1"
    if ! entry=$(getent passwd "$1"); then
        say "$s" exists no
        return
    fi
    say "$s" exists yes
    IFS=: read -r _ _ uid _ gecos home shell <<EOF
$entry
EOF
    say "$s" uid "$uid"
    say "$s" gecos "$gecos"
    say "$s" home "$home"
    say "$s" shell "$shell"
    say "$s" group "$(id -gn "$1" 2>/dev/null)"
    say "$s" groups "$(id -Gn "$1" 2>/dev/null)"
    hash=$(getent shadow "$1" | cut -d : -f 2)
    say "$s" password "$(printf %s "$hash" | hash_of)"
    keys=
    # What sshd reads by default, and what Fedora CoreOS has it read, too.
    for file in "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys.d/"*; do
        [ -f "$file" ] || continue
        # sshd takes no file that another one could write.
        case $(stat -L -c '%u %a' "$file") in
        "$uid "*[2367]? | "$uid "*[2367]) say "$s" unsafe "$file" && continue ;;
        "$uid "* | "0 "*) ;;
        *) say "$s" unsafe "$file" && continue ;;
        esac
        while IFS= read -r line || [ -n "$line" ]; do
            line=${line%"${line##*[! ]}"}
            [ -z "$line" ] || keys="$keys $(printf %s "$line" | hash_of)"
        done <"$file"
    done
    say "$s" keys "${keys# }"
}

ask_file() { # PATH TAIL
    s="file $1"
    if ! found=$(stat -c '%u %g %U %G %a %F' -- "$1" 2>/dev/null); then
        say "$s" type absent
        return
    fi
    IFS=' ' read -r uid gid user group mode type <<EOF
$found
EOF
    case $type in
    "regular"*) type=file ;;
    "symbolic link") type=link ;;
    esac
    say "$s" type "$type"
    say "$s" uid "$uid"
    say "$s" gid "$gid"
    say "$s" user "$user"
    say "$s" group "$group"
    say "$s" mode "$mode"
    case $type in
    link) say "$s" target "$(readlink -- "$1" | flat)" ;;
    file)
        say "$s" sha256 "$(hash_of <"$1")"
        [ "$2" = 0 ] || say "$s" tail "$(tail -c "$2" -- "$1" | hash_of)"
        ;;
    esac
}

ask_hardlink() { # PATH TARGET
    one=$(stat -c %d:%i -- "$1" 2>/dev/null)
    two=$(stat -c %d:%i -- "$2" 2>/dev/null)
    if [ -n "$one" ] && [ "$one" = "$two" ]; then
        say "hardlink $1" same yes
    else
        say "hardlink $1" same no
    fi
}

# The partitions of a disk, each by its number in the table.
ask_disk() { # DEVICE
    s="disk $1"
    if ! device=$(readlink -e -- "$1"); then
        say "$s" exists no
        return
    fi
    say "$s" exists yes
    numbers=
    for file in "$SYS/class/block/${device##*/}"/*/partition; do
        [ -f "$file" ] || continue
        number=$(cat "$file")
        numbers="$numbers $number"
        part=${file%/partition}
        blkid -p -o export -- "/dev/${part##*/}" 2>/dev/null | pairs "$s" "$number."
    done
    say "$s" partitions "${numbers# }"
}

ask_raid() { # NAME
    s="raid $1"
    if ! device=$(readlink -e -- "/dev/md/$1"); then
        say "$s" level absent
        return
    fi
    md="$SYS/class/block/${device##*/}"
    say "$s" level "$(cat "$md/md/level")"
    say "$s" disks "$(cat "$md/md/raid_disks")"
    say "$s" members "$(ls "$md/slaves" | grep -c '')"
}

ask_luks() { # NAME DEVICE
    s="luks $1"
    if ! device=$(readlink -e -- "$2"); then
        say "$s" TYPE absent
        return
    fi
    say "$s" device "$device"
    blkid -p -o export -- "$device" 2>/dev/null | pairs "$s" ""
    header=$(cryptsetup luksDump --dump-json-metadata "$device" 2>/dev/null | tr -d '\n\t')
    [ -z "$header" ] || say "$s" header "$header"
    if mapping=$(readlink -e -- "/dev/mapper/$1"); then
        for slave in "$SYS/class/block/${mapping##*/}/slaves"/*; do
            [ -e "$slave" ] && say "$s" open-on "/dev/${slave##*/}"
        done
        say "$s" flags "$(cryptsetup status "$1" 2>/dev/null |
            sed -n 's/^ *flags: *//p' | flat)"
    else
        say "$s" open-on nothing
    fi
}

ask_filesystem() { # DEVICE
    s="filesystem $1"
    if ! device=$(readlink -e -- "$1"); then
        say "$s" TYPE absent
        return
    fi
    blkid -p -o export -- "$device" 2>/dev/null | pairs "$s" ""
    canary "$s" "$device"
}

# A file that outlives the first boot: it holds that boot's id.
canary() { # SUBJECT DEVICE
    places=$(findmnt --noheadings --raw --output TARGET --source "$2" 2>/dev/null)
    [ -n "$places" ] || {
        say "$1" canary not-mounted
        return
    }
    for place in $places; do
        # Fedora CoreOS mounts its root read-only, and parts of it writable.
        [ -d "$place" ] && [ -w "$place" ] || continue
        file="$place/$NAME"
        if is_first_boot; then
            boot_id >"$file" && sync "$file" || continue
        fi
        say "$1" canary-at "$file"
        if [ -f "$file" ]; then
            say "$1" canary "$(flat <"$file")"
        else
            say "$1" canary gone
        fi
        return
    done
    say "$1" canary read-only
}

ask_mount() { # PLACE WHAT
    s="mount $1"
    if ! found=$(findmnt --noheadings --raw --nofsroot --output SOURCE,FSTYPE,OPTIONS \
        --mountpoint "$1" 2>/dev/null | tail -n 1) || [ -z "$found" ]; then
        say "$s" source nothing
        return
    fi
    IFS=' ' read -r source type options <<EOF
$found
EOF
    case $2 in
    *=*) wanted=$(findfs "$2" 2>/dev/null) ;;
    *) wanted=$2 ;;
    esac
    say "$s" source "$source"
    say "$s" type "$type"
    say "$s" options "$options"
    if [ "$source" = "$2" ] ||
        [ "$(readlink -e -- "$source")" = "$(readlink -e -- "$wanted" || echo none)" ]; then
        say "$s" from-it yes
    else
        say "$s" from-it no
    fi
}

ask_unit() { # NAME
    s="unit $1"
    # It fails for units that are not enabled, and says so in one word.
    say "$s" enabled "$(systemctl is-enabled -- "$1" 2>/dev/null | head -n 1)"
    case $1 in
    *@.*) return ;;
    esac
    systemctl show --no-pager --property=LoadState,ActiveState,SubState,Result,Type \
        --property=RemainAfterExit,ConditionResult,ConditionTimestampMonotonic \
        --property=ExecMainExitTimestampMonotonic,ExecMainStatus,FragmentPath,DropInPaths \
        --property=WantedBy,RequiredBy,UpheldBy -- "$1" 2>/dev/null | pairs "$s" ""
}

# Waits until the boot is over, whatever came of it.
settle() { # SECONDS
    timeout "$1" systemctl is-system-running --wait >/dev/null 2>&1
    return 0
}

# Sends standard input. Kernel and systemd write to the same line and may do so
# in the midst of ours: so they are asked to be quiet, each line has a number
# and a sum, and all is said twice. Long lines, since each costs some processes,
# which under emulation is what takes time.
send() { # ID
    boot=$(boot_id)
    tag="$1 ${boot%%-*}"
    packed=$(gzip -9 -n | base64 -w 300)
    sum=$(printf '%s\n' "$packed" | hash_of)
    total=0
    lines=
    for line in $packed; do
        total=$((total + 1))
        check=$(printf '%s %s' "$total" "$line" | sha256sum)
        check=${check%"${check#????????}"}
        lines="${lines}custom-coreos-vm line $tag $total $check $line
"
    done
    for _ in 1 2; do
        printf '\n%s begin %s\n' custom-coreos-vm "$tag"
        printf %s "$lines"
        printf '%s end %s %s %s\n' custom-coreos-vm "$tag" "$total" "$sum"
    done
}

quiet() {
    # No message but an emergency on the console; no `[  OK  ]` of systemd.
    dmesg -n 1 2>/dev/null
    # SIGRTMIN+21, which not every shell has a name for: systemd(1), "Signals".
    kill -55 1 2>/dev/null
    return 0
}

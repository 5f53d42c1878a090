# What a guest that was booted from an image says besides, appended to
# `probe.sh`: plain POSIX sh. `boot/questions.rs` has the expectations.

# What this boot is for, from the kernel's command line: `make`, `again`,
# `before`, `candidate` or `back`.
part() {
    for word in $(cat "$PROC/cmdline"); do
        case $word in
        custom-coreos.boot=*) printf %s "${word#*=}" ;;
        esac
    done
}

ask_kernel() {
    s=kernel
    say "$s" release "$(uname -r)"
    if [ -r "$SYS/module/zfs/version" ]; then
        say "$s" module "$(cat "$SYS/module/zfs/version")"
    else
        say "$s" module "not loaded at boot: $(modprobe zfs 2>&1 | flat | cut -c 1-300)"
    fi
    # `zfs version` prints two lines: zfs-X.Y.Z-R and zfs-kmod-X.Y.Z-R.
    say "$s" tools "$(zfs version 2>/dev/null | sed -n 's/^zfs-\([0-9]\)/\1/p' | head -n 1)"
}

ask_time() {
    s='time'
    # Microseconds since the kernel started.
    say "$s" boot "$(systemctl show --property=FinishTimestampMonotonic --value 2>/dev/null)"
    total=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' "$PROC/meminfo")
    free=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' "$PROC/meminfo")
    say "$s" memory "$((total - free))"
}

ask_timer() { # NAME
    systemctl show --property=ActiveState,NextElapseUSecRealtime,NextElapseUSecMonotonic \
        -- "$1" 2>/dev/null | pairs "timer $1" ""
}

# What has other names in other distributions: active if one of them is; else the
# state of the first that is there.
ask_either() { # NAME…
    s="either $1"
    state='not there'
    for unit in "$@"; do
        [ "$(systemctl show --property=LoadState --value -- "$unit" 2>/dev/null)" = loaded ] || continue
        now=$(systemctl is-active -- "$unit" 2>/dev/null)
        if [ "$now" = active ] || [ "$state" = 'not there' ]; then state=$now; fi
        [ "$now" != active ] || break
    done
    say "$s" state "$state"
}

ask_bootc() {
    s=bootc
    # Its status is 127 where there is none.
    words=$(bootc status 2>&1)
    say "$s" status "$?"
    say "$s" said "$(printf %s "$words" | flat | cut -c 1-200)"
}

# A command of the pool's life: its field is `ok`, or what it said.
step() { # FIELD COMMAND…
    field=$1
    shift
    if words=$("$@" 2>&1 </dev/null); then
        say "$s" "$field" ok
        return 0
    fi
    words=$(printf %s "$words" | flat | cut -c 1-400)
    say "$s" "$field" "failed: ${words:-without a word}"
    return 1
}

features() { # POOL
    say "$s" features "$(zpool get -H -o property,value all "$1" 2>/dev/null |
        sed -n 's/^feature@\([^\t]*\)\t\(enabled\|active\)$/\1/p' | flat)"
}

snapshots() { # POOL
    zfs list -H -t snapshot -d 1 -o name "$1" 2>/dev/null
}

# Has the snapshot service keep three. For all services at once, since that takes no
# reload of systemd; unless the image has settings of its own for this one.
keep() { # UNIT
    case $(systemctl show --property=Environment --value -- "$1" 2>/dev/null) in
    *SNAPSHOT_KEEP=*)
        mkdir -p /run/systemd/system/zfs-snapshot@.service.d
        printf '[Service]\nEnvironment=SNAPSHOT_KEEP=3\n' \
            >/run/systemd/system/zfs-snapshot@.service.d/zz-boot.conf
        systemctl daemon-reload
        ;;
    *) systemctl set-environment SNAPSHOT_KEEP=3 ;;
    esac
}

keep_no_more() {
    systemctl unset-environment SNAPSHOT_KEEP
    [ -d /run/systemd/system/zfs-snapshot@.service.d ] || return 0
    rm -r /run/systemd/system/zfs-snapshot@.service.d
    systemctl daemon-reload
}

# One cadence of the image's own snapshot service: three old snapshots of it, one
# that is none of its own, and the service told to keep three.
cadence() { # POOL CADENCE
    prefix="$1@custom-coreos-$2-"
    for day in 1 2 3; do
        zfs snapshot "${prefix}2020010${day}T000000Z"
    done
    zfs snapshot "$1@of-a-person-$2"
    unit="zfs-snapshot@$2:$1.service"
    if ! words=$(systemctl start "$unit" 2>&1); then
        words=$(journalctl --boot --quiet --no-pager --output=cat --lines=3 --unit="$unit" | flat)
        say "$s" "$2" "failed: $(printf %s "$words" | cut -c 1-400)"
        return
    fi
    all=$(snapshots "$1")
    old=$(printf '%s\n' "$all" | grep -c "^${prefix}2020")
    new=$(printf '%s\n' "$all" | grep "^$prefix" | grep -v -c "^${prefix}2020")
    others=$(printf '%s\n' "$all" | grep -c "^$1@of-a-person-$2\$")
    say "$s" "$2" "$new new, $old of 3 old, $others of 1 other"
}

# To the end of a scrub, by the unit of OpenZFS's package where it is there.
scrub() { # POOL
    if systemctl cat "zfs-scrub@$1.service" >/dev/null 2>&1; then
        step scrub-unit systemctl start "zfs-scrub@$1.service" || return
    else
        step scrub-unit zpool scrub "$1" || return
    fi
    waited=0
    while [ "$waited" -lt 120 ]; do
        scan=$(zpool status "$1" | sed -n 's/^ *scan: *//p')
        case $scan in
        *repaired*) break ;;
        esac
        waited=$((waited + 1))
        sleep 1
    done
    say "$s" scrub "$(printf %s "$scan" | sed 's/ in [0-9][^ ]* with / with /; s/ on .*//')"
}

sum() { # FILE
    [ -f "$1" ] || return 0
    hash_of <"$1"
}

# The pool by hand, with the reason if it does not come: `zpool import` names the
# features that it does not know.
import_it() { # POOL
    step import zpool import "$1" && return
    why=$(zpool import 2>&1 | flat | cut -c 1-600)
    say "$s" unsupported "$(printf %s "$why" | tr ' ' '\n' |
        grep '^[a-z.]*[.][a-z]*:[a-z0-9_]*$' | sort -u | flat)"
    return 1
}

ask_pool() { # POOL CADENCE…
    s="pool $1"
    pool=$1
    shift
    say "$s" part "$(part)"
    command -v zpool >/dev/null || return
    if zpool list -H -o name "$pool" >/dev/null 2>&1; then
        say "$s" by-itself yes
    else
        say "$s" by-itself "no: $(journalctl --boot --quiet --no-pager --output=cat --lines=2 \
            --unit=zfs-import-cache.service 2>/dev/null | flat | cut -c 1-300)"
    fi
    case $(part) in
    make) make_pool "$pool" && live "$pool" "$@" ;;
    before) make_pool "$pool" && features "$pool" ;;
    candidate)
        step create of_its_own
        zpool list -H -o name "$pool" >/dev/null 2>&1 || import_it "$pool" || return
        say "$s" data "$(sum "/$pool/data/file")"
        head -c 1000000 /dev/urandom >"/$pool/data/of-the-candidate"
        sync
        live "$pool" "$@"
        say "$s" written "$(sum "/$pool/data/of-the-candidate")"
        ;;
    again)
        say "$s" data "$(sum "/$pool/data/file")"
        say "$s" snapshots "$(lasting "$pool")"
        say "$s" health "$(zpool list -H -o health "$pool")"
        features "$pool"
        ;;
    back)
        if zpool list -H -o name "$pool" >/dev/null 2>&1; then
            say "$s" import ok
        else
            import_it "$pool" || return
        fi
        say "$s" data "$(sum "/$pool/data/file")"
        say "$s" written "$(sum "/$pool/data/of-the-candidate")"
        ;;
    esac
}

make_pool() { # POOL
    step create zpool create -f "$1" /dev/vdb || return
    step dataset zfs create "$1/data" || return
    head -c 4000000 /dev/urandom >"/$1/data/file"
    sync
    say "$s" data "$(sum "/$1/data/file")"
}

# A pool that nobody else uses, on a file.
of_its_own() {
    file=/var/tmp/custom-coreos-boot
    truncate -s 128M "$file" && zpool create -f custom-coreos-boot "$file" &&
        zpool destroy custom-coreos-boot && rm "$file"
}

# Names of the snapshots that no timer of a quarter of an hour has made.
lasting() { # POOL
    snapshots "$1" | grep -v '@custom-coreos-frequently-2' | hash_of
}

# What a pool lives through: snapshots by the image's own units, a scrub, and a
# way out and in again.
live() { # POOL CADENCE…
    pool=$1
    shift
    if [ "$#" -gt 0 ]; then
        keep "zfs-snapshot@$1:$pool.service"
        for cadence in "$@"; do
            cadence "$pool" "$cadence"
        done
        keep_no_more
    fi
    scrub "$pool"
    step export zpool export "$pool" || return
    import_it "$pool" || return
    say "$s" data-again "$(sum "/$pool/data/file")"
    say "$s" snapshots "$(lasting "$pool")"
    features "$pool"
}

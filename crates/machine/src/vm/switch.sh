# From stock Fedora CoreOS to the image and back, over three boots. `switch.rs`
# puts values and the functions of `probe.sh` before it.
#
#   switch   stock: an unsigned image is refused, the signed one taken; reboot
#   image    the image: ZFS, a pool, Tailscale's daemon; rollback; reboot
#   back     stock again; power off
: "${STATE:=/var/lib/custom-coreos-vm}" "${KEYS:=/etc/pki/containers}"
POOL=custom-coreos-vm

# Runs a command: its exit code, and the end of what it says.
try() { # SUBJECT COMMAND…
    s=$1
    shift
    out=$("$@" 2>&1 </dev/null)
    code=$?
    say "$s" code "$code"
    say "$s" said "$(printf '%s\n' "$out" | tail -n 3 | flat)"
    return "$code"
}

status() {
    say "bootc status" json "$(bootc status --format json 2>/dev/null | flat)"
    say "system" kernel "$(uname -r)"
}

ask_switch() {
    # What would reboot or update this machine meanwhile.
    systemctl stop zincati.service custom-coreos-follow.path custom-coreos-follow.service \
        >/dev/null 2>&1
    status
    [ -z "$KEY" ] || try "key" install -D -m 0644 "$KEY" "$KEYS/custom-coreos.pub"
    [ -z "$CONTROL" ] ||
        try "bootc switch (unsigned)" bootc switch --enforce-container-sigpolicy "$CONTROL"
    try "bootc switch" bootc switch --enforce-container-sigpolicy "$IMAGE"
}

ask_image() {
    status
    try "modprobe zfs" modprobe zfs
    say "module zfs" version "$(cat "$SYS/module/zfs/version" 2>/dev/null)"
    pool
    say "unit tailscaled.service" ActiveState "$(systemctl is-active tailscaled.service)"
    # It is logged out, and so fails; but it answers.
    say "tailscale" state "$(tailscale status --json 2>/dev/null |
        sed -n 's/.*"BackendState": *"\([^"]*\)".*/\1/p' | head -n 1)"
    try "bootc rollback" bootc rollback
}

pool() {
    file="$STATE/pool"
    rm -f "$file"
    truncate -s 256M "$file"
    try "zpool create" zpool create -m "$STATE/mnt" "$POOL" "$file" || return
    boot_id >"$STATE/mnt/canary"
    try "zpool export" zpool export "$POOL"
    if [ -e "$STATE/mnt/canary" ]; then left=yes; else left=no; fi
    say "zpool export" mounted "$left"
    try "zpool import" zpool import -d "$STATE" "$POOL"
    say "zpool import" canary "$(cat "$STATE/mnt/canary" 2>/dev/null)"
    say "zpool import" health "$(zpool list -H -o health "$POOL" 2>/dev/null)"
    try "zpool destroy" zpool destroy "$POOL"
    rm -f "$file"
}

ask_back() {
    status
}

# The stage comes from the file that the one before left.
stage_now() {
    cat "$STATE/stage" 2>/dev/null || echo switch
}

go_on() { # STAGE
    case $1 in
    switch) next=image ;;
    image) next=back ;;
    *) next=done ;;
    esac
    echo "$next" >"$STATE/stage"
    # As the machine's own unit leaves it: not to be switched again.
    mkdir -p "$STATE/../custom-coreos"
    touch "$STATE/../custom-coreos/followed"
    sync
    # A switch that failed would only fail again at the next stage.
    if [ "$next" = done ] || [ ! -e "$STATE/ok" ]; then
        systemctl --no-block poweroff
    else
        systemctl --no-block reboot
    fi
}

stage() {
    mkdir -p "$STATE"
    now=$(stage_now)
    rm -f "$STATE/ok"
    {
        ask_system
        "ask_$now" && touch "$STATE/ok"
    } | send "$ID-$now"
    go_on "$now"
}

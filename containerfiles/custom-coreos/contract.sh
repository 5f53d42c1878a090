#!/usr/bin/env bash
# What must hold inside the built image. Fed to `bash -s` in a container of it
# that has no network, no capability and nothing to write to; the caller gives
# KERNEL_VERSION, ZFS_VERSION, PACKAGES, ENABLE_UNITS, DISABLE_UNITS and
# LINT_SKIPS in the environment, HEALTH_MINUTES where the host judges itself, and
# CONTENT: what `content` of image.yaml declares, as words KIND:VALUE.
# MODULE_SIGNER (a serial number, a space, a name) where the modules are signed.
#
# One line for each check, the fields separated by tabs:
#
#     ok|FAIL  check  expected  found
#
# and a last one, `end  N checks, M failed`. White space in a value becomes one
# space. The exit status is 0 only when all passed. No check stops the others:
# there is no `set -e` here, and whatever a tool does (it fails, it is missing)
# is what was found.
shopt -s nullglob globstar dotglob
set -f

checks=0
failed=0

plain() { # VALUE
    local value=${1//[$'\t\n\r']/ }
    printf '%s' "${value:-(nothing)}"
}

report() { # ok|FAIL CHECK EXPECTED FOUND
    checks=$((checks + 1))
    [[ $1 == ok ]] || failed=$((failed + 1))
    printf '%s\t%s\t%s\t%s\n' "$1" "$(plain "$2")" "$(plain "$3")" "$(plain "$4")"
}

same() { # CHECK EXPECTED FOUND
    # An expectation that is empty is fulfilled by nothing.
    if [[ -n $2 && $2 == "$3" ]]; then
        report ok "$@"
    else
        report FAIL "$@"
    fi
}

# The answer of a command in `answer`: what it printed when it succeeded, else
# its exit status and its complaint. It gets no input: ours is this script.
ask() { # COMMAND [ARGUMENT…]
    local status
    answer=$("$@" 2>/dev/null </dev/null)
    status=$?
    ((status == 0)) && return 0
    # Asked again for the complaint, so that warnings of a command that
    # succeeds never mix with its answer.
    answer="exit status ${status}: $("$@" 2>&1 </dev/null)"
    return "${status}"
}

expand() { # PATTERN… -> files
    local IFS=
    set +f
    # shellcheck disable=SC2206  # here the pattern is to be expanded
    files=($1)
    set -f
}

check_arguments() {
    local name
    for name in KERNEL_VERSION ZFS_VERSION; do
        if [[ -n ${!name-} ]]; then
            report ok "argument:${name}" 'a value' "${!name}"
        else
            report FAIL "argument:${name}" 'a value' ''
        fi
    done
}

check_kernel() {
    local files=()
    expand '/usr/lib/modules/*/'
    files=("${files[@]%/}")
    same kernel:directory "${kernel}" "${files[*]##*/}"
    ask rpm --query --queryformat '%{VERSION}-%{RELEASE}.%{ARCH} ' kernel-core
    same kernel:package "${kernel}" "${answer% }"
}

check_module() {
    local files=() modules=() file line found=''
    for file in '' .xz .zst .gz; do
        expand "/usr/lib/modules/${kernel}/**/zfs.ko${file}"
        [[ ! -e ${files[0]-} ]] || modules+=("${files[@]}")
    done
    if ((${#modules[@]} == 1)); then
        report ok module:file 'one zfs.ko' "${modules[0]}"
    else
        report FAIL module:file 'one zfs.ko' "${modules[*]}"
    fi
    # Asked for a name, modinfo could answer for another kernel; so it is asked
    # for the file, and without one for the path that ought to be there.
    file=${modules[0]:-/usr/lib/modules/${kernel}/extra/zfs/zfs.ko}
    if ask modinfo --field vermagic "${file}"; then
        same module:vermagic "${kernel}" "${answer%% *}"
    else
        report FAIL module:vermagic "${kernel}" "${answer}"
    fi
    if [[ -r /usr/lib/modules/${kernel}/modules.dep ]]; then
        while IFS= read -r line; do
            [[ /${line%%:*} != */zfs.ko* ]] || found=${line%%:*}
        done <"/usr/lib/modules/${kernel}/modules.dep"
        same module:modules.dep "${file#"/usr/lib/modules/${kernel}/"}" "${found}"
    else
        report FAIL module:modules.dep 'a line for zfs.ko' 'no readable modules.dep'
    fi
}

check_module_signatures() {
    local files=() file name
    # Whether they are signed is for the kmods image to say.
    [[ -n ${MODULE_SIGNER-} ]] || return 0
    expand "/usr/lib/modules/${kernel}/extra/**/*.ko*"
    ((${#files[@]} > 0)) || report FAIL module-signer 'modules in extra/' ''
    for file in "${files[@]}"; do
        [[ ! -d ${file} ]] || continue
        name=${file##*/}
        ask modinfo --field sig_id "${file}"
        same "module-signature:${name}" 'PKCS#7' "${answer}"
        ask modinfo --field signer "${file}"
        same "module-signer:${name}" "${MODULE_SIGNER#* }" "${answer}"
        ask modinfo --field sig_key "${file}"
        answer=${answer//:/}
        same "module-key:${name}" "${MODULE_SIGNER%% *}" "${answer,,}"
    done
}

check_autoload() {
    local files=() file line found=''
    expand '/usr/lib/modules-load.d/*.conf'
    for file in "${files[@]}"; do
        while IFS= read -r line || [[ -n ${line} ]]; do
            [[ ${line} != zfs ]] || found=${file}
        done <"${file}"
    done
    if [[ -n ${found} ]]; then
        report ok module:autoload 'zfs in /usr/lib/modules-load.d' "${found}"
    else
        report FAIL module:autoload 'zfs in /usr/lib/modules-load.d' 'in none of its files'
    fi
}

# As dnf takes a name: a package, what one provides, or what one has replaced.
installed_as() { # NAME
    local complaint
    ask rpm --query -- "$1" && return
    complaint=${answer}
    ask rpm --query --whatprovides -- "$1" && return
    ask rpm --query --whatobsoletes -- "$1" && return
    answer=${complaint}
    return 1
}

check_packages() {
    local name version count=0 found='no package kmod-zfs-…'
    ask rpm --query --queryformat '%{VERSION} ' zfs
    same package-version:zfs "${zfs}" "${answer% }"
    if ask rpm --query --all --queryformat '%{NAME} %{VERSION}\n'; then
        while read -r name version; do
            [[ ${name} == "kmod-zfs-${kernel}" ]] || continue
            count=$((count + 1))
            found=${version}
        done <<<"${answer}"
        ((count <= 1)) || found="${count} packages"
    else
        found=${answer}
    fi
    same package-version:kmod-zfs "${zfs}" "${found}"
    for name in ${PACKAGES-}; do
        if installed_as "${name}"; then
            report ok "package:${name}" installed "${answer}"
        else
            report FAIL "package:${name}" installed "${answer}"
        fi
    done
}

unit_state() { # UNIT
    # It prints the state also when that makes it fail; without a state the
    # unit does not exist, or there is no systemctl.
    answer=$(systemctl --root=/ is-enabled -- "$1" 2>/dev/null </dev/null)
    [[ -n ${answer} ]] || answer=$(systemctl --root=/ is-enabled -- "$1" 2>&1 </dev/null)
}

check_units() {
    local unit
    for unit in ${ENABLE_UNITS-}; do
        unit_state "${unit}"
        same "unit-enabled:${unit}" enabled "${answer}"
    done
    for unit in ${DISABLE_UNITS-}; do
        unit_state "${unit}"
        if [[ ${answer} == disabled || ${answer} == masked ]]; then
            report ok "unit-disabled:${unit}" 'disabled or masked' "${answer}"
        else
            report FAIL "unit-disabled:${unit}" 'disabled or masked' "${answer}"
        fi
    done
}

check_health() {
    local found
    # Whether the host judges itself is for image.yaml to say.
    [[ -n ${HEALTH_MINUTES-} ]] || return 0
    found=$(sed -n 's/^MINUTES=//p' /usr/lib/custom-coreos/health.conf 2>/dev/null)
    same health:minutes "${HEALTH_MINUTES}" "${found}"
    ask bash -n /usr/libexec/custom-coreos/health && answer=yes
    same health:script yes "${answer}"
}

check_policy() {
    local file=/etc/containers/policy.json
    # Whether there has to be one, and what it says, is not judged here; but a
    # broken one stops every later update of a host. Fedora CoreOS has jq.
    [[ -e ${file} ]] && command -v jq >/dev/null || return 0
    ask jq --exit-status --raw-output type "${file}"
    same policy.json object "${answer}"
}

declares() { # WORD
    [[ " ${CONTENT-} " == *" $1 "* ]]
}

there() { # CHECK FILE
    local found='no such file'
    [[ ! -s $2 ]] || found='a file'
    [[ ! -e $2 || -s $2 ]] || found='an empty file'
    same "$1" 'a file' "${found}"
}

# What a repository's file says for one of its keys.
setting() { # FILE KEY
    answer=$(sed -n "s/^$2=//p" "$1" 2>/dev/null)
}

check_repository() { # NAME|URL
    local name=${1%%|*} file=/etc/yum.repos.d/${1%%|*}.repo
    setting "${file}" baseurl
    same "repository:${name}" "${1#*|}" "${answer}"
    setting "${file}" gpgcheck
    same "repository-signed:${name}" 1 "${answer}"
    there "repository-key:${name}" "/etc/pki/rpm-gpg/${name}"
}

selinux_store() {
    store=$(sed -n 's/^[[:space:]]*store-root[[:space:]]*=[[:space:]]*//p' /etc/selinux/semanage.conf 2>/dev/null)
    store=${store:-/var/lib/selinux}
}

check_selinux_module() { # NAME
    local files=() found='not in the policy store'
    selinux_store
    expand "${store}/*/active/modules/*/$1/cil"
    [[ ! -e ${files[0]-} ]] || found=installed
    same "selinux-module:$1" installed "${found}"
}

check_file_context() { # PATTERN|TYPE
    local line pattern kind found='no line of file_contexts'
    local files=()
    expand '/etc/selinux/*/contexts/files/file_contexts'
    for line in "${files[@]}"; do
        # The pattern, then perhaps a kind of file, then the context.
        while read -r pattern kind answer; do
            [[ ${pattern} == "${1%|*}" ]] || continue
            found=${answer:-${kind}}
        done <"${line}"
    done
    same "file-context:${1%|*}" "system_u:object_r:${1##*|}:s0" "${found}"
}

check_karg() { # ARGUMENT
    local found='in none of its files' files=() file
    expand '/usr/lib/bootc/kargs.d/*.toml'
    for file in "${files[@]}"; do
        [[ $(<"${file}") != *"\"$1\""* ]] || found=there
    done
    same "kernel-argument:$1" there "${found}"
}

# The program's own judgement, where the image has the program.
check_sysusers() { # NAME
    local file=/usr/lib/sysusers.d/$1
    there "sysusers:$1" "${file}"
    command -v systemd-sysusers >/dev/null || return 0
    ask systemd-sysusers --dry-run "${file}" && answer=yes
    same "sysusers-valid:$1" yes "${answer}"
}

check_tmpfiles() { # NAME
    local file=/usr/lib/tmpfiles.d/$1
    there "tmpfiles:$1" "${file}"
    # Its dry run came with systemd 256.
    command -v systemd-tmpfiles >/dev/null && [[ $(systemd-tmpfiles --help 2>/dev/null) == *--dry-run* ]] || return 0
    ask systemd-tmpfiles --dry-run --create "${file}" && answer=yes
    same "tmpfiles-valid:$1" yes "${answer}"
}

check_quadlets() { # NAME…
    local generator name made found
    for generator in /usr/lib/systemd/system-generators/podman-system-generator /usr/libexec/podman/quadlet; do
        [[ -x ${generator} ]] || continue
        if ask env QUADLET_UNIT_DIRS=/usr/share/containers/systemd "${generator}" --dryrun; then
            made=${answer}
            for name in "$@"; do
                # What it makes of a file stands below the name of the unit.
                found=taken
                [[ ${name} != *.container || ${made} == *"---${name%.container}.service---"* ]] || found='no unit of it'
                same "quadlet-valid:${name}" taken "${found}"
            done
        else
            report FAIL quadlets-valid 'to be taken by podman' "${answer}"
        fi
        return 0
    done
    report ok quadlets-valid 'to be taken by podman' 'nobody asked: the image has no generator of podman'
}

check_content() {
    local word value quadlets=()
    for word in ${CONTENT-}; do
        value=${word#*:}
        case ${word%%:*} in
            owned)
                answer='a folder'
                [[ -d ${value} ]] || answer='no folder'
                [[ ! -L ${value} ]] || answer="a link to $(readlink "${value}")"
                same "owned:${value}" 'a folder' "${answer}"
                ;;
            file) there "file:${value}" "${value}" ;;
            repository) check_repository "${value}" ;;
            module) check_selinux_module "${value}" ;;
            context) check_file_context "${value}" ;;
            karg) check_karg "${value}" ;;
            sysusers) check_sysusers "${value}" ;;
            tmpfiles) check_tmpfiles "${value}" ;;
            quadlet)
                there "quadlet:${value}" "/usr/share/containers/systemd/${value}"
                quadlets+=("${value}")
                ;;
        esac
    done
    ((${#quadlets[@]} == 0)) || check_quadlets "${quadlets[@]}"
}

check_usr_local() {
    local files=() file found=()
    declares owned:/usr/local && return 0
    # A link into /var on Fedora CoreOS: what an image ships there is never
    # updated on a host.
    expand '/usr/local/**'
    for file in "${files[@]}"; do
        [[ -d ${file} && ! -L ${file} ]] || found+=("${file}")
    done
    same usr-local '0 files' "${#found[@]} files${found[0]:+: ${found[*]:0:3}}"
}

check_lint() {
    local skip arguments=() expected='to pass'
    for skip in ${LINT_SKIPS-}; do
        arguments+=(--skip "${skip}")
    done
    ((${#arguments[@]} == 0)) || expected+=" without: ${LINT_SKIPS}"
    if ask bootc container lint "${arguments[@]}"; then
        report ok lint "${expected}" "${answer}"
    else
        report FAIL lint "${expected}" "${answer}"
    fi
}

main() {
    kernel=${KERNEL_VERSION-}
    zfs=${ZFS_VERSION-}
    check_arguments
    check_kernel
    check_module
    check_module_signatures
    check_autoload
    check_packages
    check_units
    check_health
    check_policy
    check_content
    check_usr_local
    check_lint
    printf 'end\t%d checks, %d failed\n' "${checks}" "${failed}"
    ((failed == 0))
}

# Called in the last line, so that bash has read all of the script by then:
# nothing that runs can eat the rest of it.
main
exit

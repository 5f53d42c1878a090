#!/usr/bin/env bash
# Turns the Fedora CoreOS base into our image, inside the one RUN step of the
# Containerfile. The first argument is the mounted kmods stage: the RPMs as
# upstream lays them out, and our own files under custom-coreos/. The second is
# what `content` of image.yaml brings; CONTENT says what that is.
#
# Every section says what it expected and what it found when it stops.
set -Eeuo pipefail
shopt -s nullglob
umask 022

usage='usage: install.sh DIRECTORY-OF-THE-KMODS-STAGE DIRECTORY-OF-THE-CONTENT DIRECTORY-OF-THE-PACKAGES'
stage=${1:?${usage}}
content=${2:?${usage}}
# Where packages are kept: REPOSITORY/FILE.
fetched=/usr/share/custom-coreos-packages
given=${3:?${usage}}${fetched}
readonly stage content fetched given
readonly overlay=${stage}/custom-coreos/rootfs

section='start'

begin() {
    section=$1
    printf -- '== %s\n' "${section}"
}

fail() {
    # The ERR trap would only repeat less precisely what is said here.
    trap - ERR
    printf 'install.sh: %s: %s\n' "${section}" "$*" >&2
    exit 1
}

trap 'fail "expected \`${BASH_COMMAND}\` (line ${LINENO}) to succeed, found exit status $?"' ERR

# --- arguments ---------------------------------------------------------------

words() { # NAME-OF-ARRAY VALUE
    # Any white space separates, also a newline; no pattern is expanded.
    read -r -d '' -a "$1" <<<"$2" || true
}

expect_match() { # WHAT VALUE REGEX DESCRIPTION
    [[ $2 =~ ^($3)$ ]] || fail "expected $1 to be $4, found \`$2\`"
}

begin 'arguments'
for name in KMODS_IMAGE BASE_IMAGE KMODS_PATH KERNEL_VERSION ZFS_VERSION; do
    [[ -n ${!name-} ]] || fail "expected a value for the build argument ${name}, found none"
done
for name in KMODS_IMAGE BASE_IMAGE; do
    expect_match "${name}" "${!name}" '[^@ ]+@sha256:[0-9a-f]{64}' 'an image by digest (name@sha256:…)'
done
expect_match KMODS_PATH "${KMODS_PATH}" '/|(/[A-Za-z0-9][A-Za-z0-9._-]*)+' 'a folder of the kmods image, from its root'
expect_match KERNEL_VERSION "${KERNEL_VERSION}" '[0-9]+\.[0-9]+\.[0-9]+-[A-Za-z0-9._]+\.(x86_64|aarch64)' \
    'a kernel as VERSION-RELEASE.ARCH'
expect_match ZFS_VERSION "${ZFS_VERSION}" '[0-9]+\.[0-9]+\.[0-9]+' 'a release as X.Y.Z'

# Written into the package database in place of the time of this build. An empty one
# would be read as 1970.
expect_match SOURCE_DATE_EPOCH "${SOURCE_DATE_EPOCH-}" '|[1-9][0-9]{0,10}' 'seconds since 1970, or nothing'
[[ -n ${SOURCE_DATE_EPOCH-} ]] || unset SOURCE_DATE_EPOCH

from=${PACKAGES_FROM:-repositories}
expect_match PACKAGES_FROM "${from}" 'repositories|lock|asked|fetched' 'a place that packages come from'
packages=() locked=() conflicting=() enable_units=() disable_units=()
words packages "${PACKAGES-}"
words locked "${LOCKED_PACKAGES-}"
words conflicting "${CONFLICTING_PACKAGES-}"
words enable_units "${ENABLE_UNITS-}"
words disable_units "${DISABLE_UNITS-}"
expect_match HEALTH_MINUTES "${HEALTH_MINUTES-}" '|[1-9][0-9]{0,3}' 'minutes, or nothing'
for name in "${packages[@]}" "${conflicting[@]}"; do
    # In particular no leading dash: these words become arguments.
    expect_match 'a package name' "${name}" '[A-Za-z0-9_][A-Za-z0-9._+-]*' 'letters, digits and ._+-'
done
for name in "${locked[@]}"; do
    expect_match 'a package of the lock' "${name}" \
        '[A-Za-z0-9_][A-Za-z0-9._+-]*-[0-9]+:[A-Za-z0-9._+~^]+-[A-Za-z0-9._+~^]+\.[A-Za-z0-9_]+[|][0-9a-f]{64}' \
        'NAME-EPOCH:VERSION-RELEASE.ARCH|SHA256'
done
for name in "${enable_units[@]}" "${disable_units[@]}"; do
    expect_match 'a unit name' "${name}" '[A-Za-z0-9:_][A-Za-z0-9:_.\\@-]*\.[a-z]+' 'NAME.TYPE'
done

# What content of image.yaml declares, each a word KIND:VALUE.
declared=() owned=() repositories=() steps=() modules=() contexts=() kargs=()
words declared "${CONTENT-}"
for word in "${declared[@]}"; do
    value=${word#*:}
    case ${word%%:*} in
        owned) owned+=("${value}") ;;
        repository) repositories+=("${value}") ;;
        step) steps+=("${value}") ;;
        module) modules+=("${value}") ;;
        context) contexts+=("${value}") ;;
        karg) kargs+=("${value}") ;;
        # Files that lie in the content where they go.
        file | sysusers | tmpfiles | quadlet) ;;
        *) fail "expected a kind of content, found \`${word}\`" ;;
    esac
done

# Without a slash at its end, also where it is the root.
readonly folder=${stage}${KMODS_PATH%/}
readonly architecture=${KERNEL_VERSION##*.}

# --- the kernel --------------------------------------------------------------

kernel_guard() {
    local directories=(/usr/lib/modules/*/) found
    found=${directories[*]#/usr/lib/modules/}
    found=${found//\//}
    [[ ${found} == "${KERNEL_VERSION}" ]] ||
        fail "expected exactly one kernel under /usr/lib/modules, ${KERNEL_VERSION}, found \`${found}\`"
    found=$(rpm --query --queryformat '%{VERSION}-%{RELEASE}.%{ARCH} ' kernel-core) ||
        fail "expected the package kernel-core ${KERNEL_VERSION}, found: ${found}"
    found=${found% }
    [[ ${found} == "${KERNEL_VERSION}" ]] ||
        fail "expected kernel-core ${KERNEL_VERSION}, found \`${found}\`: base and kmods are not of one kernel"
}

begin 'kernel guard'
kernel_guard

# --- which RPMs of the kmods image --------------------------------------------

# Chosen by what their headers say. File names carry versions of libraries
# (libzfs6, libzfs7), which change with any release.
rpms=()
zfs_rpms=()
kmod_rpms=()
dracut_rpms=()

header() { # FILE QUERYFORMAT
    rpm --query --package --nosignature --queryformat "$2" "$1"
}

choose_rpm() { # FILE DIRECTORY
    local file=$1 directory=$2 name version arch source provides
    IFS='|' read -r name version arch source < <(header "${file}" '%{NAME}|%{VERSION}|%{ARCH}|%{SOURCERPM}\n') ||
        fail "expected an RPM, found that rpm cannot read ${file##*/}"
    # A source RPM is the one without a source.
    [[ ${source} != '(none)' ]] || return 0
    [[ ${arch} == "${architecture}" || ${arch} == noarch ]] || return 0
    case ${name} in
        # zfs-dkms would compile the module again, and conflicts with kmod-zfs.
        *-debuginfo* | *-debugsource* | *-devel | *-devel-* | zfs-test | zfs-dkms) return 0 ;;
        zfs-dracut) dracut_rpms+=("${file}") ;;
        *) [[ ${directory} == main ]] || return 0 ;;
    esac
    [[ ${name} != zfs ]] || zfs_rpms+=("${file}")
    provides=$(header "${file}" '[%{PROVIDENAME} %{PROVIDEVERSION}\n]')
    if [[ $'\n'${provides} == *$'\n'kmod-zfs-uname-r\ * ]]; then
        kmod_rpms+=("${file}")
        [[ $'\n'${provides}$'\n' == *$'\n'"kmod-zfs-uname-r ${KERNEL_VERSION}"$'\n'* ]] ||
            fail "expected a kmod for kernel ${KERNEL_VERSION}, found ${file##*/}, which is for another"
        [[ $'\n'$(rpm --query --package --nosignature --list "${file}") == */lib/modules/"${KERNEL_VERSION}"/*/zfs.ko* ]] ||
            fail "expected lib/modules/${KERNEL_VERSION}/…/zfs.ko in ${file##*/}, found no such file"
    fi
    if [[ ${name} == zfs || ${name} == zfs-dracut || ${name} == kmod-zfs* ]]; then
        [[ ${version} == "${ZFS_VERSION}" ]] ||
            fail "expected ${name} ${ZFS_VERSION}, found ${version} in ${file##*/}"
    fi
    rpms+=("${file}")
}

begin 'kmods RPMs'
for file in "${folder}"/*.rpm; do
    choose_rpm "${file}" main
done
for file in "${folder}"/other/*.rpm; do
    choose_rpm "${file}" other
done
((${#zfs_rpms[@]} == 1)) ||
    fail "expected exactly one RPM named zfs for ${architecture}, found ${#zfs_rpms[@]}: ${zfs_rpms[*]##*/}"
((${#kmod_rpms[@]} == 1)) ||
    fail "expected exactly one RPM that provides kmod-zfs-uname-r, found ${#kmod_rpms[@]}: ${kmod_rpms[*]##*/}"
((${#dracut_rpms[@]} == 1)) ||
    fail "expected exactly one RPM named zfs-dracut, found ${#dracut_rpms[@]}: ${dracut_rpms[*]##*/}"
printf '   %s\n' "${rpms[@]##*/}"

# --- folders of the image ------------------------------------------------------

# On Fedora CoreOS they lead into /var, which an update never touches.
begin 'folders of the image'
for folder_of_image in "${owned[@]}"; do
    case ${folder_of_image} in
        /usr/local | /opt) ;;
        *) fail "expected /usr/local or /opt, found \`${folder_of_image}\`" ;;
    esac
    [[ ! -L ${folder_of_image} ]] || rm -- "${folder_of_image}"
    mkdir -p --mode=0755 -- "${folder_of_image}"
done

is_owned() { # FOLDER
    [[ " ${owned[*]} " == *" $1 "* ]]
}

# --- overlay -----------------------------------------------------------------

# Files are laid by hand, not by COPY, which would give /etc and /usr the modes of
# somebody's checkout (a umask of 077 makes an image that nobody but root can use)
# and which may replace a symbolic link such as /usr/local by a directory. What
# other images and stages bring keeps its modes.
lay() { # FOLDER checkout|image
    local file path parent mode
    while IFS= read -r -d '' file; do
        path=/${file#"$1"/}
        case ${path} in
            /usr/local/*) is_owned /usr/local || lost "${path}" ;;
            /opt/*) is_owned /opt || lost "${path}" ;;
            /var/* | /home/* | /root/* | /mnt/* | /media/* | /srv/* | /run/* | /tmp/*) lost "${path}" ;;
            /boot/* | /efi/* | /proc/* | /sys/* | /dev/* | /sysroot/* | /ostree/*) lost "${path}" ;;
        esac
        ! is_foreign "${file}" ||
            fail "expected programs for ${architecture}, found ${path}, which is for another architecture"
        parent=${path%/*}
        mkdir -p -- "${parent:-/}"
        if [[ -L ${file} ]]; then
            cp --no-dereference --remove-destination -- "${file}" "${path}"
        elif [[ $2 == image ]]; then
            cp --preserve=mode --remove-destination -- "${file}" "${path}"
        else
            mode=0644
            [[ ! -x ${file} ]] || mode=0755
            install -D --mode="${mode}" -- "${file}" "${path}"
        fi
    done < <(find "$1" -mindepth 1 ! -type d -print0)
}

# A program of the other of our two architectures: an image by digest may be of one
# only. Firmware and the like, and 32 bits, are nobody's mistake.
# Source: elf(5), `e_machine`.
is_foreign() { # FILE
    local magic machine other
    [[ -f $1 && ! -L $1 && -x $1 ]] || return 1
    LC_ALL=C IFS= read -r -N 4 magic <"$1" || return 1
    [[ ${magic} == $'\x7fELF' ]] || return 1
    machine=$(od --address-radix=n --format=u1 --skip-bytes=18 --read-bytes=2 -- "$1")
    case ${architecture} in
        x86_64) other='183 0' ;;
        aarch64) other='62 0' ;;
    esac
    [[ ${machine} =~ ^[[:space:]]*([0-9]+)[[:space:]]+([0-9]+) ]] || return 1
    [[ "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}" == "${other}" ]]
}

lost() { # PATH
    fail "expected only files that an update of the host replaces, found $1"
}

# Before the packages, because it brings their repository.
begin 'overlay'
lay "${overlay}" checkout

begin 'repositories'
for word in "${repositories[@]}"; do
    name=${word%%|*}
    key=/etc/pki/rpm-gpg/${name}
    install -D --mode=0644 -- "${content}/keys/${name}" "${key}"
    mkdir -p /etc/yum.repos.d
    printf '[%s]\nname=%s\nbaseurl=%s\nenabled=1\ngpgcheck=1\ngpgkey=file://%s\n' \
        "${name}" "${name}" "${word#*|}" "${key}" >"/etc/yum.repos.d/${name}.repo"
    chmod 0644 "/etc/yum.repos.d/${name}.repo"
    rpm --import "${key}" || fail "expected an OpenPGP key of the repository ${name}, found that rpm does not take it"
done

# --- steps -------------------------------------------------------------------

run_steps() { # POINT
    local word name interfaces=(/sys/class/net/*) hint=''
    [[ ${interfaces[*]} != /sys/class/net/lo ]] ||
        hint='; this build has no network, which `network: true` at the step in image.yaml gives it'
    for word in "${steps[@]}"; do
        [[ ${word%%|*} == "$1" ]] || continue
        name=${word#*|}
        begin "step ${name#*-}"
        # A script of its own: what it sets or leaves does not reach this one.
        (cd / && bash -euo pipefail "${content}/steps/${name}") ||
            fail "expected it to succeed, found exit status $?${hint}"
    done
}

run_steps before-packages

# --- packages ----------------------------------------------------------------

unsatisfied() {
    # `rpm --verify` fails when anything at all differs; only the lines count.
    { rpm --verify --all --nofiles --noscripts || true; } |
        sed --quiet 's/^[[:space:]]*\(.* is needed by .*\)/\1/p' | sort --unique
}

present=()
begin 'conflicting packages'
for name in "${conflicting[@]}"; do
    if rpm --query --quiet "${name}"; then
        present+=("${name}")
    else
        printf '   %s is not in the base\n' "${name}"
    fi
done
if ((${#present[@]})); then
    unsatisfied_before=$(unsatisfied)
    # Not `dnf remove`, which would take along whatever needs the package. What
    # replaces it comes in the next step, and then nothing may be missing.
    rpm --erase --nodeps "${present[@]}"
fi

# Files that dnf has fetched lie in its cache, in a folder that begins with the name of
# their repository. Sources: dnf5-caching(7); dnf 4 has the same below /var/cache/dnf.
keep_fetched() {
    local file repository
    for file in /var/cache/libdnf5/*/packages/*.rpm /var/cache/dnf/*/packages/*.rpm; do
        repository=${file%/packages/*}
        repository=${repository##*/}
        [[ ! ${repository} =~ ^(.+)-[0-9a-f]{16}$ ]] || repository=${BASH_REMATCH[1]}
        install -D --mode=0644 -- "${file}" "${fetched}/${repository}/${file##*/}"
    done
    printf '== %s\n' 'done'
    exit 0
}

# Which of the lock's packages no repository has any more, if dnf stops at that.
fetch() {
    local said names=("${locked[@]%%|*}") name gone=()
    ((${#names[@]})) || return 0
    # Signatures were checked by the one who asked; what counts here is the checksum.
    if said=$(LC_ALL=C dnf "${dnf_install[@]}" --downloadonly "${rpms[@]}" "${names[@]}" 2>&1); then
        printf '%s\n' "${said}"
        return 0
    fi
    printf '%s\n' "${said}"
    for name in "${names[@]}"; do
        [[ $'\n'${said}$'\n' != *$'\n'"No match for argument: ${name}"$'\n'* ]] || gone+=("${name}")
    done
    ((${#gone[@]})) || fail 'expected dnf to fetch the packages of the lock, found that it does not'
    mkdir -p -- "${fetched}"
    printf '%s\n' "${gone[@]}" >"${fetched}/gone"
}

# Every file by its checksum, which is what the lock names.
install_locked() {
    local word sum file files=() missing installed
    local -A by_sum=()
    files=("${given}"/*/*.rpm)
    if ((${#files[@]})); then
        while read -r sum file; do
            by_sum[${sum}]=${file}
        done < <(sha256sum -- "${files[@]}")
    fi
    files=()
    for word in "${locked[@]}"; do
        file=${by_sum[${word#*|}]-}
        [[ -n ${file} ]] || fail "expected the file of ${word%%|*} with the checksum of the lock, found none"
        files+=("${file}")
    done
    dnf "${dnf_install[@]}" --disablerepo='*' "${rpms[@]}" "${files[@]}"
    installed=$(rpm --query --all --queryformat '%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\n')
    for word in "${locked[@]}"; do
        [[ $'\n'${installed}$'\n' == *$'\n'"${word%%|*}"$'\n'* ]] ||
            fail "expected ${word%%|*} of the lock to be installed, found that it is not"
    done
}

begin 'packages'
dnf_install=(install --assumeyes --setopt=install_weak_deps=False)
# What dnf 5 remembers of its transactions has the times of this build.
history=/usr/lib/sysimage/libdnf5/transaction_history.sqlite
had_history=no
[[ ! -e ${history} ]] || had_history=yes
if command -v dnf >/dev/null; then
    case ${from} in
        # One transaction: the solver sees ZFS, its dependencies and ours together.
        repositories) dnf "${dnf_install[@]}" "${rpms[@]}" "${packages[@]}" ;;
        lock) install_locked ;;
        asked)
            dnf "${dnf_install[@]}" --setopt=keepcache=True "${rpms[@]}" "${packages[@]}"
            keep_fetched
            ;;
        fetched)
            fetch
            keep_fetched
            ;;
    esac
elif [[ ${from} != repositories ]]; then
    fail 'expected dnf in the base image, found none; without it, `packages.locked` cannot be in image.yaml'
elif command -v rpm-ostree >/dev/null; then
    rpm-ostree install --assumeyes "${rpms[@]}" "${packages[@]}"
else
    fail 'expected dnf or rpm-ostree in the base image, found neither'
fi
# As dnf takes a name: a package, what one provides, or what one has replaced.
installed_as() { # NAME
    rpm --query "$1" || rpm --query --whatprovides "$1" || rpm --query --whatobsoletes "$1"
}
for name in zfs zfs-dracut; do
    rpm --query "${name}" || fail "expected the package ${name} to be installed, found that it is not"
done
for name in "${packages[@]}"; do
    installed_as "${name}" || fail "expected the package ${name} to be installed, found that it is not"
done
if ((${#present[@]})); then
    missing=$(comm -13 <(printf '%s\n' "${unsatisfied_before}") <(unsatisfied))
    [[ -z ${missing} ]] ||
        fail "expected nothing to need ${present[*]} any more, found: ${missing}"
fi

# --- overlay, again ------------------------------------------------------------

# One of the packages may have a file of it: OpenZFS's own has modules-load.d/zfs.conf,
# in which it loads nothing. Before the content, so that a person's own file counts.
begin 'overlay'
lay "${overlay}" checkout

# --- content -------------------------------------------------------------------

# After the packages, so that none of them replaces a file of it.
if ((${#declared[@]})) || [[ -d ${content}/files || -d ${content}/out ]]; then
    begin 'content'
    [[ ! -d ${content}/out ]] || lay "${content}/out" image
    # Last, so that a person's own file is the one that counts.
    [[ ! -d ${content}/files ]] || lay "${content}/files" checkout
fi

# --- SELinux -------------------------------------------------------------------

# Here and nowhere else: after the RPMs whose scriptlets write to the policy store,
# and in the same layer. In a later layer the store lies on the lower side of an
# overlay, its directories cannot be renamed (EXDEV), and libsemanage fails; so the
# store of the base is copied up first.
if ((${#modules[@]} + ${#contexts[@]})); then
    begin 'SELinux'
    command -v semodule >/dev/null || fail 'expected semodule in the base image, found none'
    store=/var/lib/selinux
    if [[ -r /etc/selinux/semanage.conf ]]; then
        found=$(sed -n 's/^[[:space:]]*store-root[[:space:]]*=[[:space:]]*//p' /etc/selinux/semanage.conf)
        store=${found:-${store}}
    fi
    [[ -d ${store} ]] || fail "expected the policy store in ${store}, found no such folder"
    copy=${store}.custom-coreos
    rm --recursive --force -- "${copy}"
    cp --archive -- "${store}" "${copy}"
    rm --recursive -- "${store}"
    mv -- "${copy}" "${store}"
    files=()
    for name in "${modules[@]}"; do
        files+=("${content}/selinux/${name}.cil")
    done
    if ((${#contexts[@]})); then
        # CIL has a statement for what `semanage fcontext` does, and Fedora CoreOS
        # has no semanage.
        work=$(mktemp --directory)
        generated=${work}/custom-coreos-contexts.cil
        for word in "${contexts[@]}"; do
            printf '(filecon "%s" any (system_u object_r %s ((s0) (s0))))\n' "${word%|*}" "${word##*|}"
        done >"${generated}"
        files+=("${generated}")
    fi
    # One transaction: all of them or none. `-N`: no policy is loaded here.
    arguments=()
    for file in "${files[@]}"; do
        arguments+=(--install "${file}")
    done
    semodule --noreload "${arguments[@]}"
    [[ -z ${work-} ]] || rm --recursive -- "${work}"
fi

run_steps after-packages

# --- kernel modules ------------------------------------------------------------

begin 'kernel modules'
# Again: a package may have pulled in another kernel.
kernel_guard
depmod -a "${KERNEL_VERSION}"
grep --quiet --extended-regexp '(^|/)zfs\.ko(\.[a-z0-9]+)?:' "/usr/lib/modules/${KERNEL_VERSION}/modules.dep" ||
    fail 'expected depmod to find zfs.ko, found no line for it in modules.dep'

# --- kernel arguments ------------------------------------------------------------

# Source: bootc, "Kernel arguments": TOML files with a list `kargs`.
if ((${#kargs[@]})); then
    begin 'kernel arguments'
    mkdir -p /usr/lib/bootc/kargs.d
    {
        printf 'kargs = ['
        separator=''
        for word in "${kargs[@]}"; do
            printf '%s"%s"' "${separator}" "${word}"
            separator=', '
        done
        printf ']\n'
    } >/usr/lib/bootc/kargs.d/30-custom-coreos.toml
    chmod 0644 /usr/lib/bootc/kargs.d/30-custom-coreos.toml
fi

# --- health --------------------------------------------------------------------

# Without the file, the service has nothing to do.
if [[ -n ${HEALTH_MINUTES-} ]]; then
    begin 'health'
    mkdir -p /usr/lib/custom-coreos
    printf 'MINUTES=%s\n' "${HEALTH_MINUTES}" >/usr/lib/custom-coreos/health.conf
    chmod 0644 /usr/lib/custom-coreos/health.conf
fi

# --- units ---------------------------------------------------------------------

begin 'units'
for unit in "${enable_units[@]}"; do
    systemctl enable "${unit}" || fail "expected to enable ${unit}, found no such unit or no [Install] section in it"
done
for unit in "${disable_units[@]}"; do
    systemctl disable "${unit}" || fail "expected to disable ${unit}, found no such unit; image.yaml need not name it"
done

# On its first boot a machine applies presets, and Fedora CoreOS's own
# (40-coreos.preset) would enable Zincati again. Ours are read before them, but
# after those of the machine's Ignition config (20-ignition.preset), which says
# what this one machine wants. An instance is written behind its template, in
# one line for each template: systemd takes the first that fits.
declare -A instances=()
presets=()
collect_presets() { # VERB UNIT…
    local verb=$1 unit template
    shift
    for unit in "$@"; do
        template=${unit}
        if [[ ${unit} == *@?*.* ]]; then
            template=${unit%%@*}@.${unit##*.}
            unit=${unit#*@}
            if [[ -z ${instances[${verb} ${template}]-} ]]; then
                presets+=("${verb} ${template}")
            fi
            instances["${verb} ${template}"]+=" ${unit%.*}"
        else
            presets+=("${verb} ${template}")
        fi
    done
}
collect_presets enable "${enable_units[@]}"
collect_presets disable "${disable_units[@]}"
preset_file=/usr/lib/systemd/system-preset/30-custom-coreos.preset
mkdir -p -- "${preset_file%/*}"
{
    printf '# The services of image.yaml, for the first boot of a machine.\n'
    for line in "${presets[@]}"; do
        printf '%s%s\n' "${line}" "${instances[${line}]-}"
    done
} >"${preset_file}"
chmod 0644 "${preset_file}"

run_steps last

# --- caches --------------------------------------------------------------------

begin 'caches'
if command -v dnf >/dev/null; then
    dnf clean all
fi
if command -v rpm-ostree >/dev/null; then
    rpm-ostree cleanup --repomd || true
fi
[[ ${had_history} == yes ]] || rm --force -- "${history}" "${history}"-*
# All of it is state of this build. /var/lib/pcp comes with a dependency of ZFS
# (sysstat) and is filled again by its own tmpfiles.
rm --recursive --force -- /var/lib/dnf /var/lib/rpm-state /var/lib/pcp /run/dnf /run/rpm-ostree
for directory in /var/cache /var/tmp /tmp; do
    [[ ! -d ${directory} ]] || find "${directory}" -xdev -mindepth 1 -delete
done
# Only the logs: a directory there may be one that its service wants to find.
[[ ! -d /var/log ]] || find /var/log -xdev -type f -delete

begin 'done'

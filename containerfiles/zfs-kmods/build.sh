#!/usr/bin/env bash
# Builds OpenZFS's kernel modules and programs for one kernel, inside the one RUN
# step of the Containerfile, or in any other system that has what is needed. The
# arguments are the folder of the inputs (zfs-X.Y.Z.tar.gz, patches/, certificate.der)
# and the folder to lay the RPMs out in, as fedora-zfs-kmods does: those of the
# programs and modules at its top, and devel/, debug/, other/, src/.
#
# In the environment: KERNEL_VERSION, ZFS_VERSION, SOURCE_SHA256; EXPERIMENTAL if
# kernels above OpenZFS's maximum may be tried; SIGNED if the modules are to be signed,
# with the key that is mounted as the secret `module-key`.
#
# The last line of a failure is `build.sh: SECTION: REASON`. The sections `patches`,
# `configure` and `rpms` fail again with the same inputs; the others may pass.
set -Eeuo pipefail
shopt -s nullglob
umask 022

inputs=${1:?usage: build.sh INPUTS OUTPUT}
output=${2:?usage: build.sh INPUTS OUTPUT}
readonly inputs output
readonly key=${MODULE_KEY:-/run/secrets/module-key}
log=$(mktemp)
readonly log

section='start'

begin() {
    section=$1
    printf -- '== %s\n' "${section}"
}

fail() {
    trap - ERR
    printf 'build.sh: %s: %s\n' "${section}" "$*" >&2
    exit 1
}

trap 'fail "expected \`${BASH_COMMAND}\` (line ${LINENO}) to succeed, found exit status $?"' ERR

# What a failed command of a long log failed of: the first line of the compiler, or what
# `configure` says below an empty one.
reason() {
    local lines
    lines=$(grep --max-count=1 --after-context=2 --extended-regexp \
        '(^|[^a-z])(fatal )?error:|^\*\*\*|undefined reference' "${log}") ||
        lines=$(tail --lines=1 "${log}")
    [[ ${lines%%$'\n'*} =~ error:[[:space:]]*$ ]] || lines=${lines%%$'\n'*}
    printf '%s' "${lines}" | tr --squeeze-repeats '[:space:]' ' ' | cut --characters=1-300
}

logged() { # COMMAND [ARGUMENT…]
    "$@" 2>&1 | tee "${log}" && return
    if grep --quiet 'No space left on device' "${log}"; then
        section='disk'
        fail 'No space left on device'
    fi
    fail "$(reason)"
}

# --- arguments ---------------------------------------------------------------

begin 'arguments'
expect_match() { # NAME REGEX DESCRIPTION
    [[ ${!1-} =~ ^($2)$ ]] || fail "expected $1 to be $3, found \`${!1-}\`"
}
expect_match KERNEL_VERSION '[0-9]+\.[0-9]+\.[0-9]+-[A-Za-z0-9._]+\.(x86_64|aarch64)' 'a kernel as VERSION-RELEASE.ARCH'
expect_match ZFS_VERSION '[0-9]+\.[0-9]+\.[0-9]+' 'a release as X.Y.Z'
expect_match SOURCE_SHA256 '[0-9a-f]{64}' 'a SHA-256'
readonly tarball=${inputs}/zfs-${ZFS_VERSION}.tar.gz
readonly devel=/usr/src/kernels/${KERNEL_VERSION}

# --- packages ----------------------------------------------------------------

# The kernel of a CoreOS release may have left Fedora's updates, so the archive of
# everything that was ever in them is asked too. A builder without dnf has all of it.
if command -v dnf >/dev/null; then
    begin 'packages'
    dnf install --assumeyes --setopt=install_weak_deps=False fedora-repos-archive
    dnf install --assumeyes --setopt=install_weak_deps=False \
        autoconf automake elfutils-libelf-devel gcc git kernel-rpm-macros kmod libaio-devel libattr-devel \
        libblkid-devel libffi-devel libtirpc-devel libtool libudev-devel libunwind-devel libuuid-devel make \
        ncompress openssl openssl-devel patch python3 python3-cffi python3-devel python3-packaging \
        python3-setuptools rpm-build systemd systemd-rpm-macros zlib-devel
    begin 'kernel-devel'
    dnf install --assumeyes --setopt=install_weak_deps=False "kernel-devel-uname-r = ${KERNEL_VERSION}" ||
        fail "expected kernel-devel ${KERNEL_VERSION} in Fedora's repositories or their archive, found none"
fi

begin 'kernel-devel'
[[ -r ${devel}/include/config/kernel.release ]] ||
    fail "expected kernel-devel ${KERNEL_VERSION} in ${devel}, found none"
found=$(<"${devel}/include/config/kernel.release")
[[ ${found} == "${KERNEL_VERSION}" ]] ||
    fail "expected ${devel} to be of kernel ${KERNEL_VERSION}, found ${found}"

# --- source ------------------------------------------------------------------

begin 'source'
[[ -r ${tarball} ]] || fail "expected ${tarball##*/} among the inputs, found none"
# Its signature was checked where the tarball was fetched; this is that tarball.
found=$(sha256sum "${tarball}")
[[ ${found%% *} == "${SOURCE_SHA256}" ]] ||
    fail "expected the SHA-256 of ${tarball##*/} to be ${SOURCE_SHA256}, found ${found%% *}"
work=$(mktemp --directory)
tar --extract --gzip --no-same-owner --directory="${work}" --file="${tarball}"
cd "${work}/zfs-${ZFS_VERSION}"

meta() { # FIELD
    sed --quiet "s/^$1:[[:space:]]*//p" META
}
found=$(meta Version)
[[ ${found} == "${ZFS_VERSION}" ]] || fail "expected META to say version ${ZFS_VERSION}, found ${found}"
maximum=$(meta Linux-Maximum)
series=${KERNEL_VERSION%%-*}
series=${series%.*}
configure=()
if [[ $(printf '%s\n' "${series}" "${maximum}" | sort --version-sort | tail --lines=1) != "${maximum}" ]]; then
    [[ -n ${EXPERIMENTAL-} ]] ||
        fail "expected a kernel of up to ${maximum}, which is what ZFS ${ZFS_VERSION} supports, found ${series}"
    configure+=(--enable-linux-experimental)
    # The rules of the RPMs run `configure` again, without this option; of the environment
    # it takes the variable that the option would set.
    export enable_linux_experimental=yes
fi

# --- patches -----------------------------------------------------------------

begin 'patches'
for folder in "${inputs}"/patches/*/; do
    folder=${folder%/}
    [[ ${folder##*/} == "${ZFS_VERSION}" ]] ||
        fail "expected patches for ZFS ${ZFS_VERSION} alone, found patches/${folder##*/}"
done
for file in "${inputs}/patches/${ZFS_VERSION}"/*.patch; do
    printf '   %s\n' "${file##*/}"
    found=$(patch --batch --forward --strip=1 --fuzz=0 <"${file}") ||
        fail "expected ${file##*/} to fit ZFS ${ZFS_VERSION}, found: $(tail --lines=1 <<<"${found}")"
done

# --- key ---------------------------------------------------------------------

# OpenZFS's own rules sign what they find a key for, as the last thing before a module
# is packed: what strips modules would strip a signature too.
if [[ -n ${SIGNED-} ]]; then
    begin 'key'
    [[ -x ${devel}/scripts/sign-file ]] || fail "expected ${devel}/scripts/sign-file, found none"
    [[ -r ${key} ]] || fail 'expected the secret module-key, found none'
    mkdir --parents "${devel}/certs"
    (
        umask 077
        cp -- "${key}" "${devel}/certs/signing_key.pem"
    )
    cp -- "${inputs}/certificate.der" "${devel}/certs/signing_key.x509"
    # It goes, whatever happens: it must not be in a layer.
    trap 'rm --force -- "${devel}"/certs/signing_key.*' EXIT
fi

# --- RPMs --------------------------------------------------------------------

# The distribution of the packages is that of the kernel: `200.fc44` is of `.fc44`.
if [[ -z $(rpm --eval '%{?dist}') ]]; then
    dist=${KERNEL_VERSION%.*}
    printf '%%dist .%s\n' "${dist##*.}" >>~/.rpmmacros
fi

begin 'configure'
logged ./configure --quiet --with-spec=generic --with-linux="${devel}" --with-linux-obj="${devel}" "${configure[@]}"

begin 'rpms'
rpmbuild=rpmbuild
# What is not installed as an RPM here is there all the same.
command -v dnf >/dev/null || rpmbuild='rpmbuild --nodeps'
logged make --silent --jobs="$(nproc)" RPMBUILD="${rpmbuild}" rpm-kmod rpm-utils

# --- layout ------------------------------------------------------------------

begin 'layout'
mkdir --parents "${output}"
for file in *.rpm; do
    case ${file} in
        *.src.rpm) folder=src ;;
        *-debuginfo-* | *-debugsource-*) folder=debug ;;
        *-devel-*) folder=devel ;;
        zfs-dracut-* | zfs-test-*) folder=other ;;
        *) folder=. ;;
    esac
    mkdir --parents "${output}/${folder}"
    mv -- "${file}" "${output}/${folder}/"
done
found=("${output}/kmod-zfs-${KERNEL_VERSION}"-*.rpm)
((${#found[@]} == 1)) || fail "expected one kmod-zfs-${KERNEL_VERSION}, found ${#found[@]}"

modules=0
cd "$(mktemp --directory)"
# By a file: cpio ends before what writes to a pipe has written all.
rpm2cpio "${found[0]}" >archive
cpio --extract --quiet --make-directories <archive
while IFS= read -r -d '' file; do
    modules=$((modules + 1))
    [[ -z ${SIGNED-} || $(tail --bytes=28 "${file}") == '~Module signature appended~' ]] ||
        fail "expected ${file##*/} to be signed in its RPM, found no signature"
done < <(find . -name '*.ko*' -print0)
((modules > 0)) || fail "expected modules in ${found[0]##*/}, found none"

begin 'done'

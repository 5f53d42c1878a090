#!/usr/bin/env bash
# What must hold of a kmods image, whoever built it: the argument is the folder with its
# RPMs. In the environment: KERNEL_VERSION, ZFS_VERSION, and SIGNED if the modules are to
# be signed by the certificate in custom-coreos/certificate.der.
#
# One line for each thing that holds. The last line of a failure is `check.sh: REASON`.
set -Eeuo pipefail
shopt -s nullglob

folder=${1:?usage: check.sh FOLDER}
readonly folder
readonly certificate=${folder}/custom-coreos/certificate.der

fail() {
    trap - ERR
    printf 'check.sh: %s\n' "$*" >&2
    exit 1
}

trap 'fail "expected \`${BASH_COMMAND}\` (line ${LINENO}) to succeed, found exit status $?"' ERR

if command -v dnf >/dev/null; then
    dnf install --assumeyes --quiet --setopt=install_weak_deps=False cpio kmod openssl
fi

same() { # WHAT EXPECTED FOUND
    [[ -n $2 && $2 == "$3" ]] || fail "expected $1 to be $2, found ${3:-nothing}"
    printf 'ok  %s is %s\n' "$1" "$3"
}

query() { # FILE FORMAT
    rpm --query --package --nosignature --queryformat "$2" "$1"
}

# --- the packages --------------------------------------------------------------

kmod=() programs=0
for file in "${folder}"/*.rpm; do
    name=$(query "${file}" '%{NAME}')
    case ${name} in
        "kmod-zfs-${KERNEL_VERSION}") kmod+=("${file}") ;;
        kmod-zfs-*) fail "expected modules for ${KERNEL_VERSION} alone, found ${name}" ;;
        zfs) programs=$((programs + 1)) ;;
    esac
    [[ ${name} != zfs && ${name} != kmod-zfs-* ]] ||
        same "the version of ${name}" "${ZFS_VERSION}" "$(query "${file}" '%{VERSION}')"
done
same "the number of RPMs named kmod-zfs-${KERNEL_VERSION}" 1 "${#kmod[@]}"
same 'the number of RPMs named zfs' 1 "${programs}"
dracut=("${folder}"/other/zfs-dracut-*.rpm)
same 'the number of RPMs named zfs-dracut' 1 "${#dracut[@]}"

# --- the modules ---------------------------------------------------------------

work=$(mktemp --directory)
cd "${work}"
# By a file: cpio ends before what writes to a pipe has written all.
rpm2cpio "${kmod[0]}" >archive
cpio --extract --quiet --make-directories <archive

serial() { # -> the certificate's serial number in lower case
    openssl x509 -inform DER -in "${certificate}" -noout -serial | sed 's/^serial=//' | tr '[:upper:]' '[:lower:]'
}

# The end of a signed module: the message, twelve bytes of which the last four are its
# length, and 28 bytes of text. Source: include/linux/module_signature.h of the kernel.
signed() { # FILE
    local size length bytes
    [[ $(tail --bytes=28 "$1" | tr --delete '\0') == '~Module signature appended~' ]] ||
        fail "expected ${1##*/} to be signed, found that it is not"
    size=$(stat --format=%s "$1")
    read -r -a bytes < <(tail --bytes=40 "$1" | head --bytes=12 | od --address-radix=n --format=u1 --width=12)
    length=$(((bytes[8] << 24) + (bytes[9] << 16) + (bytes[10] << 8) + bytes[11]))
    ((bytes[2] == 2 && length > 0 && length < size - 40)) ||
        fail "expected the signature of ${1##*/} to be a PKCS#7 message, found another kind"
    head --bytes=$((size - 40 - length)) "$1" >content
    tail --bytes=$((40 + length)) "$1" | head --bytes="${length}" >message
    openssl x509 -inform DER -in "${certificate}" -out certificate.pem
    openssl cms -verify -binary -inform DER -in message -content content -noverify -nointern \
        -certfile certificate.pem -out /dev/null 2>openssl ||
        fail "expected ${1##*/} to be signed by $(serial), found: $(tail --lines=1 openssl)"
    same "the signer of ${1##*/}" "$(serial)" \
        "$(modinfo --field sig_key "$1" | tr --delete : | tr '[:upper:]' '[:lower:]')"
}

modules=0
while IFS= read -r -d '' file; do
    case ${file} in
        *.xz) xz --decompress "${file}" && file=${file%.xz} ;;
        *.zst) zstd --quiet --decompress --rm "${file}" && file=${file%.zst} ;;
        *.gz) gzip --decompress "${file}" && file=${file%.gz} ;;
    esac
    modules=$((modules + 1))
    found=$(modinfo --field vermagic "${file}")
    same "the kernel of ${file##*/}" "${KERNEL_VERSION}" "${found%% *}"
    found=$(modinfo --field version "${file}")
    same "the version of ${file##*/}" "${ZFS_VERSION}" "${found%%-*}"
    [[ -z ${SIGNED-} ]] || signed "${file}"
done < <(find . -name '*.ko*' -print0)
((modules > 0)) || fail "expected modules in ${kmod[0]##*/}, found none"
printf 'ok  %s modules\n' "${modules}"

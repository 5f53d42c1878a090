#!/bin/bash
# Lays the files of this machine's dnf 4 (Debian's packages) out below a folder, with the
# interpreter and the libraries that they need.
set -euo pipefail
shopt -s nullglob
root=$1

mapfile -t packages < <(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' \
    'python3-minimal' 'python3.*-minimal' 'libpython3.*-minimal' 'libpython3.*-stdlib' \
    dnf dnf-data python3-dnf python3-hawkey python3-libdnf python3-libcomps python3-gpg python3-rpm \
    gpg gpgconf 2>/dev/null | sed -n 's/^installed //p')
mapfile -t files < <(dpkg-query --listfiles "${packages[@]}" |
    grep -Ev '^/usr/share/(doc|man|locale|bash-completion|lintian|bug)/|/(test|idlelib|lib2to3|ensurepip|pydoc_data|distutils)/' |
    sed -E 's#^/(bin|sbin|lib|lib64)/#/usr/\1/#' | sort --unique)
list=()
declare -A folders=()
for file in "${files[@]}"; do
    [[ -f ${file} ]] || continue
    list+=("${file}")
    [[ ${file} != *.py ]] || folders[${file%/*}]=yes
done
# What Debian compiled: without, each start of dnf takes seconds more.
for folder in "${!folders[@]}"; do
    list+=("${folder}"/__pycache__/*.pyc)
done
mapfile -t libraries < <({ ldd $(printf '%s\n' "${list[@]}" | grep -E '\.so$|^/usr/bin/(python3\.[0-9]+|gpg|gpgconf)$') 2>/dev/null || true; } |
    sed -nE 's#.*(=>)? (/[^ ]+) \(0x.*#\2#p' | sed -E 's#^/(bin|sbin|lib|lib64)/#/usr/\1/#' | sort --unique)
mkdir -p "${root}"
printf '%s\n' "${list[@]#/}" | tar --create --directory=/ --files-from=- | tar --extract --directory="${root}"
# Under the names that the loader asks for, which are links here.
printf '%s\n' "${libraries[@]#/}" | tar --create --directory=/ --files-from=- --dereference --hard-dereference |
    tar --extract --directory="${root}"

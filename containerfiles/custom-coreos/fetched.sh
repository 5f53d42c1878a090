#!/usr/bin/env bash
# Lists the files of packages that install.sh has fetched (PACKAGES_FROM asked or
# fetched). Fed to `bash -s` in a container of that image, like contract.sh: no network,
# nothing to write to.
#
# One line for each file, the fields separated by tabs: `file`, package as
# name-epoch:version-release.architecture, repository, SHA-256. One for each package that
# no repository has any more: `gone`, package. And at the end: `end`, and how many files
# there are.
set -u
shopt -s nullglob

main() {
    local folder=/usr/share/custom-coreos-packages file repository package sum count=0
    for file in "${folder}"/*/*.rpm; do
        repository=${file%/*}
        repository=${repository##*/}
        package=$(rpm --query --package --nosignature \
            --queryformat '%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}' "${file}") || return
        sum=$(sha256sum -- "${file}") || return
        # A name with a backslash is marked by one before the sum.
        sum=${sum#\\}
        printf 'file\t%s\t%s\t%s\n' "${package}" "${repository}" "${sum%% *}"
        count=$((count + 1))
    done
    if [[ -e ${folder}/gone ]]; then
        while IFS= read -r package; do
            printf 'gone\t%s\n' "${package}"
        done <"${folder}/gone"
    fi
    printf 'end\t%d files\n' "${count}"
}

# Called in the last line, so that bash has read all of the script by then.
main
exit

#!/usr/bin/env bash
# Lists the packages of the built image, for its SBOM. Fed to `bash -s` in a
# container of it, like contract.sh: no network, nothing to write to.
#
# One line for each, the fields separated by tabs: name, epoch:version-release,
# architecture. And at the end: `end`, and how many there are.
set -u

main() {
    local list count=0 line
    list=$(rpm --query --all --queryformat '%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\n') || return
    while IFS= read -r line; do
        printf '%s\n' "${line}"
        count=$((count + 1))
    done <<<"${list}"
    printf 'end\t%d packages\n' "${count}"
}

# Called in the last line, so that bash has read all of the script by then.
main
exit

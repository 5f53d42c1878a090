#!/usr/bin/env bash
# Lists which package owns which file of the built image, so that what is updated
# together lies in one layer. Fed to `bash -s` in a container of it, like contract.sh: no
# network, nothing to write to.
#
# One line for each file, the fields separated by tabs: source RPM, vendor, time at which
# the package was built (seconds since 1970), path. And at the end: `end`, and how many
# there are.
set -u

main() {
    local list count=0
    # `=` repeats the field of a package for each of its files. A package without files
    # gives no line.
    list=$(rpm --query --all --queryformat '[%{=SOURCERPM}\t%{=VENDOR}\t%{=BUILDTIME}\t%{FILENAMES}\n]') || return
    if [[ -n ${list} ]]; then
        printf '%s\n' "${list}"
        count=$(wc -l <<<"${list}")
    fi
    printf 'end\t%d files\n' "${count}"
}

# Called in the last line, so that bash has read all of the script by then.
main
exit

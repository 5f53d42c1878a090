#!/usr/bin/env bash
# Prints what decides on a host whether an image is accepted: policy.json,
# registries.d and the keys that they name. Run like contract.sh, in a container
# of the built image without network, capabilities or a place to write.
#
# One line for each file, the fields separated by tabs:
#   file  PATH  CONTENT-IN-BASE64
# and at the end:
#   end   N files
set -u
shopt -s nullglob

files=0

emit() { # PATH
    [[ -f $1 && -r $1 ]] || return 0
    printf 'file\t%s\t%s\n' "$1" "$(base64 --wrap=0 <"$1")"
    files=$((files + 1))
}

main() {
    local policy=/etc/containers/policy.json path rest=''
    emit "${policy}"
    for path in /etc/containers/registries.d/*.yaml; do
        emit "${path}"
    done
    [[ ! -r ${policy} ]] || rest=$(<"${policy}")
    # Every absolute path in it; those of key files are files.
    while [[ ${rest} =~ \"(/[^\"]+)\" ]]; do
        path=${BASH_REMATCH[1]}
        rest=${rest#*"\"${path}\""}
        emit "${path}"
    done
    printf 'end\t%d files\n' "${files}"
}

# Called in the last line, so that bash has read all of the script by then.
main
exit

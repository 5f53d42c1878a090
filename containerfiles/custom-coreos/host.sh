#!/usr/bin/env bash
# Copies an image as a host of this one would: with the skopeo (through which
# bootc fetches), the policy and the keys that are in here. Fed to `bash -s` in
# a container of the built image that has a network, /var/tmp, and nothing else.
#
# In the environment:
#   IMAGE     what to copy, NAME@DIGEST
#   NAME      the name that hosts follow
#   PLACE     where it is read; another than NAME if registries.conf moves it
#   INSECURE  `true` if that place may speak plain HTTP
#   POLICY    `any` to ask without the policy, for the control
#   CUSTOM_COREOS_AUTH  credentials in the form of auth.json, if there are any
#
# One line: `accepted`, or `refused` and what was said, separated by a tab.
set -u
shopt -s nullglob

work=/var/tmp/custom-coreos-host

settings() {
    local file text
    mkdir -p "${work}/registries.d"
    printf '[[registry]]\nprefix = "%s"\nlocation = "%s"\ninsecure = %s\n' \
        "${NAME}" "${PLACE}" "${INSECURE}" >"${work}/registries.conf"
    # skopeo looks up the name in policy.json, but the place in registries.d.
    for file in /etc/containers/registries.d/*.yaml; do
        text=$(<"${file}")
        printf '%s\n' "${text//"${NAME}"/"${PLACE}"}" >"${work}/registries.d/${file##*/}"
    done
    if [[ -n ${CUSTOM_COREOS_AUTH-} ]]; then
        (umask 077 && printf '%s' "${CUSTOM_COREOS_AUTH}" >"${work}/auth.json")
        export REGISTRY_AUTH_FILE=${work}/auth.json
    fi
}

main() {
    local arguments=() said
    if ! type -P skopeo >/dev/null; then
        printf 'refused\tthere is no skopeo in the image, so bootc could fetch nothing\n'
        return
    fi
    settings
    arguments=(--registries.d="${work}/registries.d" --registries-conf="${work}/registries.conf")
    [[ ${POLICY-} != any ]] || arguments+=(--insecure-policy)
    if said=$(skopeo "${arguments[@]}" copy --quiet "docker://${IMAGE}" "dir:${work}/image" 2>&1 </dev/null); then
        printf 'accepted\n'
    else
        said=${said##*$'\n'}
        printf 'refused\t%s\n' "${said//$'\t'/ }"
    fi
    rm -rf "${work}"
}

# Called in the last line, so that bash has read all of the script by then.
main
exit

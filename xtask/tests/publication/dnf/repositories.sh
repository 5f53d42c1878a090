#!/bin/bash
# Makes two signed repositories and an unsigned one below a folder. Its arguments: the
# folder, packages.spec, this machine's architecture and another one. The key that signs is
# in $GNUPGHOME.
set -euo pipefail
cd "$1"
spec=$2 here=$3 other=$4

built() { # FOLDER VERSION ARCHITECTURE [OPTION…]
    rpmbuild -bb --quiet --nodeps --target "$3" --define "v $2" --define "_topdir ${PWD}/$1" \
        --define "_rpmdir ${PWD}/$1" --define '_rpmfilename %%{NAME}-%%{VERSION}.%%{ARCH}.rpm' \
        --define "_dbpath ${PWD}/$1/no-database" --define '_binary_payload w1.gzdio' "${@:4}" "${spec}" \
        >"$1.log" 2>&1 || { cat "$1.log" >&2; return 1; }
}
built one 1 "${here}" &
built two 2 "${here}" &
built three 3 "${other}" &
built stream 1 "${here}" --define 'module streamed:old:1:2:noarch' &
for job in $(jobs -p); do wait "${job}"; done

mkdir -p tools extra plain
# The newer tool is in the repository that comes second; the newest is for other machines.
cp two/{tool,part,weak,provider,older,newer}-2.*.rpm one/cut-1.*.rpm three/{tool,provider}-3.*.rpm tools
cp stream/streamed-1.*.rpm two/streamed-2.*.rpm tools
cp one/tool-1.*.rpm two/cut-2.*.rpm extra
name=$(gpg --batch --with-colons --list-keys 2>/dev/null | sed -n 's/^fpr:*\([0-9A-F]*\):/\1/p' | head -1)
rpmsign --define "__gpg $(type -P gpg)" --define "_gpg_name ${name}" --addsign tools/*.rpm extra/*.rpm >sign.log 2>&1 || { cat sign.log >&2; exit 1; }
cp one/cut-1.*.rpm plain
cat >modules.yaml <<EOF
---
document: modulemd
version: 2
data:
  name: streamed
  stream: old
  version: 1
  context: "2"
  arch: ${here}
  summary: A module
  description: A module
  license: {module: [MIT]}
  profiles: {default: {rpms: [streamed]}}
  artifacts: {rpms: ["streamed-0:1-1.${here}"]}
---
document: modulemd-defaults
version: 1
data: {module: streamed, stream: old, profiles: {old: [default]}}
EOF
for repository in tools extra plain; do
    createrepo_c --quiet "${repository}"
done
modifyrepo_c --mdtype=modules modules.yaml tools/repodata >modify.log 2>&1

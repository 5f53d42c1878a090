#!/bin/sh
# Fetches the tarball of a release of OpenZFS: Debian's source package has it as its
# makers packed it. Runs beside a new Debian, whose root is the first argument, with that
# system's apt, which holds the tarball against the archive's signature. The second is
# the suite; it and its backports are asked for the newest that the mirror still has. The
# tarball goes to the third, its version to the fourth.
set -eu
root=$1
suite=$2
tarball=$3
release=$4
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd "$root/etc/apt"
cat sources.list sources.list.d/*.list 2>/dev/null |
    sed -n 's/ main contrib$/ contrib/; s/^deb /deb-src /p' >"$root/sources"
{
    cat "$root/sources"
    sed "s/ $suite / $suite-backports /" "$root/sources"
} >sources.list.d/zfs-source.list
rm "$root/sources"
apt-get update >&2
versions=$(apt-cache showsrc zfs-linux | sed -n 's/^Version: //p' | sort --version-sort --reverse --unique)
for version in $versions; do
    line=$(apt-get source --quiet=2 --print-uris "zfs-linux=$version" | grep -F ".orig.tar.gz'")
    # shellcheck disable=SC2086  # 'URI' NAME SIZE HASH
    set -- $line
    uri=${1#?}
    name=${2#zfs-linux_}
    if /usr/lib/apt/apt-helper download-file "${uri%?}" "$root/tarball" "$4"; then
        mv "$root/tarball" "$tarball"
        echo "${name%.orig.tar.gz}" >"$release"
        exit
    fi
    rm -f "$root/tarball"
done
echo "source.sh: none of these is there: $versions" >&2
exit 1

#!/bin/sh
# Runs bucketry as a user without privileges in another root file system that is read-only, as a container does. The
# only directory that it can write to is the one of its ready file, which contains its data.
#
#   in_root.sh ROOT USER serve … --ready-file DIR/FILE …
set -eu
if [ "${1:-}" != inside ]; then exec unshare --mount --propagation private "$0" inside "$@"; fi
root=$2 user=$3
shift 3
previous=
for argument in "$@"; do
    if [ "$previous" = --ready-file ]; then state=$(dirname "$argument"); fi
    previous=$argument
done
if [ -n "${state:-}" ]; then
    mkdir -p "$root$state"
    chown -R "$user" "$state"
fi
mount --bind "$root" "$root"
if [ -n "${state:-}" ]; then mount --bind "$state" "$root$state"; fi
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs --inh-caps=-all chroot --userspec="$user" "$root" /usr/bin/bucketry "$@"

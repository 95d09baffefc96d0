#!/usr/bin/env bash
# Becomes a container's process: in mounts and a host name of its own, as its user, without capabilities.
#
#   unshare --mount --uts node_sandbox.sh FOLDER MOUNTS HOSTNAME ro|rw UID GID WORKDIR COMMAND...
#
# FOLDER is empty. Its root is this machine's, as a copy that is written elsewhere (overlay) and gone with the process.
# MOUNTS has a line a volume: SOURCE<tab>TARGET<tab>ro|rw. REPOSITORY is what the command itself is started from.
set -euo pipefail
folder=$1 mounts=$2 name=$3 mode=$4 user=$5 group=$6 workdir=$7
shift 7

mount --make-rprivate /
hostname "$name"
mount -t tmpfs tmpfs "$folder"
mkdir "$folder"/{upper,work,root}
root=$folder/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$root"
chmod a+x "$root/root" # a Python of root's own may lie there
for shared in /proc /sys /dev; do mount --rbind "$shared" "$root$shared"; done
while IFS=$'\t' read -r source target how; do
  target=$(chroot "$root" realpath -m "$target") # /var/run may be a link, and is to lead into the copy
  [ -e "$root$target" ] || if [ -d "$source" ]; then mkdir -p "$root$target"; else
    mkdir -p "$(dirname "$root$target")" && touch "$root$target"
  fi
  mount --bind "$source" "$root$target"
  [ "$how" = rw ] || mount -o remount,bind,ro "$root$target"
done <"$mounts"
mkdir -p "$root$REPOSITORY" "$root$workdir" # it may lie where a volume is, such as below /tmp
mount --rbind "$REPOSITORY" "$root$REPOSITORY"
mount -o remount,bind,ro "$root$REPOSITORY"
[ "$mode" = rw ] || mount -o remount,ro "$root"
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs --bounding-set -all \
  --inh-caps -all --pdeathsig KILL env -i --chdir "$workdir" "$@"

#!/usr/bin/env bash
# Runs a program in an image's root directory as a cluster would: nothing but the volumes can be written, and the user
# is the image's. In a mount namespace of its own, so that nothing is left behind. Needs root.
#
#   deploy/container/read-only.sh ROOT VOLUME PROGRAM [ARGUMENT…]
#
# VOLUME is a directory of this machine that the program sees, and may write to, at /var/lib/pintail.
set -euo pipefail

if (($# < 3)); then
  echo 'error: give the root directory, a directory for the volume, and a program with its arguments' >&2
  exit 2
fi

# shellcheck disable=SC2016 # The inner shell fills these in.
exec unshare --mount --propagation private bash -c '
  set -euo pipefail
  root=$1 volume=$2
  shift 2
  # The few devices that every container has; random numbers come from one of them.
  mkdir -p "$root/dev"
  mount --bind "$root" "$root"
  mount -t tmpfs -o mode=0755,size=64k devices "$root/dev"
  for device in null zero random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mount --bind "$volume" "$root/var/lib/pintail"
  mount -o remount,bind,ro "$root"
  if touch "$root/proof" 2>/dev/null; then
    echo "error: the root file system can be written" >&2
    exit 1
  fi
  exec chroot --userspec=65532:65532 "$root" "$@"
' read-only "$@"

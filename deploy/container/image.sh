#!/usr/bin/env bash
# Makes the image as an OCI archive from a static binary that there is already, without a registry: what the last stage
# of the Dockerfile says, from the same roots of certificate authorities. Needs buildah.
#
#   deploy/container/image.sh BINARY ARCHIVE
#
# Push it with: skopeo copy oci-archive:ARCHIVE docker://registry.example.com/pintail:VERSION
set -euo pipefail
binary=$(realpath "$1") archive=$(realpath "$2")
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BUILDAH_ISOLATION=chroot
buildah() { command buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@"; }

# The files that the first stage of the Dockerfile puts into /image and /state.
image=$work/context/image
install -D --mode=0755 "$binary" "$image/usr/bin/pintail"
install -D --mode=0644 /etc/ssl/certs/ca-certificates.crt "$image/etc/ssl/certs/ca-certificates.crt"
echo 'pintail:x:65532:65532:pintail:/:/usr/bin/pintail' >"$image/etc/passwd"
echo 'pintail:x:65532:' >"$image/etc/group"
echo 'hosts: files dns' >"$image/etc/nsswitch.conf"
install -d --mode=0755 "$image/etc/pintail"
install -d --mode=1777 "$image/tmp"
install -d --mode=0700 "$work/context/state/pintail"

# Its last stage, line by line, but for where the files come from.
sed -n '/^FROM scratch/,$p' Dockerfile | sed 's/--from=build //; s|/image/ |image/ |; s|/state/ |state/ |' >"$work/context/Dockerfile"
version=$("$binary" --version | cut -d' ' -f2)
buildah build --format oci --layers=false --timestamp "$(git log -1 --format=%ct)" \
  --build-arg VERSION="$version" --build-arg REVISION="$(git rev-parse HEAD)" --tag localhost/pintail "$work/context"
buildah push localhost/pintail "oci-archive:$archive:pintail:$version"

#!/usr/bin/env bash
# Builds the Dockerfile and runs what came out of it, where no registry can be reached: with buildah alone, on a
# Debian that has Rust. Needs root, and the Debian packages buildah and debootstrap.
#
# No line of the Dockerfile differs from a normal build. What differs is given from outside:
#   --build-arg RUST_IMAGE   a Debian made here by debootstrap, with gcc, in place of the official Rust image;
#   --volume …/toolchain     this machine's Rust toolchain, which that Debian lacks;
#   --volume …/registry      this machine's crates, so that they are not fetched again;
#   --volume /build/target   with --target-dir DIR: a target directory of an earlier build with the same flags;
#   a cargo that is a copy   with --binary FILE: in place of building, it puts down this static binary, such as
#                            deploy/release.sh makes. Half a minute instead of ten.
#
#   deploy/container/try-here.sh [--target-dir DIR | --binary FILE]
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
for tool in buildah debootstrap rustc; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if ((${#missing[@]})); then
  echo "error: missing: ${missing[*]}" >&2
  exit 1
fi

volumes=(
  --volume "$(rustc --print sysroot):/opt/toolchain:ro"
  --volume "${CARGO_HOME:-$HOME/.cargo}/registry:/opt/cargo/registry"
)
binary=
case ${1:-} in
  --target-dir) volumes+=(--volume "$(realpath "$2"):/build/target") ;;
  --binary) binary=$(realpath "$2") ;;
esac

work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot
storage=(--root "$work/storage" --runroot "$work/run")
container=
sandbox=
tidy() {
  [[ -z $sandbox ]] || { kill -- "-$sandbox" && wait "$sandbox"; } || true
  [[ -z $container ]] || buildah "${storage[@]}" rm "$container" >/dev/null
  rm -rf "$work"
}
trap tidy EXIT

step() { printf '\n== %s\n' "$*"; }

step 'a base with a C compiler'
debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates bookworm "$work/base" >"$work/debootstrap.log"
# Whatever this machine believes, the build must believe as well.
cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
if [[ -n $binary ]]; then
  install -D --mode=0755 "$binary" "$work/base/opt/here/pintail"
  cat >"$work/base/opt/here/cargo" <<'CARGO'
#!/bin/sh -e
install -D /opt/here/pintail "target/$(rustc --print host-tuple)/release/pintail"
CARGO
  chmod +x "$work/base/opt/here/cargo"
fi
base=$(buildah "${storage[@]}" from scratch)
buildah "${storage[@]}" copy --quiet "$base" "$work/base" / >/dev/null
buildah "${storage[@]}" config --env PATH=/opt/here:/opt/toolchain/bin:/usr/bin:/bin --env CARGO_HOME=/opt/cargo "$base"
buildah "${storage[@]}" commit --quiet --rm "$base" localhost/rust-here >/dev/null
rm -rf "$work/base"

step 'the image'
buildah "${storage[@]}" build --format docker --pull-never --layers=false "${volumes[@]}" \
  --build-arg RUST_IMAGE=localhost/rust-here --tag localhost/pintail .

step 'what is in it'
container=$(buildah "${storage[@]}" from --pull-never localhost/pintail)
root=$(buildah "${storage[@]}" mount "$container")
(cd "$root" && find . -xdev \( -type f -o -path ./tmp -o -path ./var/lib/pintail \) -printf '%M %U:%G %10s %p\n')
[[ $(find "$root" -xdev -type f -perm /111 | wc -l) == 1 ]] || { echo 'error: more than one program' >&2; exit 1; }
buildah "${storage[@]}" inspect --type image --format '{{.Docker.Config.User}} {{.Docker.Config.Healthcheck}}' localhost/pintail

inside() { buildah "${storage[@]}" run "$@"; }

step 'pintail demo, inside'
inside "$container" -- /usr/bin/pintail demo

step 'pintail rotate-now --all, inside, against a sandbox'
# A process group of its own, since buildah does not pass a signal on to what it runs.
setsid buildah "${storage[@]}" run "$container" -- /usr/bin/pintail sandbox --accounts etl_prod,dashboards \
  >"$work/ready.json" 2>"$work/sandbox.log" &
sandbox=$!
for _ in {1..100}; do
  [[ -s $work/ready.json ]] && break
  sleep 0.1
done
field() { python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).readline())[sys.argv[2]])' "$work/ready.json" "$1"; }
cat >"$work/pintail.toml" <<TOML
owner = "image"
[motherduck]
api_url = "$(field api_url)"
admin_token = { file = "$(field admin_token_file)" }
[motherduck.postgres]
host = "$(field postgres_host)"
port = $(field postgres_port)
ca_file = "$(field ca_file)"
[stores.local.file]
dir = "/var/lib/pintail"
[defaults]
store = "local"
path = "{credential}"
every = "30d"
ttl = "45d"
gate = "none"
[credentials.etl_prod]
username = "etl_prod"
[credentials.dashboards]
username = "dashboards"
token_type = "read_scaling"
TOML
buildah "${storage[@]}" copy --quiet --chown 65532:65532 "$container" "$work/pintail.toml" /etc/pintail/pintail.toml >/dev/null
inside "$container" -- /usr/bin/pintail check --offline
inside "$container" -- /usr/bin/pintail rotate-now --all
inside "$container" -- /usr/bin/pintail rotate-now --all
inside "$container" -- /usr/bin/pintail rotate-now --due
inside "$container" -- /usr/bin/pintail status

step 'the same with a root file system that cannot be written, but for the volume'
# What buildah runs can write anywhere in its container, so that this is done without it.
install -d --owner=65532 --group=65532 --mode=0700 "$work/volume"
locked() { deploy/container/read-only.sh "$root" "$work/volume" /usr/bin/pintail "$@"; }
# The health check, by the program itself.
locked check --offline
locked rotate-now --all
locked rotate-now --all
locked status
step 'all of it worked'

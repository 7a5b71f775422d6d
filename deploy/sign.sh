#!/usr/bin/env bash
# Signs the checksums of a release, and verifies the signature: FILE.asc, by the key of GnuPG that PINTAIL_SIGNING_KEY
# names (a fingerprint, or an address). Without that variable it says that nothing was signed.
#
#   deploy/sign.sh FILE
set -euo pipefail
if [[ -z ${PINTAIL_SIGNING_KEY:-} ]]; then
  echo 'NOT SIGNED: PINTAIL_SIGNING_KEY is not set'
  exit 0
fi
gpg --batch --yes --local-user "$PINTAIL_SIGNING_KEY" --armor --output "$1.asc" --detach-sign "$1"
gpg --batch --verify "$1.asc" "$1"

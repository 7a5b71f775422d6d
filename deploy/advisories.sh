#!/usr/bin/env bash
# Asks whether a dependency has a published vulnerability, is no longer maintained, or was withdrawn: cargo-deny with
# RustSec's database, a git repository that is fetched anew each time.
#
# 0: none of them · 1: some of them, named · 3: NOT CHECKED, since the database could not be fetched. An older copy of
# it is not asked: that nothing was found in it would say little.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! said=$(cargo deny --locked fetch db 2>&1); then
  cat >&2 <<TEXT
$said

**************************************************************************************
* NOT CHECKED: whether a dependency has a known vulnerability. RustSec's database    *
* could not be fetched. Run deploy/advisories.sh where it can be, before a release.  *
**************************************************************************************
TEXT
  exit 3
fi
cargo deny --locked check advisories || exit 1

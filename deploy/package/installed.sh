#!/bin/sh
# After an installation or an upgrade. Nothing is started: there is no admin token and no configuration yet. What runs
# already goes on with the new program; that loses nothing, since an interrupted rotation is continued.
set -e
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
# `configure` with a version before, from dpkg; 2 from rpm: an upgrade.
if [ -n "$2" ] || [ "$1" = 2 ]; then
  systemctl try-restart pintail.service
fi

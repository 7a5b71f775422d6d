#!/bin/sh
# Before a removal. On an upgrade (`upgrade`, or 1 from rpm) it goes on.
set -e
[ -d /run/systemd/system ] || exit 0
if [ "$1" = remove ] || [ "$1" = 0 ]; then
  systemctl disable --now pintail.service pintail-rotate.timer
fi

#!/usr/bin/env bash
# Boots a Debian with systemd in a container of systemd-nspawn, installs pintail and these units as README.md says, and
# lets them work against pintail's own sandbox: a daemon that rotates, a consumer that is restarted, a reload, a crash,
# a hang that the watchdog ends, a stop, the timer's service. Needs root, and the Debian packages debootstrap and
# systemd-container.
#
#   deploy/systemd/try-here.sh PINTAIL      a static binary, such as deploy/release.sh makes; a debug build does, too
#   deploy/systemd/try-here.sh PINTAIL DEB  installs the package of deploy/package.sh in place of the files, upgrades it
#                                           at the end, and removes it
set -euo pipefail
binary=$(realpath "$1")
package=${2:+$(realpath "$2")}
cd "$(dirname "$0")"

missing=()
for tool in debootstrap systemd-nspawn; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if ((${#missing[@]})); then
  echo "error: missing: ${missing[*]}" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
echo '== a Debian with systemd'
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps,ca-certificates bookworm "$root" >"$work/debootstrap.log"

if [[ -n $package ]]; then
  program=/usr/bin/pintail
  cp "$package" "$root/srv/pintail.deb"
  chroot "$root" dpkg --install /srv/pintail.deb
  # Whoever installs it finds all of it.
  chroot "$root" /bin/sh -ec "test -x $program; test -e /usr/share/man/man1/pintail.1; test -e /usr/lib/systemd/system/pintail.service;
    test -e /usr/share/bash-completion/completions/pintail; test -e /etc/pintail/pintail.toml"
  # What is under /etc is the administrator's.
  rm "$root/etc/pintail/pintail.toml"
else
  program=/usr/local/bin/pintail
  install -D --mode=0755 "$binary" "$root$program"
  install --mode=0644 -t "$root/etc/systemd/system" ./*.service ./*.timer ./*.path
  install -d --mode=0755 "$root/etc/pintail"
fi
echo '127.0.0.1 localhost' >"$root/etc/hosts"

install -d --mode=0755 "$root/etc/systemd/system/pintail.service.d"
# Nobody wants to wait for two minutes here.
printf '[Service]\nWatchdogSec=6s\n' >"$root/etc/systemd/system/pintail.service.d/try.conf"
if ldd "$binary" >/dev/null 2>&1; then
  echo 'its libraries are let in, since it is not static'
  install -d --mode=0755 "$root/etc/systemd/system/pintail-rotate.service.d"
  for unit in pintail pintail-rotate; do
    printf '[Service]\nExecPaths=/usr/lib\n' >"$root/etc/systemd/system/$unit.service.d/libraries.conf"
  done
fi

cat >"$root/etc/pintail/pintail.toml" <<'TOML'
owner = "here"
[motherduck]
api_url = "http://127.0.0.1:18431"
[motherduck.postgres]
host = "localhost"
port = 18432
ca_file = "/etc/pintail/sandbox-ca.pem"
[stores.local.file]
dir = "/var/lib/pintail/secrets"
[daemon]
sweep = "1s"
[credentials.etl_prod]
username = "etl_prod"
store = "local"
path = "{credential}"
schedule = "*/5 * * * * *"
ttl = "1h"
gate.wait = "2s"
TOML
cat >"$root/etc/systemd/system/sandbox.service" <<UNIT
[Service]
ExecStart=$program sandbox --rest-listen 127.0.0.1:18431 --postgres-listen 127.0.0.1:18432 --dir /srv/sandbox --accounts etl_prod,report_prod
StandardOutput=file:/srv/ready.json
UNIT
# The consumers that are shipped: each holds the token that it started with, and tells its digest.
consumer() {
  sed "s|^ExecStart=.*|ExecStart=/bin/sh -c '$2 \| sha256sum; exec sleep infinity'|" "../consumers/systemd/$1" \
    >"$root/etc/systemd/system/$1"
}
consumer etl_prod.service 'cat "$motherduck_token_file"'
consumer etl_prod-environment.service 'printf %%s "$motherduck_token"'
cat >"$root/etc/systemd/system/try.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /srv/try.sh
StandardOutput=file:/srv/out
StandardError=append:/srv/out
ExecStopPost=systemctl poweroff --no-block
TimeoutStartSec=300
[Install]
WantedBy=multi-user.target
UNIT
ln -s ../try.service "$root/etc/systemd/system/multi-user.target.wants/try.service"

cat >"$root/srv/try.sh" <<'SCRIPT'
set -Eeuo pipefail
step() { printf '\n== %s\n' "$*"; }
until_true() { for _ in {1..300}; do "$@" 2>/dev/null && return; sleep 0.1; done; echo "error: never came true: $*"; false; }
served() { sed -n 's/^  "token_id": *"\([^"]*\)".*/\1/p' /var/lib/pintail/secrets/etl_prod/record.json; }
property() { systemctl show --value --property "$1" "$2"; }
trap 'echo "error: line $LINENO"; journalctl --no-pager | grep -v pintail.service | tail -60; systemctl --no-pager status etl_prod.service pintail-reload@etl_prod.path pintail-reload@etl_prod.service' ERR

step 'the stand-in'
systemctl start sandbox.service
until_true grep -q ca_file /srv/ready.json
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" /srv/ready.json; }
install --mode=0600 "$(field admin_token_file)" /etc/pintail/motherduck-admin-token
install --mode=0644 "$(field ca_file)" /etc/pintail/sandbox-ca.pem

step 'a wrong configuration is not tried again'
mv /etc/pintail/pintail.toml /etc/pintail/right.toml
echo 'ownr = "typo"' >/etc/pintail/pintail.toml
systemctl start pintail.service || true
until_true eval '[[ $(property ActiveState pintail.service) == failed ]]'
[[ $(property NRestarts pintail.service) == 0 && $(property ExecMainStatus pintail.service) == 2 ]]
mv /etc/pintail/right.toml /etc/pintail/pintail.toml
systemctl reset-failed pintail.service

step 'the daemon makes the first token'
systemctl start pintail.service
until_true test -e /var/lib/pintail/secrets/etl_prod/record.json
pid=$(property MainPID pintail.service)
ps -o user=,pid=,args= -p "$pid"
user=$(ps -o uid= -p "$pid")
((61184 <= user && user <= 65519)) # systemd's range of users that exist only while a service runs
grep -E '^(CapEff|NoNewPrivs|Seccomp):' "/proc/$pid/status"
stat -L -c '%A %U %n' /var/lib/pintail /var/lib/pintail/secrets/etl_prod/token

step 'a look at it as the service sees it'
systemd-run --pipe --wait --quiet --property=DynamicUser=yes --property=User=pintail --property=StateDirectory=pintail \
  --property=LoadCredential=motherduck-admin-token:/etc/pintail/motherduck-admin-token \
  --setenv=PINTAIL__MOTHERDUCK__ADMIN_TOKEN__FILE=/run/credentials/check.service/motherduck-admin-token \
  --unit=check.service pintail check

step 'a consumer is restarted with each new token'
systemctl start etl_prod.service
systemctl start pintail-reload@etl_prod.path
first=$(served)
until_true eval '[[ $(served) != '"$first"' ]]'
second=$(served)
until_true eval '[[ $(served) != '"$second"' ]]'
echo "$first, then $second, then $(served)"
until_true eval '[[ $(journalctl -u etl_prod.service -o cat | grep -E "^[0-9a-f]{64}" | sort -u | wc -l) -ge 3 ]]'
journalctl -u etl_prod.service -o cat | grep -E '^[0-9a-f]{64}'

step 'a consumer has it in its environment'
systemctl start etl_prod-environment.service
digests() { sha256sum /var/lib/pintail/secrets/etl_prod/..0*/token | cut -d' ' -f1; }
until_true eval 'journalctl -u etl_prod-environment.service -o cat | grep -qE "^[0-9a-f]{64}"'
digests | grep -xF "$(journalctl -u etl_prod-environment.service -o cat | grep -oE '^[0-9a-f]{64}' | tail -1)"
systemctl stop etl_prod-environment.service

step 'it tells systemd how it stands'
[[ $(property Type pintail.service) == notify ]]
until_true eval '[[ $(property StatusText pintail.service) == "1 credential: "* ]]'
systemctl --no-pager status pintail.service | grep -E 'Active:|Status:'

step 'a changed configuration is taken over, a wrong one is not'
cat >>/etc/pintail/pintail.toml <<'TOML'
[credentials.report]
username = "report_prod"
store = "local"
path = "{credential}"
every = "30d"
ttl = "45d"
gate = "none"
TOML
systemctl reload pintail.service
until_true test -e /var/lib/pintail/secrets/report/record.json
until_true eval '[[ $(property StatusText pintail.service) == "2 credentials: "* ]]'
cp /etc/pintail/pintail.toml /etc/pintail/right.toml
echo 'ownr = "typo"' >>/etc/pintail/pintail.toml
systemctl reload pintail.service
until_true eval '[[ $(property StatusText pintail.service) == *"configuration was refused"* ]]'
[[ $(property ActiveState pintail.service) == active && $(property MainPID pintail.service) == "$pid" ]]
journalctl -u pintail.service -o cat | grep -E 'configuration (reloaded|refused)'
# Without being asked to, by its content.
mv /etc/pintail/right.toml /etc/pintail/pintail.toml
until_true eval '[[ $(property StatusText pintail.service) != *refused* ]]'

step 'it is started again when it hangs'
kill -STOP "$pid"
until_true eval '[[ $(property NRestarts pintail.service) == 1 && $(property SubState pintail.service) == running ]]'
journalctl -u pintail.service -o cat | grep -i watchdog
second=$(served)
until_true eval '[[ $(served) != '"$second"' ]]'

step 'it is started again after a crash'
kill -9 "$(property MainPID pintail.service)"
until_true eval '[[ $(property NRestarts pintail.service) == 2 && $(property SubState pintail.service) == running ]]'
third=$(served)
until_true eval '[[ $(served) != '"$third"' ]]'

step 'it stops in order'
systemctl stop pintail.service
[[ $(property Result pintail.service) == success && $(property ExecMainStatus pintail.service) == 0 ]]
journalctl -u pintail.service -o cat | tail -3

step 'the timer and its service, on the same state'
systemctl start pintail-rotate.timer
systemctl list-timers --no-pager pintail-rotate.timer
sleep 6
systemctl start pintail-rotate.service
[[ $(property Result pintail-rotate.service) == success ]]
journalctl -u pintail-rotate.service -o cat | grep 'etl_prod: rotated'

step 'no token is in the journal'
for file in /etc/pintail/motherduck-admin-token /var/lib/pintail/secrets/etl_prod/..*/token; do
  journalctl -o cat | grep -qF "$(cat "$file")" && { echo "error: $file is in the journal"; false; }
done
ls -d /var/lib/pintail/secrets/etl_prod/..0*
if [[ -e /srv/pintail.deb ]]; then
  step 'the package is upgraded under a daemon that goes on, and removed'
  systemctl start pintail.service
  until_true eval '[[ $(property ActiveState pintail.service) == active ]]'
  pid=$(property MainPID pintail.service)
  config=$(sha256sum </etc/pintail/pintail.toml)
  dpkg --install /srv/pintail.deb
  until_true eval '[[ $(property MainPID pintail.service) != '"$pid"' && $(property ActiveState pintail.service) == active ]]'
  [[ $(sha256sum </etc/pintail/pintail.toml) == "$config" ]]
  dpkg --remove pintail
  [[ $(property ActiveState pintail.service) == inactive ]]
  [[ -e /etc/pintail/pintail.toml && -e /var/lib/pintail/secrets/etl_prod/token && ! -e /usr/bin/pintail ]]
fi
step 'all of it worked'
SCRIPT

echo '== booted'
timeout --kill-after=10 330 systemd-nspawn --quiet --directory="$root" --boot --register=no --keep-unit \
  </dev/null >"$work/boot.log" 2>&1 || { tail -20 "$work/boot.log"; cat "$root/srv/out"; exit 1; }
cat "$root/srv/out"
grep -q 'all of it worked' "$root/srv/out"

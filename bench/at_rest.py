#!/usr/bin/env python3
"""Measures a daemon at rest: its memory, its processor time and its requests, with so many credentials of one rule.

    PINTAIL=target/release/pintail bench/at_rest.py 10000 [--tables] [--sweep 30]

The secrets are made by this script in a store of files, and MotherDuck is a stand-in that only lists: nothing leaves
the machine, and nothing is rotated. Each line of the output is one measurement, as JSON.
"""

import argparse
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

ADMIN = "bench-admin-token"


def name(number):
    return f"customer_{number:06}"


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def rotation_id(seconds, number):
    """A UUIDv7 without the mark of a place."""
    high = (int(seconds * 1000) << 16) | 0x7000 | (number & 0xFFF)
    return str(uuid.UUID(int=(high << 64) | (0b10 << 62) | number))


def token_id(number):
    return str(uuid.UUID(int=(0x4000 << 64) | (0b10 << 62) | (number + 1)))


def fill(store, count, began):
    """A secret for each account, as pintail itself would have put it there a day ago."""
    for number in range(count):
        text = f"bench.token.{number}"
        made = began - 86_400 - number % 3_600
        rotation = rotation_id(made, number)
        record = {
            "token_id": token_id(number),
            "pintail": {
                "managed_by": "pintail",
                "token_id": token_id(number),
                "token_name": f"pintail/bench/{name(number)}/{rotation}",
                "token_type": "read_write",
                "username": name(number),
                "created_at": stamp(made),
                "expires_at": stamp(began + 20 * 86_400),
                "rotation_id": rotation,
                "published_at": stamp(made),
                "previous_token_ids": [token_id(1_000_000 + number)],
                "first_token_at": stamp(made - 86_400),
                "phase": "retiring",
                "token_sha256": hashlib.sha256(text.encode()).hexdigest(),
                "owner": "bench",
            },
        }
        at = store / "motherduck" / name(number)
        version = at / f"..000000000001-{uuid.uuid4()}"
        version.mkdir(parents=True, mode=0o700)
        for file, content in (("token", text), ("motherduck.env", f"motherduck_token={text}\n"), ("record.json", json.dumps(record))):
            (version / file).write_text(content)
            os.symlink(f"..data/{file}", at / file)
        os.symlink(version.name, at / "..data")


class Stand_in(http.server.BaseHTTPRequestHandler):
    """Lists the one token of an account, and counts."""

    protocol_version = "HTTP/1.1"
    counted = {}
    began = 0.0

    def do_GET(self):
        found = re.fullmatch(r"/v1/users/customer_(\d+)/tokens", self.path)
        kind = "token_list" if found else "other"
        Stand_in.counted[kind] = Stand_in.counted.get(kind, 0) + 1
        if not found:
            return self.answer(404, {"code": "NOT_FOUND", "message": "no such thing"})
        number = int(found[1])
        made = Stand_in.began - 86_400 - number % 3_600
        token = {
            "id": token_id(number),
            "name": f"pintail/bench/{name(number)}/{rotation_id(made, number)}",
            "created_ts": stamp(made),
            "expire_at": stamp(Stand_in.began + 20 * 86_400),
            "token_type": "read_write",
            "read_only": False,
        }
        self.answer(200, {"tokens": [token]})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def process(pid):
    """Resident memory now and at its most in MiB, and processor time in seconds."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    resident = {key: int(value) / 1024 for key, value in re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status)}
    times = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(times[11]) + int(times[12])
    return resident["VmRSS"], resident["VmHWM"], ticks / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--tables", action="store_true", help="a table for each credential in place of one rule")
    parser.add_argument("--sweep", type=int, default=30, help="seconds between two looks (default 30)")
    parser.add_argument("--rate", type=int, default=10, help="requests per second that are allowed (default 10)")
    options = parser.parse_args()
    pintail = os.environ.get("PINTAIL", "target/release/pintail")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="pintail-bench-"))
    began = time.time()
    Stand_in.began = began
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stand_in)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        fill(scratch / "secrets", options.count, began)
        (scratch / "admin").write_text(ADMIN)
        (scratch / "admin").chmod(0o600)
        names = [name(number) for number in range(options.count)]
        if options.tables:
            credentials = "".join(f"[credentials.{one}]\n" for one in names)
        else:
            (scratch / "accounts.txt").write_text("\n".join(names) + "\n")
            credentials = f'[fleets.customers]\naccounts.file = "{scratch}/accounts.txt"\n'
        (scratch / "pintail.toml").write_text(
            f'owner = "bench"\n[motherduck]\napi_url = "http://127.0.0.1:{server.server_port}"\n'
            f'admin_token = {{ file = "{scratch}/admin" }}\nrequests_per_second = {options.rate}\n'
            f'[daemon]\nsweep = "{options.sweep}s"\n[server]\nlisten = "127.0.0.1:0"\n[stores.files.file]\n'
            f'dir = "{scratch}/secrets"\n[defaults]\nstore = "files"\nttl = "30d"\ngate = "none"\n'
            f'verify.command = ["/bin/true"]\n{credentials}'
        )
        log = open(scratch / "log", "wb")
        daemon = subprocess.Popen([pintail, "--config", str(scratch / "pintail.toml"), "run"], stdout=log, stderr=log)
        try:
            marks = []
            for sweep in range(3):
                time.sleep(options.sweep * (1 if sweep else 0.5))
                if daemon.poll() is not None:
                    sys.exit((scratch / "log").read_text()[-2_000:])
                resident, most, spent = process(daemon.pid)
                marks.append(spent)
                print(json.dumps({
                    "credentials": options.count,
                    "by": "tables" if options.tables else "rule",
                    "seconds": round(time.time() - began),
                    "resident_mib": round(resident, 1),
                    "most_resident_mib": round(most, 1),
                    "cpu_seconds": spent,
                    "requests": dict(Stand_in.counted),
                }), flush=True)
            idle = (marks[2] - marks[1]) / options.sweep
            print(json.dumps({"cpu_of_a_core_at_rest": round(idle, 5), "swept_every_seconds": options.sweep}))
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(60)
    finally:
        server.shutdown()
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()

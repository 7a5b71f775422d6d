"""A consumer that takes over a new token without a restart.

    motherduck_token_file=/run/motherduck/token python3 consumer.py

It reads the token from a file: a secret of pintail's file store, one that Vault's agent or a CSI driver keeps fresh, or
a mounted Kubernetes Secret. It looks at the file's content rather than waiting for an event, since a mounted secret
changes by a link that is switched above it. When the content has changed it opens a new connection, and only when
that one works does it give up the old one.

For pintail's gate it answers GET /healthz/TOKEN_ID: 200 only while it is connected with the token of that ID. So a file
that is renewed late cannot let the gate pass on the strength of the old token. The ID stands beside the token: in the
same file if that is a JSON object, else in record.json (the file store) or in a file token_id of the same version.
GET /healthz, for liveness, is 200 while it is connected with the token that is there now.
"""

import http.server
import json
import os
import sys
import threading
import time

import psycopg

TOKEN_FILE = os.environ["motherduck_token_file"]
HOST = os.environ.get("motherduck_host", "pg.us-east-1-aws.motherduck.com")
PORT = int(os.environ.get("motherduck_port", "5432"))
ROOTS = os.environ.get("motherduck_ca_file", "system")
LISTEN = int(os.environ.get("listen_port", "8080"))
EVERY = float(os.environ.get("look_every_seconds", "1"))


def served():
    """The token and its ID; no ID if none is told."""
    # The link is followed once: everything that is read below is of one version.
    path = os.path.realpath(TOKEN_FILE)
    text = read(path)
    if text.startswith("{"):
        secret = json.loads(text)
        return secret["motherduck_token"], secret.get("token_id")
    folder = os.path.dirname(path)
    if os.path.exists(f"{folder}/record.json"):
        return text, json.loads(read(f"{folder}/record.json")).get("token_id")
    if os.path.exists(f"{folder}/token_id"):
        return text, read(f"{folder}/token_id")
    return text, None


def read(path):
    with open(path) as file:
        return file.read().strip()


def connect(token):
    return psycopg.connect(
        host=HOST, port=PORT, user="postgres", dbname="md:", password=token,
        sslmode="verify-full", sslrootcert=ROOTS, connect_timeout=10, autocommit=True,
    )


class Work(threading.Thread):
    """The work itself: one query after the other, on a connection that is replaced when the token is."""

    def __init__(self):
        super().__init__(daemon=True)
        self.token = self.token_id = self.connection = None

    def run(self):
        while True:
            try:
                self.take_over(*served())
                self.connection.execute("SELECT 1").fetchone()
            # A file that is being replaced, a token that is refused. None of these texts holds a token.
            except (OSError, ValueError, KeyError, psycopg.Error) as error:
                say(f"not working: {error}")
                self.token = self.token_id = None
            time.sleep(EVERY)

    def take_over(self, token, token_id):
        if token == self.token:
            return
        fresh = connect(token)
        old, self.connection, self.token, self.token_id = self.connection, fresh, token, token_id
        if old is not None:
            old.close()
        say(f"connected with token {token_id}")

    def is_healthy(self, path):
        if path.startswith("/healthz/"):
            return self.token is not None and path == f"/healthz/{self.token_id}"
        try:
            return path == "/healthz" and self.token is not None and self.token == served()[0]
        except (OSError, ValueError, KeyError):
            return False


def say(text):
    print(text, file=sys.stderr, flush=True)


WORK = Work()


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if WORK.is_healthy(self.path) else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


WORK.start()
server = http.server.ThreadingHTTPServer(("127.0.0.1", LISTEN), Health)
say(f"listening on {server.server_address[1]}")
server.serve_forever()

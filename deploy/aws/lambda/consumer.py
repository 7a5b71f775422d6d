"""An AWS Lambda function that connects to MotherDuck with the token that Secrets Manager serves.

    MOTHERDUCK_SECRET=motherduck/etl_prod python3 consumer.py        # runs the handler once, on this machine

An environment lives for hours and is reused, so the token is kept for CACHE_SECONDS and then read again; a connection
that is refused makes it read again at once. pintail's gate must wait for longer than that: `gate.wait = "30m"`.
Package it with pg8000 (pure Python), or use DuckDB in the same way.
"""

import json
import os
import ssl
import time

import boto3
import pg8000.dbapi

SECRET = os.environ["MOTHERDUCK_SECRET"]
HOST = os.environ.get("MOTHERDUCK_HOST", "pg.us-east-1-aws.motherduck.com")
PORT = int(os.environ.get("MOTHERDUCK_PORT", "5432"))
CA_FILE = os.environ.get("MOTHERDUCK_CA_FILE")
CACHE_SECONDS = 300

client = boto3.client("secretsmanager", region_name=os.environ.get("AWS_REGION"))
cached = {"token": None, "token_id": None, "until": 0.0}


def served(fresh=False):
    """The token and its ID; from the cache, unless that is old or `fresh` is asked for."""
    if fresh or time.monotonic() >= cached["until"]:
        text = client.get_secret_value(SecretId=SECRET, VersionStage="AWSCURRENT")["SecretString"]
        secret = json.loads(text)
        cached.update(token=secret["motherduck_token"], token_id=secret.get("token_id"))
        cached["until"] = time.monotonic() + CACHE_SECONDS
    return cached["token"], cached["token_id"]


def connect(token):
    return pg8000.dbapi.connect(
        user="postgres", database="md:", password=token, host=HOST, port=PORT,
        ssl_context=ssl.create_default_context(cafile=CA_FILE), timeout=10,
    )


def handler(event, context):
    token, token_id = served()
    try:
        connection = connect(token)
    except pg8000.dbapi.Error:
        # The token of the cache may have been revoked. Once more, with what is served now.
        token, token_id = served(fresh=True)
        connection = connect(token)
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        # The ID is no secret: it tells which token worked.
        return {"token_id": token_id, "rows": [list(row) for row in cursor.fetchall()]}
    finally:
        connection.close()


if __name__ == "__main__":
    print(json.dumps(handler({}, None)))

"""The token of a secret in AWS Secrets Manager, by boto3, just before connecting.

    python3 read_token.py motherduck/etl_prod

Call it for each new connection, and again when a connection is refused as not authenticated: the answer may be a newer
token than the one in hand. Caching it for minutes is fine, as long as pintail's gate waits for longer.
"""

import json
import sys

import boto3


def token(name, field="motherduck_token", client=None):
    client = client or boto3.client("secretsmanager")
    text = client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]
    # With `format = "plain"` the secret is the token and nothing else.
    return json.loads(text)[field] if text.startswith("{") else text


if __name__ == "__main__":
    sys.stdout.write(token(sys.argv[1]))

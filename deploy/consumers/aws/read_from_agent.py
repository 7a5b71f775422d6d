"""The token of a secret in AWS Secrets Manager, by way of the AWS Secrets Manager Agent on the same machine.

    python3 read_from_agent.py motherduck/etl_prod

The agent answers from its cache for up to its `ttl_seconds` (300 by default) and is not told of a rotation. So: let
pintail's gate wait for longer than that, and ask with `fresh=True` after a connection was refused as not authenticated.
"""

import json
import os
import sys
import urllib.parse
import urllib.request

AGENT = os.environ.get("secrets_agent_url", "http://localhost:2773")
# The agent's own protection against requests that somebody else makes your program send.
SSRF_TOKEN_FILE = os.environ.get("secrets_agent_token_file", "/var/run/awssmatoken")


def token(name, field="motherduck_token", fresh=False):
    query = {"secretId": name} | ({"refreshNow": "true"} if fresh else {})
    with open(SSRF_TOKEN_FILE) as file:
        headers = {"X-Aws-Parameters-Secrets-Token": file.read().strip()}
    request = urllib.request.Request(f"{AGENT}/secretsmanager/get?{urllib.parse.urlencode(query)}", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = json.load(answer)["SecretString"]
    # With `format = "plain"` the secret is the token and nothing else.
    return json.loads(text)[field] if text.startswith("{") else text


if __name__ == "__main__":
    sys.stdout.write(token(sys.argv[1]))

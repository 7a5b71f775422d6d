"""What consumers use: psycopg and boto3. One JSON request a line on standard input, one JSON answer a line."""

import functools
import json
import sys


@functools.cache
def secrets(endpoint):
    import boto3

    return boto3.client("secretsmanager", endpoint_url=endpoint, region_name="us-east-1")


def connect(host, port, ca, token):
    import psycopg

    try:
        with psycopg.connect(
            host=host,
            port=port,
            user="postgres",
            dbname="md:",
            password=token,
            sslmode="verify-full",
            sslrootcert=ca,
            connect_timeout=10,
        ) as connection:
            return {"row": str(connection.execute("SELECT 1").fetchone()[0])}
    except psycopg.OperationalError as error:
        return {"refused": str(error)}


def get_secret(endpoint, name):
    # AWS serves this stage when none is named. moto then serves the last version that was put as current, and does not
    # notice that the label was moved.
    value = secrets(endpoint).get_secret_value(SecretId=name, VersionStage="AWSCURRENT")
    return {"text": value["SecretString"]}


def put_secret(endpoint, name, text):
    client = secrets(endpoint)
    try:
        client.create_secret(Name=name, SecretString=text)
    except client.exceptions.ResourceExistsException:
        # In two steps: a plain put after a label was moved leaves moto with two current versions.
        current = client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["VersionId"]
        version = client.put_secret_value(SecretId=name, SecretString=text, VersionStages=["BY_HAND"])
        client.update_secret_version_stage(
            SecretId=name,
            VersionStage="AWSCURRENT",
            RemoveFromVersionId=current,
            MoveToVersionId=version["VersionId"],
        )
    return {}


for line in sys.stdin:
    request = json.loads(line)
    answer = globals()[request.pop("do")](**request)
    print(json.dumps(answer), flush=True)

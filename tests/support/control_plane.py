"""Starts etcd, kube-apiserver and kube-controller-manager on loopback ports, and ends them when a process ends.

    control_plane.py ASSETS FOLDER PID

Writes FOLDER/ready.json once all of them serve, FOLDER/failed if one of them ended, and removes FOLDER when the process
PID is gone. They are shared by the tests of one run: PID is whoever runs them.
"""

import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CONTROLLERS = (
    "deployment,replicaset,statefulset,daemonset,disruption,job,cronjob,serviceaccount,serviceaccount-token,namespace,"
    "garbagecollector"
)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def started(pid):
    """When the process started: another one may get its number. None once it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None


class Plane:
    def __init__(self, assets, folder):
        self.assets, self.folder, self.running = assets, folder, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name) + ".new", "w") as file:
            file.write(text)
        os.rename(self.path(name) + ".new", self.path(name))

    def start(self, program, *arguments):
        log = open(self.path(program + ".log"), "w")
        command = [os.path.join(self.assets, program), *arguments]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"HOME": self.folder}
        )
        self.running.append(process)

    def ended(self):
        return any(process.poll() is not None for process in self.running)

    def end(self):
        for process in reversed(self.running):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()

    def serve(self):
        etcd, peer, secure = free_ports(3)
        url, etcd_url = f"https://127.0.0.1:{secure}", f"http://127.0.0.1:{etcd}"
        token = secrets.token_hex(16)
        self.write("tokens.csv", f'{token},admin,admin,"system:masters"\n')
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.write(
            "sa.key",
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            ).decode(),
        )
        self.start(
            "etcd",
            f"--data-dir={self.path('etcd')}",
            f"--listen-client-urls={etcd_url}",
            f"--advertise-client-urls={etcd_url}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
        )
        self.start(
            "kube-apiserver",
            f"--etcd-servers={etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--cert-dir={self.path('certificates')}",
            f"--service-account-key-file={self.path('sa.key')}",
            f"--service-account-signing-key-file={self.path('sa.key')}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={self.path('tokens.csv')}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.99.0.0/24",
            "--advertise-address=127.0.0.1",
            "--disable-admission-plugins=ServiceAccount",
        )
        ca = self.path("certificates/apiserver.crt")
        self.wait(url, ca, token)
        cluster = {"certificate-authority": ca, "server": url}
        context = {"cluster": "here", "user": "admin"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": cluster}],
            "contexts": [{"name": "here", "context": context}],
            "users": [{"name": "admin", "user": {"token": token}}],
        }
        self.write("kubeconfig", json.dumps(config))
        self.start(
            "kube-controller-manager",
            f"--kubeconfig={self.path('kubeconfig')}",
            f"--controllers={CONTROLLERS}",
            "--leader-elect=false",
            "--port=0",
            "--secure-port=0",
            f"--service-account-private-key-file={self.path('sa.key')}",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )
        self.write("ready.json", json.dumps({"url": url, "ca_file": ca, "token": token}))

    def wait(self, url, ca, token):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not self.ended():
            try:
                context = ssl.create_default_context(cafile=ca)
                ask = urllib.request.Request(
                    url + "/readyz", headers={"Authorization": "Bearer " + token}
                )
                if urllib.request.urlopen(ask, context=context, timeout=5).status == 200:
                    return
            except (OSError, ValueError):
                pass
            time.sleep(0.05)
        raise RuntimeError("the API server was not ready in time")


def main():
    assets, folder, pid = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.setsid()
    birth = started(pid)
    plane = Plane(assets, folder)
    try:
        plane.serve()
        while started(pid) == birth and not plane.ended():
            time.sleep(0.2)
    except Exception as error:
        plane.write("failed", repr(error))
        while started(pid) == birth:
            time.sleep(0.2)
    finally:
        plane.end()
        shutil.rmtree(folder, ignore_errors=True)
        if os.path.exists(folder + ".lock"):
            os.remove(folder + ".lock")


main()

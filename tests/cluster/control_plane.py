"""A real Kubernetes control plane on this machine: etcd, kube-apiserver, kube-controller-manager and kube-scheduler.

Built by deploy/tools/build. It lives and dies with the test session, like the other servers (andon_demo.servers).
"""

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from secured_broker import make_certificates

from andon_demo.servers.ports import HOST

TOKEN = "admin-of-the-tests"  # of a cluster that listens on this machine alone, and only while a test runs
TOOLS = Path(__file__).parents[2] / ".cache" / "tools"
CONTROLLERS = "*,-nodeipam,-service-lb-controller,-cloud-node-lifecycle,-node-route-controller"


@dataclass(frozen=True)
class Etcd:
    """Where the cluster's objects are kept, for as long as the tests run."""

    name: str = "etcd"
    ports: int = 2

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        client, peer = (f"http://{HOST}:{port}" for port in ports)
        told = {
            "data-dir": folder / "data",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "log-level": "warn",
        }
        return [str(TOOLS / "etcd" / "etcd"), *flags(told), "--unsafe-no-fsync"]

    def answers(self, ports: Sequence[int]) -> bool:
        return says_ok(f"http://{HOST}:{ports[0]}/health")

    def url(self, address: str) -> str:
        return f"http://{address}"


class Secure:
    """A program of Kubernetes: it answers by https, and says at /healthz how it is."""

    def answers(self, ports: Sequence[int]) -> bool:
        return says_ok(f"https://{HOST}:{ports[0]}/healthz")

    def url(self, address: str) -> str:
        return f"https://{address}"


@dataclass(frozen=True)
class ApiServer(Secure):
    """kube-apiserver as clusters run it: Pod Security, RBAC, service-account tokens; and one admin's token."""

    etcd: str
    certificates: Path
    name: str = "kube-apiserver"
    ports: int = 1

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        make_certificates(self.certificates)
        admins = folder / "tokens.csv"
        admins.write_text(f'{TOKEN},admin,admin,"system:masters"\n')
        told = {
            "etcd-servers": self.etcd,
            "bind-address": HOST,
            "secure-port": ports[0],
            "advertise-address": "192.0.2.1",  # of documentation: nobody is to go there
            "endpoint-reconciler-type": "none",
            "tls-cert-file": self.certificates / "broker.crt",
            "tls-private-key-file": self.certificates / "broker.key",
            "token-auth-file": admins,
            "authorization-mode": "RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self.certificates / "broker.key",
            "service-account-signing-key-file": self.certificates / "broker.key",
            "service-cluster-ip-range": "10.96.0.0/16",
            "kubelet-preferred-address-types": "InternalIP",
            "kubelet-certificate-authority": self.certificates / "ca.pem",
        }
        return [str(TOOLS / "kubernetes" / self.name), *flags(told)]

    def answers(self, ports: Sequence[int]) -> bool:
        return says_ok(f"https://{HOST}:{ports[0]}/readyz", self.certificates)


@dataclass(frozen=True)
class ControllerManager(Secure):
    """What makes pods of Deployments and Jobs, gives out service accounts, and clears up after what is deleted."""

    kubeconfig: Path
    certificates: Path
    name: str = "kube-controller-manager"
    ports: int = 1

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        told = {
            "kubeconfig": self.kubeconfig,
            "bind-address": HOST,
            "secure-port": ports[0],
            "cert-dir": folder,
            "controllers": CONTROLLERS,
            "leader-elect": "false",
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self.certificates / "broker.key",
            "root-ca-file": self.certificates / "ca.pem",
        }
        return [str(TOOLS / "kubernetes" / self.name), *flags(told)]


@dataclass(frozen=True)
class Scheduler(Secure):
    """What chooses the node of a pod."""

    kubeconfig: Path
    name: str = "kube-scheduler"
    ports: int = 1

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        told = {
            "kubeconfig": self.kubeconfig,
            "bind-address": HOST,
            "secure-port": ports[0],
            "cert-dir": folder,
            "leader-elect": "false",
        }
        return [str(TOOLS / "kubernetes" / self.name), *flags(told)]


def flags(told: dict[str, object]) -> list[str]:
    """--name=value, as the programs of Kubernetes and etcd read them."""
    return [f"--{name}={value}" for name, value in told.items()]


def says_ok(url: str, certificates: Path | None = None) -> bool:
    """Whether a GET is answered with 200; without `certificates` whoever answers is believed, and told no token."""
    trust = ssl.create_default_context(cafile=str(certificates / "ca.pem")) if certificates else False
    headers = {"Authorization": f"Bearer {TOKEN}"} if certificates else {}
    try:
        return httpx.get(url, headers=headers, verify=trust, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def kubeconfig(server: str, ca: Path, token: str, namespace: str = "default") -> str:
    """A kubeconfig file (JSON is YAML): whoever holds it is who the token says."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": {"server": server, "certificate-authority": str(ca)}}],
        "users": [{"name": "tests", "user": {"token": token}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests", "namespace": namespace}}],
        "current-context": "tests",
    }
    return json.dumps(config)

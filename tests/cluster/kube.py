"""The running cluster as tests use it: kubectl, helm, namespaces, and a client of its API."""

import json
import os
import random
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from control_plane import TOKEN, TOOLS, ApiServer, ControllerManager, Etcd, Scheduler, kubeconfig

from andon_demo.servers.server import Kind, Server
from andon_demo.servers.state import state_folder
from andon_demo.servers.supervise import signals_interrupt


class Refused(AssertionError):
    """kubectl or helm ended with an error; the message is what they said."""


class Cluster:
    """A control plane that answers. `folder` holds its logs; `kubeconfig` is its admin's."""

    def __init__(self, folder: Path, servers: Sequence[Server], url: str) -> None:
        self.folder = folder
        self.servers = {server.name: server for server in servers}
        self.url = url
        self.ca = folder / "certificates" / "ca.pem"
        self.kubeconfig = folder / "kubeconfig"

    def kubectl(self, *arguments: str, given: str | None = None, within_s: float = 60) -> str:
        """What `kubectl ARGUMENTS` prints. Raises Refused. `given` is its standard input (for `-f -`)."""
        return self._run(TOOLS / "kubernetes" / "kubectl", arguments, given, within_s).stdout

    def warned(self, *arguments: str, given: str | None = None) -> list[str]:
        """The warnings of the API server while `kubectl ARGUMENTS` runs, a line each. Raises Refused."""
        told = self._run(TOOLS / "kubernetes" / "kubectl", ("--warnings-as-errors=false", *arguments), given, 60).stderr
        return [line for line in told.splitlines() if line.startswith("Warning:")]

    def helm(self, *arguments: str, within_s: float = 300) -> str:
        """What `helm ARGUMENTS` prints. Raises Refused."""
        return self._run(TOOLS / "helm", arguments, None, within_s).stdout

    def get(self, kind: str, name: str = "", *, namespace: str = "default", labels: str = "") -> Any:
        """One object, or all of a kind (a list), as the API server has them."""
        wanted = [kind, name] if name else [kind, "-l", labels] if labels else [kind]
        found = json.loads(self.kubectl("get", *wanted, "-n", namespace, "-o", "json"))
        return found if name else found["items"]

    def apply(self, *manifests: Any, namespace: str = "default") -> None:
        """Creates or changes these objects."""
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self.kubectl("apply", "--server-side", "-n", namespace, "-f", "-", given=given)

    @contextmanager
    def namespace(self, enforce: str = "restricted", name: str = "") -> Iterator[str]:
        """A namespace of its own, under a Pod Security level; whatever it holds goes with it."""
        name = name or f"test-{uuid.uuid4().hex[:8]}"
        levels = {f"pod-security.kubernetes.io/{mode}": enforce for mode in ("enforce", "warn", "audit")}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": levels}})
        self.until(lambda: self.get("serviceaccounts", namespace=name), "the default service account")
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false")

    def account(self, name: str, namespace: str) -> str:
        """A kubeconfig text for a service account: its client has that account's rights and no others."""
        token = self.kubectl("create", "token", name, "-n", namespace).strip()
        return kubeconfig(self.url, self.ca, token, namespace)

    def memory_mib(self) -> dict[str, float]:
        """What each server holds in memory now (RSS)."""
        return {name: _rss_mib(server.process.pid) for name, server in self.servers.items()}

    def until(self, answers: Callable[[], Any], what: str, within_s: float = 60) -> Any:
        """What `answers()` answers, once it is true. Raises Refused when the time is over."""
        deadline = time.monotonic() + within_s
        while not (found := answers()):
            if time.monotonic() > deadline:
                raise Refused(f"waited {within_s:.0f} s in vain for {what}")
            time.sleep(0.2)
        return found

    def _run(
        self, program: Path, words: Sequence[str], given: str | None, within_s: float
    ) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HELM_CACHE_HOME": str(self.folder / "helm")}
        told = subprocess.run(
            [str(program), *words], input=given, capture_output=True, text=True, env=env, timeout=within_s, check=False
        )
        if told.returncode:
            raise Refused(
                f"{program.name} {' '.join(words)} ended with {told.returncode}:\n{told.stderr or told.stdout}"
            )
        return told


def _rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


@contextmanager
def control_plane(draw: random.Random) -> Iterator[Cluster]:
    """A cluster without nodes, for as long as the block runs; returns when it can make pods of Deployments."""
    with ExitStack() as stack:
        stack.enter_context(signals_interrupt())
        state = stack.enter_context(state_folder())
        certificates = state.folder / "certificates"
        certificates.mkdir()

        def start(kind: Kind) -> Server:
            server = Server(kind, state.folder / kind.name, draw=draw, holds=(state.lock,))
            stack.callback(server.stop)
            server.start()
            return server

        etcd = start(Etcd())
        api = start(ApiServer(etcd.url, certificates))
        config = state.folder / "kubeconfig"
        config.write_text(kubeconfig(api.url, certificates / "ca.pem", TOKEN))
        managed = [start(ControllerManager(config, certificates)), start(Scheduler(config))]
        yield Cluster(state.folder, [etcd, api, *managed], api.url)

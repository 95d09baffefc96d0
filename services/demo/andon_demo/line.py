"""The services of a line as processes, with the entry points production uses."""

import json
import random
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from andon.errors import Broken, Mistake
from andon_demo.servers.ports import free_ports
from andon_demo.servers.process import Process

SERVICES = ("preprocess", "scoring", "drift", "alerting")
ON_REQUEST = ("shadow-scoring", "trainer", "heartbeat", "evidence", "ledger-watch", "machines", "console")
READY_WITHIN_S = 60.0


def andon_command() -> str:
    """The `andon` of this environment. Raises Mistake when it is not installed."""
    beside = Path(sys.executable).with_name("andon")
    found = str(beside) if beside.exists() else shutil.which("andon")
    if not found:
        raise Mistake("the command andon is not installed here; run: make setup")
    return found


class ServiceProcess:
    """One service: its process, and the page where it tells how it is."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path, env: Mapping[str, str], port: int) -> None:
        self.name = name
        self.port = port
        settings = {**env, "ANDON_HTTP__PORT": str(port)}
        self.process = Process(name, [andon_command(), *arguments], log=folder / f"{name}.log", env=settings)

    def ready(self) -> bool:
        """Whether /readyz says so."""
        return self._get("/readyz") is not None

    def gauge(self, name: str) -> float | None:
        """The sum of a metric over its labels, from /metrics; None when it does not answer."""
        text = self._get("/metrics")
        if text is None:
            return None
        lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                text: str = answer.read().decode()
                return text
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return None


class Line:
    """The standing services: started together, watched, stopped in the order of the flow. `on_request` are those that
    a line can do without."""

    def __init__(self, folder: Path, env: Mapping[str, str], draw: random.Random) -> None:
        names = (*SERVICES, *ON_REQUEST)
        ports = free_ports(len(names), draw)
        made = {name: ServiceProcess(name, [name], folder, env, port) for name, port in zip(names, ports, strict=True)}
        self.services = {name: made[name] for name in SERVICES}
        self.on_request = {name: made[name] for name in ON_REQUEST}

    def start(self) -> None:
        """Returns when all are ready. Raises Broken with the end of the log of one that is not."""
        for service in self.services.values():
            service.process.start()
        for service in self.services.values():
            service.process.wait_ready(service.ready, within_s=READY_WITHIN_S)

    def add(self, name: str) -> None:
        """Starts one of those on request, without waiting for it; from then on it stands like the others."""
        service = self.services[name] = self.on_request.pop(name)
        service.process.start()

    def check(self) -> None:
        """Raises Broken when a service has ended by itself."""
        for service in self.services.values():
            if not service.process.running:
                status = service.process.returncode
                raise Broken(f"{service.name} ended with status {status}.\n{service.process.tail()}")

    def stop(self) -> None:
        """SIGTERM to each; kill after the shutdown time."""
        for service in (*self.services.values(), *self.on_request.values()):
            service.process.stop(grace_s=25)


def last_json(log: Path, key: str) -> dict[str, object] | None:
    """The last line of a log that is a JSON object with `key`."""
    for line in reversed(log.read_text(errors="replace").splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if key in found:
                return dict(found)
    return None


def run_to_end(name: str, arguments: Sequence[str], folder: Path, env: Mapping[str, str], within_s: float) -> Process:
    """Runs an `andon` command to its end. Raises Broken with the end of its log when it fails or takes too long."""
    process = Process(name, [andon_command(), *arguments], log=folder / f"{name}.log", env=env)
    process.start()
    deadline = time.monotonic() + within_s
    while (status := process.wait(1)) is None and time.monotonic() < deadline:
        continue
    if status != 0:
        process.kill()
        raise Broken(f"andon {' '.join(arguments[:2])} ended with status {status}.\n{process.tail()}")
    return process

"""A container's probes: asked when due, counted, and answered with what follows."""

import http.client
import socket
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from node_api import Json


@dataclass
class Probe:
    """One probe since its container started. `passed` is None until it was decided once."""

    told: Json
    address: str
    ports: dict[str, int]
    passed: bool | None = None
    _due: float = 0.0
    _streak: int = 0
    _last: bool = field(default=False)

    def __post_init__(self) -> None:
        self._due = time.monotonic() + float(self.told.get("initialDelaySeconds", 0))

    def ask(self) -> None:
        """Asks, where it is time to."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + float(self.told.get("periodSeconds", 10))
        good = self._answer()
        self._streak = self._streak + 1 if good is self._last else 1
        self._last = good
        needed = self.told.get("successThreshold", 1) if good else self.told.get("failureThreshold", 3)
        if self._streak >= needed:
            self.passed = good

    def _answer(self) -> bool:
        within = float(self.told.get("timeoutSeconds", 1))
        if asked := self.told.get("httpGet"):
            host = asked.get("host", self.address)
            return answers(host, self._port(asked["port"]), asked.get("path", "/"), within)
        return connects(self.address, self._port(self.told["tcpSocket"]["port"]), within)

    def _port(self, named: Any) -> int:
        return self.ports[named] if isinstance(named, str) else int(named)


def answers(host: str, port: int, path: str, within_s: float) -> bool:
    """Whether a GET is answered with 200 to 399."""
    with closing(http.client.HTTPConnection(host, port, timeout=within_s)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status < http.client.BAD_REQUEST
        except (OSError, http.client.HTTPException):
            return False


def connects(host: str, port: int, within_s: float) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        probe.settimeout(within_s)
        return probe.connect_ex((host, port)) == 0

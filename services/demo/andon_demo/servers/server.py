"""One real server: a folder, ports, a process. It may be stopped, killed and started again where it was."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from andon.errors import Mistake
from andon_demo.servers.ports import HOST, free_ports, is_free
from andon_demo.servers.process import DidNotStart, Process

START_WITHIN_S = 90.0
LOST_RACES = 3


class Kind(Protocol):
    """What one sort of server needs to run. Kafka, Redis, Alertmanager, Prometheus and Mosquitto are the five.

    `name` names its folder and log; `ports` is how many ports it listens on, the first of which is for clients.
    """

    @property
    def name(self) -> str: ...

    @property
    def ports(self) -> int: ...

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Write what the server reads at start, keeping data that is there, and return its command line.

        Called before every start. Mistake when a program is missing.
        """
        ...

    def answers(self, ports: Sequence[int]) -> bool:
        """Whether it serves requests now; called again and again while it starts."""
        ...

    def url(self, address: str) -> str:
        """What a client of it is configured with, given host:port."""
        ...


class Server:
    """A server of one kind. Data and ports outlive `stop` and `kill`, so `start` brings the same server back.

    `port` fixes the client port; without it free ones are drawn at the first start, again if somebody else takes them
    first. `holds` are file descriptors its process keeps open.
    """

    def __init__(
        self, kind: Kind, folder: Path, *, draw: random.Random, port: int | None = None, holds: Sequence[int] = ()
    ) -> None:
        self.kind = kind
        self.folder = folder
        self.log = folder.parent / f"{kind.name}.log"
        self._draw = draw
        self._fixed = () if port is None else (port,)
        self._holds = tuple(holds)
        self._ports: tuple[int, ...] = ()
        self._process: Process | None = None

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def port(self) -> int:
        """The port clients use. Mistake before the first start."""
        if not self._ports:
            raise Mistake(f"{self.name} has no port before it is started")
        return self._ports[0]

    @property
    def address(self) -> str:
        """host:port."""
        return f"{HOST}:{self.port}"

    @property
    def bootstrap(self) -> str:
        """The address under the name Kafka's clients have for it (`bootstrap.servers`)."""
        return self.address

    @property
    def url(self) -> str:
        """What clients are configured with: redis://..., http://..., or host:port for Kafka."""
        return self.kind.url(self.address)

    @property
    def process(self) -> Process:
        """The process of the last start. Mistake before the first."""
        if self._process is None:
            raise Mistake(f"{self.name} was never started")
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def start(self, *, within_s: float = START_WITHIN_S) -> None:
        """Start it and return when it answers. DidNotStart, with the end of its log, when it does not."""
        self.begin()
        self.wait_ready(within_s=within_s)

    def begin(self) -> None:
        """Start it without waiting for it to answer."""
        if not self._ports:
            self._ports = self._choose()
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self.kind.prepare(self.folder, self._ports)
        self._process = Process(self.name, command, log=self.log, cwd=self.folder, holds=self._holds)
        self._process.start()

    def _choose(self) -> tuple[int, ...]:
        if self._fixed and not is_free(self._fixed[0]):
            raise Mistake(f"port {self._fixed[0]}, asked for {self.name}, is in use on {HOST}: free it or give another")
        return (*self._fixed, *free_ports(self.kind.ports - len(self._fixed), self._draw))

    def wait_ready(self, *, within_s: float = START_WITHIN_S) -> None:
        """Return when it answers; draws new ports when another program was quicker to take the first ones."""
        for _ in range(LOST_RACES):
            try:
                return self._wait(within_s)
            except DidNotStart:
                if self.running or self._fixed or all(map(is_free, self._ports)):
                    raise
            self._ports = ()
            self.begin()
        return self._wait(within_s)

    def _wait(self, within_s: float) -> None:
        self.process.wait_ready(lambda: self.kind.answers(self._ports), within_s=within_s)

    def check(self) -> None:
        """DidNotStart, with the end of its log, when it is not running."""
        self.process.wait_ready(lambda: self.running, within_s=0)

    def stop(self, *, grace_s: float = 15.0) -> int | None:
        """Ask it to end (SIGTERM), kill it after `grace_s`. Its exit status; None when it was never started."""
        return None if self._process is None else self._process.stop(grace_s=grace_s)

    def kill(self) -> int | None:
        """kill -9: what a power cut is to it."""
        return None if self._process is None else self._process.kill()

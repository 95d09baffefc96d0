"""The wanted servers together: started side by side, told apart by name, always stopped."""

import random
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from andon.errors import Mistake
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.prometheus import notify
from andon_demo.servers.redis import Redis
from andon_demo.servers.server import Kind, Server
from andon_demo.servers.state import state_folder

ENV = {
    "kafka": "ANDON_KAFKA__BOOTSTRAP_SERVERS",
    "redis": "ANDON_REDIS__URL",
    "alertmanager": "ANDON_ALERTMANAGER__URL",
    "prometheus": "ANDON_PROMETHEUS__URL",
    "mosquitto": "ANDON_MQTT__URL",
}


class Servers:
    """Real servers for as long as the `with` block lasts.

        with Servers([Kafka(), Redis()]) as servers:
            Producer({"bootstrap.servers": servers.kafka.bootstrap})

    Entering returns when every server answers; what fails raises DidNotStart with the end of the server's log, after
    stopping the others. They are stopped however the block ends: return, exception, Ctrl-C, SIGTERM, SIGHUP; and by
    the kernel when this program is killed. A second Ctrl-C, while stopping, kills them.

    `state`: the folder for data and logs, kept; a temporary one, removed unless `keep`, by default. `ports`: fixed
    client ports by server name. `draw`: where free ports come from.
    """

    def __init__(
        self,
        kinds: Sequence[Kind] = (Kafka(), Redis(), Alertmanager()),
        *,
        state: Path | None = None,
        keep: bool = False,
        ports: Mapping[str, int] | None = None,
        draw: random.Random | None = None,
    ) -> None:
        self._kinds = kinds
        self._given = state
        self._keep = keep
        self._ports = dict(ports or {})
        self._draw = draw or random.SystemRandom()
        self._stack = ExitStack()
        self._servers: dict[str, Server] = {}
        self.folder: Path | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(signals_interrupt())
            state = stack.enter_context(state_folder(self._given, keep=self._keep))
            self.folder = state.folder
            self._servers = {kind.name: self._server(kind, state.folder, state.lock) for kind in self._kinds}
            for server in self._servers.values():
                stack.callback(server.kill)
            stack.callback(self.stop)
            self._start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _server(self, kind: Kind, folder: Path, lock: int) -> Server:
        port = self._ports.get(kind.name)
        return Server(kind, folder / kind.name, draw=self._draw, port=port, holds=(lock,))

    def _start(self) -> None:
        """Begin all, then wait for all. Kafka begins last: preparing it takes a while, the others start meanwhile."""
        for server in sorted(self._servers.values(), key=lambda server: server.name == "kafka"):
            server.begin()
        for server in self._servers.values():
            server.wait_ready()
        if {"prometheus", "alertmanager"} <= set(self._servers):
            notify(self.prometheus.folder, self.alertmanager.address)

    def stop(self, *, grace_s: float = 15.0) -> None:
        """Stop all at once: SIGTERM to each, then each waited for, killed after `grace_s`."""
        running = [server for server in self._servers.values() if server.running]
        for server in running:
            server.process.signal(signal.SIGTERM)
        for server in running:
            server.stop(grace_s=grace_s)

    def check(self) -> None:
        """DidNotStart, with the end of its log, when one of the servers is not running."""
        for server in self._servers.values():
            server.check()

    def env(self) -> dict[str, str]:
        """The settings, as environment variables, with which Andon's services find these servers."""
        return {ENV[name]: server.url for name, server in self._servers.items()}

    def __getitem__(self, name: str) -> Server:
        """A server by name. Mistake when it is not among these."""
        if name not in self._servers:
            raise Mistake(f"{name} is not among the servers that were started: {', '.join(self._servers) or 'none'}")
        return self._servers[name]

    def get(self, name: str) -> Server | None:
        """A server by name, where it is among these."""
        return self._servers.get(name)

    @property
    def kafka(self) -> Server:
        return self["kafka"]

    @property
    def redis(self) -> Server:
        return self["redis"]

    @property
    def alertmanager(self) -> Server:
        return self["alertmanager"]

    @property
    def prometheus(self) -> Server:
        return self["prometheus"]


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """While inside, SIGTERM and SIGHUP end the program as Ctrl-C does: by KeyboardInterrupt, with all clean-up.

    A handler somebody else has set stays. Nothing changes outside the main thread, where signals cannot be handled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)

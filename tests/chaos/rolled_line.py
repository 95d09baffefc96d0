"""A line whose services are replaced one by one while parts are pushed, as a rolling update does it. Each replica is a
process, of this version of Andon or of another one's sources.
"""

import random
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path

import httpx
from version_before import path_of

from andon.records import Score, read_event
from andon.topics import SCORES
from andon_demo.line import ServiceProcess, andon_command
from andon_demo.servers.ports import free_ports
from andon_demo.servers.process import Process
from andon_demo.trial import Trial

GRACE_S = 25.0
READY_S = 90.0
AT_ONCE = 4
ONE_AT_A_TIME = ("trainer", "heartbeat")
"""The old one ends before the new one starts: of these, two are one too many."""


@dataclass
class Fleet:
    """The replicas of every service. `code` is the folder of another version's sources; None is this version."""

    trial: Trial
    draw: random.Random = field(default_factory=random.SystemRandom)
    running: dict[str, list[ServiceProcess]] = field(default_factory=lambda: defaultdict(list))
    pushed_to: dict[str, str] = field(default_factory=dict)
    _begun: list[Process] = field(default_factory=list)

    def start(self, *names: str, code: Path | None = None) -> None:
        """One replica more of each, a few at once; returns when all are ready."""
        for first in range(0, len(names), AT_ONCE):
            begun = [(name, self._begin(name, code)) for name in names[first : first + AT_ONCE]]
            for name, each in begun:
                each.process.wait_ready(each.ready, within_s=READY_S)
                self.running[name].append(each)

    def replace(self, name: str, code: Path | None = None, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Each replica by a new one, one after another; `meanwhile` is called while the old and the new are at work."""
        for old in list(self.running[name]):
            if name in ONE_AT_A_TIME:
                self.end(name, old)
            self.start(name, code=code)
            meanwhile()
            if name not in ONE_AT_A_TIME:
                self.end(name, old)

    def end(self, name: str, old: ServiceProcess) -> None:
        """SIGTERM, as a kubelet sends it. Fails where the service does not end well and in time."""
        self.running[name].remove(old)
        old.process.signal(signal.SIGTERM)
        assert old.process.wait(GRACE_S) == 0, old.process.tail()

    def check(self) -> None:
        """Fails where a service has ended by itself."""
        ended = [each for replicas in self.running.values() for each in replicas if not each.process.running]
        assert ended == [], "\n".join(f"{each.name}: {each.process.tail()}" for each in ended)

    def stop(self) -> None:
        """Ends them all, those that never were ready included."""
        for each in self._begun:
            each.stop(grace_s=GRACE_S)

    def doors(self) -> list[str]:
        """Where parts can be pushed to now."""
        return [self.pushed_to[each.name] for each in self.running["ingest"]]

    def _begin(self, name: str, code: Path | None) -> ServiceProcess:
        port, door = free_ports(2, self.draw)
        called = f"{name}-{len(self._begun)}"
        arguments = ["ingest", "http", "--port", str(door)] if name == "ingest" else [name]
        made = ServiceProcess(called, arguments, self.trial.folder / "logs", self.trial.env, port)
        env = self.trial.env | {"ANDON_HTTP__PORT": str(port), "ANDON_CONSOLE__PORT": "0"} | _found(code)
        made.process = Process(called, _command(code, arguments), log=made.process.log, env=env)
        self.pushed_to[called] = f"http://127.0.0.1:{door}"
        made.process.start()
        self._begun.append(made.process)
        return made


def _command(code: Path | None, arguments: Sequence[str]) -> list[str]:
    """`andon`, of this version or by other sources: third-party packages are this environment's."""
    return [andon_command(), *arguments] if code is None else [sys.executable, "-m", "andon", *arguments]


def _found(code: Path | None) -> dict[str, str]:
    """Where Python looks before it looks at what is installed."""
    return {"PYTHONPATH": path_of(code)} if code else {}


def of_every_service(trial: Trial) -> dict[str, str]:
    """What a line needs to be told on which every service runs."""
    return {
        "ANDON_LEDGER__SETTLE_S": "30",
        "ANDON_EVIDENCE__URL": str(trial.folder / "evidence"),
        "ANDON_CONSOLE__SESSION_KEY": "a key for tests, of thirty-two letters",
        "ANDON_HEARTBEAT__EVERY_S": "5",
    }


@contextmanager
def fleet_of(trial: Trial) -> Iterator[Fleet]:
    """The replicas of a trial, ended with it."""
    fleet = Fleet(trial)
    try:
        yield fleet
    finally:
        fleet.stop()


class Cameras:
    """Each station pushes a part at a steady pace, each part again until somebody takes it. `draw` draws its picture by
    its number and gives its level. What was taken stands in `taken`: (station, epoch, seq).
    """

    def __init__(self, doors: Callable[[], Sequence[str]], draw: Callable[[int], tuple[int, bytes]], a_second: float):
        self.taken: list[tuple[str, int, int]] = []
        self.failed: list[str] = []
        self._doors = doors
        self._draw = draw
        self._pause_s = 1 / a_second
        self._stop = threading.Event()

    @contextmanager
    def pushing(self, stations: Sequence[str]) -> Iterator["Cameras"]:
        """All stations push while inside; every part that was begun is taken when it ends."""
        threads = [threading.Thread(target=self._push, args=(each, 7 * n)) for n, each in enumerate(stations)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _push(self, station: str, first: int) -> None:
        with httpx.Client(timeout=10) as client:
            for index in count(first):
                began = time.monotonic()
                level, picture = self._draw(index)
                while not self._took(client, station, f"{index}-{level}", picture):
                    if self._stop.wait(0.05):
                        return
                if self._stop.wait(max(0.0, began + self._pause_s - time.monotonic())):
                    return

    def _took(self, client: httpx.Client, station: str, part: str, picture: bytes) -> bool:
        headers = {"Content-Type": "image/jpeg", "Andon-Part": part}
        doors = list(self._doors())
        random.shuffle(doors)  # as what stands in front of two of them
        for door in doors:
            try:
                answer = client.post(f"{door}/stations/{station}/frames", content=picture, headers=headers)
            except httpx.TransportError:
                continue
            if answer.status_code == 202:
                told = answer.json()
                self.taken.append((told["station"], told["epoch"], told["seq"]))
                return True
            if answer.status_code not in (429, 503):
                self.failed.append(answer.text)
        return False


@dataclass(frozen=True)
class Rolled:
    """When a service was replaced: Unix time, in seconds."""

    name: str
    began: float
    ended: float


@contextmanager
def timed(name: str, into: list[Rolled]) -> Iterator[None]:
    """Notes when it was done."""
    began = time.time()
    yield
    into.append(Rolled(name, began, time.time()))


def longest_blind_s(trial: Trial, rolled: Sequence[Rolled], after_s: float = 3.0) -> dict[str, float]:
    """By service: the longest time that any station got no score while it was replaced, and `after_s` afterwards."""
    scored: dict[str, list[float]] = defaultdict(list)
    for record in trial.read(SCORES):
        score = read_event(Score, record.value)
        if score.golden is None:
            scored[score.station].append(score.scored_at.timestamp())
    gaps = [pair for times in scored.values() for pair in pairwise(sorted(times))]
    return {
        each.name: max(
            (end - begin for begin, end in gaps if end >= each.began and begin <= each.ended + after_s), default=0.0
        )
        for each in rolled
    }

"""Two replicas and one Lease on a real API server: one leads, never both, whatever becomes of either or of the server.

Each replica writes down when it believed that it may work, by the clock that both share; no belief may overlap.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest
from job_shop import LEASE, Place, place
from kube import Cluster

from andon_training.jobs.lease import DURATION_S, RENEW_BY_S

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

REPLICA = """
import sys, time
from andon.heart import Heart
from andon.run import Stop, signals
from andon_training.jobs.access import reached
from andon_training.jobs.leading import alone
from andon_training.jobs.lease import Claim

identity, lease, file = sys.argv[1:]
stop = Stop()
claim = Claim(reached(None, 2.0), lease, identity, time.monotonic)
with open(file, "a", buffering=1) as said, signals(stop), alone(claim, Heart(90), stop) as keeper:
    while keeper and not stop:
        now = time.monotonic()
        keeper.check()
        said.write(f"{now}\\n")
        time.sleep(0.05)
"""


@dataclass
class Replica:
    """One process that wants the Lease."""

    name: str
    file: Path
    process: subprocess.Popen[bytes]

    def led(self) -> list[float]:
        """When it believed that it may work."""
        return [float(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def stands_by(self) -> bool:
        """Whether it has seen that another leads: from then on it counts."""
        return "standing_by" in self.file.with_suffix(".log").read_text()

    def leads(self) -> bool:
        """Whether it does now."""
        return bool(said := self.led()) and time.monotonic() - said[-1] < 0.5


@dataclass
class Pair:
    """Two of them."""

    place: Place
    folder: Path
    env: dict[str, str]
    replicas: list[Replica] = field(default_factory=list)

    def start(self, name: str) -> Replica:
        file = self.folder / f"{name}.led"
        command = [sys.executable, "-c", REPLICA, name, LEASE, str(file)]
        with file.with_suffix(".log").open("wb") as log:
            self.replicas.append(Replica(name, file, subprocess.Popen(command, env=self.env, stdout=log)))
        return self.replicas[-1]

    def until_leads(self, replica: Replica, within_s: float) -> None:
        self.place.cluster.until(replica.leads, f"{replica.name} to lead", within_s)

    def turns(self) -> list[str]:
        """Who believed that it may work, one after the other; whoever stands there twice did so beside another."""
        said = sorted((at, each.name) for each in self.replicas for at in each.led())
        return [name for name, _ in groupby(name for _, name in said)]


@pytest.fixture
def pair(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    with place(cluster, tmp_path, monkeypatch) as made:
        pair = Pair(made, tmp_path, dict(os.environ))
        try:
            yield pair
        finally:
            for each in pair.replicas:
                each.process.send_signal(signal.SIGCONT)
                each.process.kill()
                each.process.wait()


def both(pair: Pair) -> tuple[Replica, Replica]:
    """One that leads, and one that stands by."""
    first = pair.start("first")
    pair.until_leads(first, 30)
    second = pair.start("second")
    pair.place.cluster.until(second.stands_by, "the second to stand by", 30)
    return first, second


def test_the_lease_of_one_that_is_killed_passes_within_20_s_and_of_one_that_stops_at_once(pair: Pair) -> None:
    first, second = both(pair)
    first.process.kill()
    killed = time.monotonic()
    pair.until_leads(second, 20)
    print(f"killed: the other leads after {second.led()[0] - killed:.1f} s")  # noqa: T201
    assert second.led()[0] - killed > DURATION_S - 3, "it waited for as long as the Lease lasts"
    third = pair.start("third")
    pair.place.cluster.until(third.stands_by, "the third to stand by", 30)
    second.process.terminate()
    stopped = time.monotonic()
    pair.until_leads(third, 10)
    print(f"stopped: the next leads after {third.led()[0] - stopped:.1f} s")  # noqa: T201
    assert third.led()[0] - stopped < 6
    assert second.process.wait(10) == 0
    assert pair.turns() == ["first", "second", "third"]


def test_one_that_was_frozen_ends_when_it_wakes_up_since_another_leads(pair: Pair) -> None:
    first, second = both(pair)
    first.process.send_signal(signal.SIGSTOP)
    pair.until_leads(second, 20)
    first.process.send_signal(signal.SIGCONT)
    assert first.process.wait(10) != 0
    assert pair.turns() == ["first", "second"]


def test_without_the_api_the_leader_ends_before_the_lease_may_pass(pair: Pair) -> None:
    first, second = both(pair)
    server = pair.place.cluster.servers["kube-apiserver"].process.pid
    os.kill(server, signal.SIGSTOP)
    try:
        frozen = time.monotonic()
        assert first.process.wait(DURATION_S) != 0
        gave_up = first.led()[-1] - frozen
        print(f"API away: its holder gives up after {gave_up:.1f} s")  # noqa: T201
        assert RENEW_BY_S - 3 < gave_up < RENEW_BY_S + 0.5
        assert second.led() == []
    finally:
        os.kill(server, signal.SIGCONT)
    pair.until_leads(second, 20)
    assert pair.turns() == ["first", "second"]

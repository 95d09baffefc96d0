"""Each sink in a thread of its own: one that waits holds up no other, one that breaks ends all."""

import threading
import time

import pytest
from prometheus_client import CollectorRegistry

from andon.errors import Broken
from andon.heart import Heart
from andon.metrics import Metrics
from andon.run import Service, Stop
from andon_machines.apart import Arm, run
from andon_machines.away import Stopping


class Quietly(Stop):
    """Stops without the deadline of a real process."""

    def set(self) -> None:
        self._event.set()


@pytest.fixture
def service() -> Service:
    return Service("machines", Metrics(CollectorRegistry()), Heart(90), Quietly(), 0)


def breaks() -> None:
    raise Broken("the PLC has been away for too long")


def test_one_that_breaks_ends_all_and_says_why(service: Service):
    turns: list[int] = []
    with pytest.raises(Broken, match="the PLC has been away"):
        run(service, [Arm("mqtt", [], [], [lambda: turns.append(1)]), Arm("opcua", [], [], [breaks])])
    assert turns


def test_one_that_waits_holds_up_no_other(service: Service):
    turns: list[int] = []
    released = threading.Event()

    def count() -> None:
        turns.append(1)
        if len(turns) == 50:
            released.set()

    def wait() -> None:
        assert released.wait(10)
        service.stop.set()

    run(service, [Arm("opcua", [], [], [wait]), Arm("mqtt", [], [], [count])])
    assert len(turns) >= 50


def test_the_heart_stands_still_where_one_arm_makes_no_turns(service: Service):
    stuck, seen = threading.Event(), list[float]()

    def watch() -> None:
        time.sleep(0.01)
        if service.heart.age_s > 0.8:
            seen.append(service.heart.age_s)
            stuck.set()
            service.stop.set()

    run(service, [Arm("opcua", [], [], [lambda: stuck.wait(10)]), Arm("mqtt", [], [], [watch])])  # type: ignore[list-item]
    assert seen


def test_being_stopped_while_the_other_side_is_away_is_no_failure(service: Service):
    def stopped() -> None:
        service.stop.set()
        raise Stopping("opcua")

    run(service, [Arm("opcua", [], [], [stopped])])


def test_a_sink_says_when_what_it_was_told_of_last_was_written():
    """As its own thread saw it: nobody else may touch its source."""
    arm = Arm("mqtt", [], [Source({("scores", 0): 3}, {("scores", 0): 1700.5})])  # type: ignore[list-item]
    arm._tell()
    assert (arm.lag(), arm.read_at(("scores", 0)), arm.read_at(("scores", 1))) == ({("scores", 0): 3}, 1700.5, None)


class Source:
    """One that knows what lies ahead of it, and when what it read was written."""

    joined = True

    def __init__(self, lags: dict[tuple[str, int], int], read: dict[tuple[str, int], float]) -> None:
        self.lag = lags.copy
        self.read_at = read.get

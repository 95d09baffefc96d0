"""Each sink in a thread of its own: one that waits holds up no other, one that breaks ends all."""

import threading
import time

import pytest
from prometheus_client import CollectorRegistry

from andon.errors import Broken
from andon.heart import Heart
from andon.metrics import Metrics
from andon.run import Service, Stop
from andon_machines.apart import Arm, Behind, run
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


def test_of_two_that_read_one_topic_the_farther_behind_is_shown():
    arms = [Arm("mqtt", [], []), Arm("opcua", [], [])]
    arms[0].lags, arms[1].lags = {("scores", 0): 3, ("incidents", 0): 1}, {("scores", 0): 70}
    assert Behind(arms).lag() == {("scores", 0): 70, ("incidents", 0): 1}

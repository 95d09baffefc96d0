"""One replica works and the others stand by; whoever may not work any more does not."""

import threading
import time
from collections.abc import Callable

import pytest

from andon.errors import Broken
from andon.heart import Heart
from andon.run import Stop
from andon_training.jobs import leading
from andon_training.jobs.api import KubernetesError
from andon_training.jobs.leading import Keeper, alone


class Claim:
    """A claim that is granted when `free` says so."""

    identity, holder = "second", "first"

    def __init__(self, *, free: bool = True) -> None:
        self.free = free
        self.away = False
        self.given_back = 0

    @property
    def holds(self) -> bool:
        return self.free

    def try_once(self) -> bool:
        if self.away:
            raise KubernetesError("it does not answer")
        return self.free

    def give_back(self) -> None:
        self.given_back += 1
        if self.away:
            raise KubernetesError("it does not answer")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RETRY_S", "LOOK_S", "HARD_S"):
        monkeypatch.setattr(leading, name, 0.01)


def until(answers: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not answers():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_who_stands_by_is_alive_and_ready_and_says_so_until_it_may_work() -> None:
    claim, heart, seen = Claim(free=False), Heart(90), list[tuple[bool, str]]()

    def free_it() -> None:
        until(lambda: heart.word)
        seen.append((heart.ready, heart.word))
        claim.free = True

    waiting = threading.Thread(target=free_it)
    waiting.start()
    with alone(claim, heart, Stop()) as keeper:  # type: ignore[arg-type]
        waiting.join()
        assert seen == [(True, "standby")]
        assert (heart.ready, heart.word) == (False, ""), "ready again once Kafka is joined"
        assert keeper is not None
        keeper.check()
    assert claim.given_back == 1


def test_who_is_told_to_stop_while_it_stands_by_never_works() -> None:
    stop = Stop()
    stop._event.set()
    with alone(Claim(free=False), Heart(90), stop) as keeper:  # type: ignore[arg-type]
        assert keeper is None


def test_who_may_not_work_any_more_is_broken_at_its_next_turn() -> None:
    claim = Claim()
    keeper = Keeper(claim, fatal=lambda: None)  # type: ignore[arg-type]
    keeper.check()
    claim.free = False
    with pytest.raises(Broken, match="may pass to another"):
        keeper.check()


def test_a_loop_that_does_not_hear_of_it_is_ended() -> None:
    claim, ended = Claim(), threading.Event()
    keeper = Keeper(claim, fatal=ended.set)  # type: ignore[arg-type]
    keeper.start()
    until(lambda: keeper.led)
    assert not ended.wait(0.1)
    claim.free = False
    assert ended.wait(10)
    keeper.close()


def test_who_leaves_in_time_is_not_ended() -> None:
    claim, ended = Claim(), threading.Event()
    keeper = Keeper(claim, fatal=ended.set)  # type: ignore[arg-type]
    keeper.start()
    until(lambda: keeper.led)
    keeper.close()
    claim.free = False
    assert not ended.wait(0.1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_who_stands_by_and_can_never_lead_is_broken() -> None:
    class Crashing(Claim):
        def try_once(self) -> bool:
            raise ZeroDivisionError

    with pytest.raises(Broken, match="nobody asks for the Lease"), alone(Crashing(free=False), Heart(90), Stop()):  # type: ignore[arg-type]
        pass


def test_a_lease_that_cannot_be_given_back_is_no_reason_not_to_leave() -> None:
    claim = Claim()
    with alone(claim, Heart(90), Stop()):  # type: ignore[arg-type]
        claim.away = True
    assert claim.given_back == 1

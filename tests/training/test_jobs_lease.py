"""Who may work is decided by a Lease, by these rules; never by comparing clocks of two machines."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from andon_training.jobs.api import Conflict, Json, KubernetesError, NotFound
from andon_training.jobs.leading import HARD_S
from andon_training.jobs.lease import DURATION_S, RENEW_BY_S, RETRY_S, Claim, micro_time


class Server:
    """Holds one Lease, and refuses what was not read last. `away`: it does not answer."""

    def __init__(self) -> None:
        self.held: Json | None = None
        self.away = False

    def lease(self, _name: str) -> Json:
        self._answer()
        if self.held is None:
            raise NotFound("there is none")
        return deepcopy(self.held)

    def create_lease(self, body: Json) -> Json:
        self._answer()
        if self.held is not None:
            raise Conflict("it is there")
        return self._put(body, 1)

    def replace_lease(self, _name: str, body: Json) -> Json:
        self._answer()
        assert self.held is not None
        if body["metadata"]["resourceVersion"] != self.held["metadata"]["resourceVersion"]:
            raise Conflict("somebody was quicker")
        return self._put(body, self.held["metadata"]["resourceVersion"] + 1)

    def edit(self, **spec: Any) -> None:
        """Somebody else writes."""
        assert self.held is not None
        self._put(self.held | {"spec": self.held["spec"] | spec}, self.held["metadata"]["resourceVersion"] + 1)

    def _answer(self) -> None:
        if self.away:
            raise KubernetesError("it does not answer")

    def _put(self, body: Json, version: int) -> Json:
        self.held = deepcopy(body) | {"metadata": body["metadata"] | {"resourceVersion": version}}
        return deepcopy(self.held)


class World:
    """A server, a clock that both replicas' machines agree upon, and two whose calendars do not."""

    def __init__(self) -> None:
        self.server = Server()
        self.now = 1000.0
        self.first = self.claim("first", timedelta(0))
        self.second = self.claim("second", timedelta(days=-400))

    def claim(self, name: str, off: timedelta) -> Claim:
        began = datetime(2026, 3, 2, tzinfo=UTC) + off
        return Claim(self.server, "trainer", name, lambda: self.now, lambda: began + timedelta(seconds=self.now))

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_takes_it_and_the_other_does_not(world: World) -> None:
    assert world.first.try_once()
    assert not world.second.try_once()
    assert (world.first.holds, world.second.holds, world.second.holder) == (True, False, "first")


def test_who_goes_on_renewing_keeps_it_for_ever(world: World) -> None:
    world.first.try_once()
    for _ in range(100):
        world.wait(2)
        assert world.first.try_once()
        assert not world.second.try_once()


def test_it_passes_once_it_was_not_seen_to_change_for_as_long_as_it_lasts(world: World) -> None:
    world.first.try_once()
    world.wait(60)
    assert not world.second.try_once(), "it was first seen now, whatever its times say"
    world.wait(DURATION_S - 1)
    assert not world.second.try_once()
    world.wait(1)
    assert world.second.try_once()
    assert world.server.held is not None
    assert world.server.held["spec"]["leaseTransitions"] == 1


def test_who_cannot_renew_stops_before_another_may_begin(world: World) -> None:
    assert RENEW_BY_S + HARD_S < DURATION_S
    assert 2 * RETRY_S < RENEW_BY_S
    world.first.try_once()
    world.second.try_once()
    world.server.away = True
    with pytest.raises(KubernetesError):
        world.first.try_once()
    world.wait(RENEW_BY_S - 0.1)
    assert world.first.holds
    world.wait(0.1)
    assert not world.first.holds
    world.server.away = False
    assert not world.second.try_once()


def test_it_counts_from_when_it_was_asked_for_not_from_the_answer(world: World) -> None:
    class Slow(Server):
        def create_lease(self, body: Json) -> Json:
            world.now += 4
            return super().create_lease(body)

    claim = Claim(Slow(), "trainer", "slow", lambda: world.now)
    claim.try_once()
    world.wait(RENEW_BY_S - 4)
    assert not claim.holds


def test_of_two_who_want_what_is_free_one_gets_it(world: World) -> None:
    world.first.try_once()
    world.second.try_once()
    third = world.claim("third", timedelta(0))
    third.try_once()
    world.wait(DURATION_S)

    read = world.server.lease
    world.server.lease = lambda name: (read(name), third_takes(name))[0]  # type: ignore[method-assign]

    def third_takes(_name: str) -> None:
        world.server.lease = read  # type: ignore[method-assign]
        assert third.try_once()

    assert not world.second.try_once()
    assert (third.holds, world.second.holds) == (True, False)


def test_who_leaves_gives_it_back_and_the_next_has_it_at_once(world: World) -> None:
    world.first.try_once()
    world.second.try_once()
    world.first.give_back()
    assert not world.first.holds
    assert world.second.try_once()


def test_who_does_not_hold_it_gives_nothing_back(world: World) -> None:
    world.first.try_once()
    world.second.try_once()
    world.second.give_back()
    assert world.server.held is not None
    assert world.server.held["spec"]["holderIdentity"] == "first"


def test_who_comes_back_under_the_same_name_has_it_at_once(world: World) -> None:
    world.first.try_once()
    again = world.claim("first", timedelta(0))
    assert again.try_once()


def test_somebody_who_touches_it_does_not_end_its_holder(world: World) -> None:
    world.first.try_once()
    world.server.edit(leaseTransitions=7)
    world.wait(2)
    assert world.first.try_once()


def test_somebody_who_gives_it_to_another_by_hand_ends_its_holder(world: World) -> None:
    world.first.try_once()
    world.server.edit(holderIdentity="second")
    assert not world.first.try_once()
    assert not world.first.holds


def test_it_goes_with_what_owns_it() -> None:
    server, owner = Server(), {"kind": "ConfigMap", "name": "andon-training-job", "uid": "u-1"}
    claim = Claim(server, "trainer", "first", lambda: 0.0, owner=owner)
    claim.try_once()
    claim.try_once()
    assert server.held is not None
    assert server.held["metadata"]["ownerReferences"] == [owner]


def test_times_are_written_with_six_digits_even_where_they_are_noughts() -> None:
    assert micro_time(datetime(2026, 3, 2, 14, tzinfo=UTC)) == "2026-03-02T14:00:00.000000Z"

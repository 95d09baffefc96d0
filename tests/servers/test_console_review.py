"""The review queue outlives a restart and the loss of Redis, and misses nothing of the time between."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from andon.ids import frame_id
from andon.line import LineFile
from andon.records import FramePlace, Score, Verdict, write_event
from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.stage import Message
from andon.topics import FRAMES, SCORES, SHADOW_SCORES
from andon_console.opening import open_world
from andon_console.review.queue import Kind
from andon_console.settings import ConsoleSettings
from andon_console.world import World
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = pytest.mark.servers
SHADOW = "4be1" * 16


class Console:
    """A console's world on a line of a test's own, begun and ended at will."""

    def __init__(self, trial: Trial, folder: Path, prefix: str) -> None:
        self.trial = trial
        self.station = f"weld-{uuid4().hex[:8]}"
        self.settings = ConsoleSettings(
            kafka=trial.kafka,
            redis=RedisSettings(url=trial.servers.redis.url, key_prefix=prefix),
            evidence={"url": str(folder / "evidence")},
        )
        self._closing = ExitStack()

    def begin(self) -> World:
        self._closing = ExitStack()
        return open_world(self.settings, LineFile(None), self._closing)

    def end(self) -> None:
        self._closing.close()

    def score(self, seq: int, ratio: float, topic: str = SCORES, **other: Any) -> None:
        now = datetime.now(UTC)
        given = Score(
            frame_id=self.own(seq), station=self.station, epoch=1, seq=seq, captured_at=now, scored_at=now,
            verdict=Verdict.ANOMALOUS if ratio > 1 else Verdict.OK, score=ratio, threshold=1.0,
            width=64, height=48, frame=FramePlace(topic=FRAMES, partition=0, offset=10**9 + seq),
            **{"bundle": "b" * 64, **other},
        )  # fmt: skip
        self.trial.write(Message(topic, self.station.encode(), write_event(given)))

    def own(self, seq: int) -> UUID:
        return frame_id(self.station, 1, seq)

    def asked(self, world: World) -> dict[UUID, Kind]:
        """What is asked of the test's own station."""
        return {each.frame_id: each.kind for each in world.review.queue.all() if each.shot.station == self.station}

    def remembered(self) -> set[str]:
        """The ids that Redis remembers."""
        prefix = self.settings.redis.key_prefix
        return set(connect(self.settings.redis).hkeys(f"{prefix}review:frames:{self.station}"))


@pytest.fixture
def console(servers: Servers, tmp_path: Path) -> Iterator[Console]:
    with Trial(servers, tmp_path, {}, random.SystemRandom()) as trial:
        found = Console(trial, tmp_path, f"t-{uuid4().hex[:8]}:")
        yield found
        found.end()


def test_the_queue_outlives_a_restart_and_what_came_meanwhile_is_asked_too(console: Console):
    world = console.begin()
    console.score(1, 1.5)
    console.score(2, 0.98)
    console.score(3, 0.4)
    console.trial.until(lambda: len(console.asked(world)) == 2, "two frames to be asked")
    console.trial.until(lambda: len(console.remembered()) == 2, "Redis to remember them")
    console.end()
    console.score(4, 2.0)  # nobody was there

    world = console.begin()
    console.trial.until(lambda: len(console.asked(world)) == 3, "all three to be asked")
    assert console.asked(world)[console.own(2)] is Kind.NEAR
    assert console.asked(world)[console.own(4)] is Kind.CALL


def test_a_redis_that_lost_everything_is_filled_again_and_an_empty_one_is_no_loss(console: Console):
    world = console.begin()
    console.score(1, 1.5)
    console.trial.until(lambda: len(console.remembered()) == 1, "Redis to remember it")
    redis = connect(console.settings.redis)
    redis.delete(*redis.keys(f"{console.settings.redis.key_prefix}*"))
    console.trial.until(lambda: len(console.remembered()) == 1, "Redis to be told again")
    console.end()
    redis.delete(*redis.keys(f"{console.settings.redis.key_prefix}*"))

    world = console.begin()  # from Kafka
    console.trial.until(lambda: len(console.asked(world)) == 1, "it to be found again")


def test_active_and_shadow_are_compared_though_they_come_on_two_topics(console: Console):
    world = console.begin()
    console.score(0, 0.3, SHADOW_SCORES, bundle=SHADOW)
    console.trial.until(lambda: bool(world.review.queue.places(SHADOW_SCORES)), "the shadow to be followed")
    console.trial.until(lambda: console.station.encode() in world.review.queue._tried, "the trial to be known")
    console.score(1, 1.5)
    console.score(1, 0.6, SHADOW_SCORES, bundle=SHADOW)
    console.trial.until(lambda: console.asked(world).get(console.own(1)) is Kind.DISAGREE, "the disagreement")


def test_frames_that_kafka_no_longer_holds_leave(console: Console):
    world = console.begin()
    console.score(1, 1.5)
    console.trial.until(lambda: len(console.asked(world)) == 1, "it to be asked")
    place = FRAMES, 0
    world.review.queue.forget(datetime.now(UTC), {place: 2 * 10**9}, lambda _: False)
    assert console.asked(world) == {}
    console.trial.until(lambda: not console.remembered(), "Redis to let it go")


def test_while_redis_is_away_the_queue_lives_on_in_memory(servers: Servers, console: Console, tmp_path: Path):
    with Servers([Redis()]) as own:
        console.settings = console.settings.model_copy(
            update={"redis": RedisSettings(url=own.redis.url, timeout_s=0.3)}
        )
        world = console.begin()
        assert world.reviewing is not None
        remembers = world.reviewing.remembers
        console.score(1, 1.5)
        console.trial.until(lambda: len(console.asked(world)) == 1, "it to be asked")
    console.score(2, 1.5)
    console.trial.until(lambda: len(console.asked(world)) == 2, "the other to be asked")
    console.trial.until(lambda: remembers.away_since is not None, "that to be known")
    assert datetime.now(UTC) - remembers.away_since < timedelta(minutes=1)  # type: ignore[operator]

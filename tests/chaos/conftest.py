"""A line of real processes on real servers, a receiver of pages, and parts whose verdict is known."""

import json
import random
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from webhook import listening

from andon.bundle import Bundle
from andon.ids import sha256_hex
from andon.line import Policy
from andon.manifest import GoldenFrame
from andon.preparation import Preparation
from andon.records import Finding, FramePlace, IncidentKind, Score, Verdict, read_event
from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.testing.hostile import jpeg
from andon.testing.models import tiny_bundle
from andon.topics import DRIFT, SCORES
from andon_alerting.ledger.memory import RedisLedger
from andon_alerting.ledger.station import Station
from andon_alerting.outbox import Keys
from andon_alerting.policy import Decision, State, decide
from andon_alerting.states import RedisStates
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

sys.path.append(str(Path(__file__).parent))  # rolled_line.py
POLICY = Policy(silent_after_s=3600)


@dataclass(frozen=True)
class Call:
    """One call of the webhook: when (monotonic seconds), which pages by id, and what it was answered."""

    at: float
    ids: tuple[str, ...]
    status: int


@dataclass
class Pages:
    """What the webhook was told: how often it accepted each page, by id; and every call.

    `answer` says what a call with these pages is answered: a status, and the seconds of Retry-After, if any.
    """

    url: str = ""
    told: Counter[str] = field(default_factory=Counter)
    calls: list[Call] = field(default_factory=list)
    answer: Callable[[Sequence[str]], tuple[int, float | None]] = lambda _ids: (204, None)

    def hear(self, body: bytes) -> tuple[int, float | None]:
        """Takes one call in."""
        ids = [page["id"] for page in json.loads(body)["pages"]]
        status, retry_after = self.answer(ids)
        if status == 204:
            self.told.update(ids)
        self.calls.append(Call(time.monotonic(), tuple(ids), status))
        return status, retry_after

    @property
    def repeats(self) -> int:
        """How many accepted calls held a page that had been accepted before."""
        known: set[str] = set()
        found = 0
        for call in [each for each in self.calls if each.status == 204]:
            found += not known.isdisjoint(call.ids)
            known.update(call.ids)
        return found

    @property
    def accepted(self) -> list[str]:
        """The ids of what was accepted, in order."""
        return [each for call in self.calls if call.status == 204 for each in call.ids]

    def most_calls_in(self, seconds: float) -> int:
        """The most calls that any span of so many seconds saw."""
        at = [call.at for call in self.calls]
        return max((bisect_left(at, start + seconds) - number for number, start in enumerate(at)), default=0)


@pytest.fixture
def pages() -> Iterator[Pages]:
    """A webhook that accepts every page, unless it is told otherwise."""
    pages = Pages()
    with listening(pages.hear) as pages.url:
        yield pages


@pytest.fixture
def trial(tmp_path: Path, pages: Pages) -> Iterator[Trial]:
    """A line with a bundle that calls a part anomalous when it is brighter than 128; not yet started."""
    env = {
        "ANDON_POLICY__SILENT_AFTER_S": "3600",
        "ANDON_WEBHOOK__URL": pages.url,
        "ANDON_WEBHOOK__KEY": "a key for tests",
        "ANDON_WEBHOOK__GROUP_INTERVAL_S": "0",
        "ANDON_MODELS__THREADS": "1",
        "ANDON_LEDGER__REPORT_S": "1",
        "ANDON_LEDGER__SETTLE_S": "3",
    }
    with Servers() as servers, Trial(servers, tmp_path, env, random.SystemRandom()) as trial:
        trial.assign(brightness_bundle())
        yield trial


@dataclass
class Books:
    """What `andon ledger-watch` says of the line, with little patience: a frame is missing after three seconds."""

    trial: Trial

    def balance(self, frames: int) -> None:
        """Fails unless every frame is accounted for, and nobody was ever told otherwise."""
        with closing(connect(RedisSettings(url=self.trial.servers.redis.url))) as redis:
            ledger = RedisLedger(redis, "andon:")

            def found() -> list[Station]:
                return list(ledger.load(ledger.names()).values())

            self.trial.until(lambda: sum(each.totals.scored for each in found()) >= frames, "all to be booked")
            self.trial.until(lambda: not any(each.waiting for each in found()), "nothing to wait")
            assert sum(each.captured for each in found()) == frames
            assert [each.name for each in found() if each.missing or each.totals.lost] == []
        assert [each.sentence for each in self.told()] == []

    def told(self) -> list[Finding]:
        """What people were told of missing frames."""
        said = [read_event(Finding, record.value) for record in self.trial.read(DRIFT)]
        return [each for each in said if each.by == "ledger-watch"]


@pytest.fixture
def books(trial: Trial) -> Books:
    """What the ledger says of the trial's line."""
    return Books(trial)


@pytest.fixture
def bundle() -> Callable[..., Bundle]:
    """Makes bundles around the brightest pixel."""
    return brightness_bundle


def brightness_bundle(threshold: float = 128.0, claimed: float = 0.0, side: int = 8) -> Bundle:
    """A bundle with this threshold; its golden frames' scores are recorded `claimed` too high. `side` of its tensor."""
    frames, images = [], {}
    for level in (10, 250):
        tensor = np.full((side, side, 1), level, np.uint8)
        image = cv2.imencode(".png", tensor)[1].tobytes()
        name = f"golden/{level}.png"
        images[name] = image
        frames.append(
            GoldenFrame(
                name=name,
                sha256=sha256_hex(image),
                tensor_sha256=sha256_hex(tensor.tobytes()),
                verdict=Verdict.ANOMALOUS if level > threshold else Verdict.OK,
                score=float(level) + claimed,
            )
        )
    preparation = Preparation(width=side, height=side, channels=1)
    return tiny_bundle(frames, images, threshold=threshold, preparation=preparation)


@pytest.fixture
def parts(tmp_path: Path) -> Callable[..., list[str]]:
    """Draws folders of parts; answers the arguments of `andon ingest folder` that name them."""

    def draw(count: int, stations: int = 4) -> list[str]:
        arguments = []
        for number in range(stations):
            folder = tmp_path / f"press-{number}"
            folder.mkdir()
            for index in range(count // stations):
                level = level_of(index + 7 * number)
                (folder / f"{index:05d}-{level}.jpg").write_bytes(image(level - index % 2))  # never frozen
            arguments += ["--from", f"{folder.name}={folder}"]
        return arguments

    return draw


def level_of(index: int) -> int:
    """How bright the part is: twelve of a hundred are defective, one after another."""
    return 200 if 40 <= index % 100 < 52 else 40 + index % 60


def image(level: int) -> bytes:
    """A flat picture."""
    return jpeg(np.full((16, 16), level, np.uint8))


@pytest.fixture
def flat() -> Callable[[int], bytes]:
    """A flat picture of a level, as a JPEG."""
    return image


@pytest.fixture
def picture() -> Callable[[int], tuple[int, bytes]]:
    """The level of a part and its picture; twelve of a hundred are defective, and none is quite like the one before."""
    drawn: dict[int, bytes] = {}

    def draw(index: int) -> tuple[int, bytes]:
        level = level_of(index) - index % 2
        if level not in drawn:
            drawn[level] = image(level)
        return level, drawn[level]

    return draw


@pytest.fixture
def judged_right() -> Callable[[Sequence[Score]], None]:
    """Fails unless every score is that of its own picture, whose level stands in its name."""

    def check(scores: Sequence[Score]) -> None:
        for score in scores:
            level = int((score.subject or "").removesuffix(".jpg").split("-")[-1])
            assert score.score == pytest.approx(level, abs=3)
            assert score.verdict is (Verdict.ANOMALOUS if level > 128 else Verdict.OK)

    return check


@dataclass(frozen=True)
class Recomputed:
    """What alerting's own decision makes of every score in Kafka, in order."""

    states: dict[str, State]
    decisions: list[Decision]

    @property
    def pages(self) -> set[str]:
        """The keys of the pages people must have got."""
        kinds = (IncidentKind.OPENED, IncidentKind.RESOLVED)
        turns = [each for each in self.decisions if each.kind in kinds and each.incident]
        return {f"{each.incident.incident}/{each.kind}" for each in turns if each.incident}

    @property
    def open(self) -> set[str]:
        """The incidents that are open at the end, as Alertmanager labels them."""
        return {held.incident.hex[:12] for state in self.states.values() for held in state.open}


@pytest.fixture
def recompute(trial: Trial) -> Callable[[], Recomputed]:
    """Reads all scores and decides anew."""

    def run() -> Recomputed:
        states: dict[str, State] = {}
        decisions: list[Decision] = []
        for record in trial.read(SCORES):
            score = read_event(Score, record.value)
            state = states.get(score.station, State(score.station))
            states[score.station], made = decide(state, score, POLICY, FramePlace.of(record))
            decisions += made
        return Recomputed(states, decisions)

    return run


@pytest.fixture
def in_redis(trial: Trial) -> Callable[[Sequence[str]], dict[str, State]]:
    """What Redis holds of stations."""

    def look(stations: Sequence[str]) -> dict[str, State]:
        with closing(connect(RedisSettings(url=trial.servers.redis.url))) as redis:
            loaded = RedisStates(redis, Keys("andon:"), {}).load(dict.fromkeys(stations, 0), ())
        return {station: card.state for station, card in loaded.cards.items()}

    return look

"""Scores written by hand: a station's story as a line of letters, or of words."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from andon.ids import frame_id
from andon.line import Burst, Plan, Plans
from andon.records import FramePlace, Region, Score, Unscorable, Verdict, write_event
from andon.stage import Record
from andon.topics import SCORES

if TYPE_CHECKING:
    from evidence_room import Room

sys.path.append(str(Path(__file__).parent))  # people_desk.py, evidence_room.py
sys.path.append(str(Path(__file__).parents[1] / "shared"))  # incident_turns.py, fake_alertmanager.py
START = datetime(2026, 3, 2, 14, 0, 0, tzinfo=UTC)
RATIO = {"o": 0.5, "a": 2.0, "A": 8.0, "u": None}
VERDICT = {"o": Verdict.OK, "a": Verdict.ANOMALOUS, "A": Verdict.ANOMALOUS, "u": Verdict.UNSCORABLE}


def make_score(letter: str, seq: int, station: str = "weld-07", epoch: int = 1, **other: object) -> Score:
    """One frame a second: o(k), a(nomalous, twice the threshold), A (eight times), u(nscorable)."""
    ratio = RATIO[letter]
    at = START + timedelta(seconds=seq)
    fields: dict[str, object] = {
        "frame_id": frame_id(station, epoch, seq),
        "station": station,
        "epoch": epoch,
        "seq": seq,
        "captured_at": at,
        "scored_at": at + timedelta(milliseconds=80),
        "verdict": VERDICT[letter],
        "unscorable": Unscorable.NO_BUNDLE if letter == "u" else None,
        "score": ratio and ratio * 0.1,
        "threshold": ratio and 0.1,
        "bundle": "b" * 64,
        "regions": (Region(x=100, y=50, width=40, height=30, peak=0.9),) if letter in "aA" else (),
        "width": 640,
        "height": 480,
        "frame": FramePlace(topic="camera.frames", partition=2, offset=1000 + seq),
    }
    return Score.model_validate(fields | other)


def make_records(letters: str, station: str = "weld-07", first: int = 0) -> list[Record]:
    """The same as records of `scores`."""
    return [record_of(make_score(letter, seq, station)) for seq, letter in enumerate(letters, first)]


def make_story(words: str, station: str = "weld-07", first: int = 0) -> list[Score]:
    """Scores of a story in words. Letters are frames, as above; `hinge:oo` are frames of that product, `golden:a` is a
    golden one; `swap` lets another bundle take over, `deploy` another runtime, `nobody` no bundle at all."""
    found: list[Score] = []
    given: dict[str, object] = {"bundle": "b0" * 32, "runtime": "onnxruntime 1.22 cpu"}
    for word in words.split():
        match word.rpartition(":"):
            case (_, _, "swap"):
                given["bundle"] = f"{int(str(given['bundle'])[:2], 16) + 1:x}" * 32
            case (_, _, "deploy"):
                given["runtime"] = f"{given['runtime']}+"
            case (_, _, "nobody"):
                given["bundle"] = given["runtime"] = None
            case (name, _, letters):
                about = {"golden": f"{'b0' * 32}/good-01"} if name == "golden" else {"product": name or None}
                found += [
                    make_score(each, first + len(found) + n, station, **(given | about))
                    for n, each in enumerate(letters)
                ]
    return found


def make_story_records(words: str, station: str = "weld-07", first: int = 0) -> list[Record]:
    """The same as records of `scores`."""
    return [record_of(each) for each in make_story(words, station, first)]


def record_of(score: Score) -> Record:
    """The record that holds `score`."""
    stamp = int(START.timestamp() * 1000) + score.seq * 1000
    return Record(SCORES, 0, score.seq, score.station.encode(), write_event(score), timestamp_ms=stamp)


@dataclass(frozen=True)
class OnePlan:
    """Plans of which each is the same, under the station's own name."""

    plan: Plan
    burst: Burst = field(default_factory=Burst)

    @property
    def shortest_silence_s(self) -> float | None:
        return self.plan.policy.silent_after_s

    def of(self, station: str) -> Plan:
        return replace(self.plan, station=station)


@pytest.fixture(scope="session")
def plans() -> Callable[[Plan], Plans]:
    return OnePlan


@pytest.fixture(scope="session")
def start() -> datetime:
    return START


@pytest.fixture(scope="session")
def score() -> Callable[..., Score]:
    return make_score


@pytest.fixture(scope="session")
def records() -> Callable[..., Sequence[Record]]:
    return make_records


@pytest.fixture(scope="session")
def story() -> Callable[..., Sequence[Score]]:
    return make_story


@pytest.fixture(scope="session")
def story_records() -> Callable[..., Sequence[Record]]:
    return make_story_records


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.fixture(params=["folder", "remote"])
def room(request: pytest.FixtureRequest, tmp_path: Path, pool: ThreadPoolExecutor) -> "Room":
    """Evidence in a folder, and in a store that is none."""
    from evidence_room import Room

    url = f"memory://evidence-{uuid4()}" if request.param == "remote" else str(tmp_path / "evidence")
    return Room(url, tmp_path, pool)


@pytest.fixture
def local(tmp_path: Path, pool: ThreadPoolExecutor) -> "Room":
    """Evidence in a folder."""
    from evidence_room import Room

    return Room(str(tmp_path / "evidence"), tmp_path, pool)

"""Scores written by hand: a station's story as a line of letters."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from andon.ids import frame_id
from andon.records import FramePlace, Region, Score, Unscorable, Verdict, write_event
from andon.stage import Record
from andon.topics import SCORES

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
    scores = [make_score(letter, seq, station) for seq, letter in enumerate(letters, first)]
    stamp = int(START.timestamp() * 1000)
    return [
        Record(SCORES, 0, each.seq, station.encode(), write_event(each), timestamp_ms=stamp + each.seq * 1000)
        for each in scores
    ]


@pytest.fixture(scope="session")
def start() -> datetime:
    return START


@pytest.fixture(scope="session")
def score() -> Callable[..., Score]:
    return make_score


@pytest.fixture(scope="session")
def records() -> Callable[..., Sequence[Record]]:
    return make_records

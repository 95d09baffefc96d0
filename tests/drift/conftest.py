"""Pictures written by hand: a station's story as a line of letters."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from andon.framing import BINS, mean_profiles, write_framing
from andon.health import ImageHealth
from andon.ids import frame_id, sha256_hex
from andon.manifest import BundleManifest, Distribution, DriftReference, FramingReference, GoldenFrame
from andon.records import FramePlace, Score, Verdict, write_event
from andon.stage import Record
from andon.testing.models import tiny_bundle
from andon.topics import SCORES
from andon_drift.limits import Limits, limits_of

sys.path.append(str(Path(__file__).parent))  # drift_service.py

START = datetime(2026, 3, 2, 14, 0, 0, tzinfo=UTC)
GOOD = {
    "luminance": 0.40,
    "contrast": 0.2,
    "clipped_low": 0.0,
    "clipped_high": 0.01,
    "sharpness": 5.0,
    "noise": 0.005,
    "red_green": 1.0,
    "blue_green": 1.0,
}
LETTERS: Mapping[str, Mapping[str, float]] = {
    "o": {},
    "d": {"luminance": 0.2},
    "b": {"luminance": 0.7},
    "w": {"clipped_high": 0.4},
    "s": {"sharpness": 2.0},  # soft: blurred
    "l": {},  # moved to the left, see `shift_of`
    "r": {},  # moved to the right
    "D": {"luminance": 0.2, "sharpness": 2.0},  # a covered lens
}
"""o(k), d(ark), b(right), w(hite), s(oft), l(eft), r(ight), D(ark, and nothing in it); and = the picture before it."""


def picture(shift: int = 0) -> str:
    """The framing of a part in the middle of the picture, `shift` bins to the right of it."""
    profile = np.zeros((2, BINS))
    profile[:, 20:40] = np.hanning(20) * 200
    profile[:, 48:52] = 90
    profile[0] = np.roll(profile[0], shift)
    return write_framing(profile.astype(np.uint8))


def spread(low: float, high: float, n: int = 200) -> Distribution:
    """Evenly from `low` to `high`."""
    grid = np.linspace(low, high, 200)
    return Distribution(quantiles=tuple(grid.tolist()), mean=float(grid.mean()), sd=float(grid.std()), n=n)


def make_reference(**other: Any) -> DriftReference:
    """Good frames as `GOOD`, each number a little to either side; parts that lie within half a per cent."""
    health = {name: spread(value * 0.95, value * 1.05) for name, value in GOOD.items()}
    columns, rows = mean_profiles([picture()]).tolist()
    still = spread(-0.003, 0.003)
    framing = FramingReference(columns=tuple(columns), rows=tuple(rows), right=still, down=still)
    health |= {name: other.pop(name) for name in list(other) if name in health}
    return DriftReference(**({"health": health, "score": spread(0, 1), "framing": framing} | other))


def make_manifest() -> BundleManifest:
    """Of a bundle that inspects the whole picture. Its golden frame is no picture: nobody opens it here."""
    name, image = "golden/0.png", b"a picture"
    digest = sha256_hex(image)
    golden = GoldenFrame(name=name, sha256=digest, tensor_sha256=digest, verdict=Verdict.OK, score=1)
    return tiny_bundle([golden], {name: image}).manifest


def make_score(letter: str, seq: int, station: str = "weld-07", epoch: int = 1, **other: Any) -> Score:
    """One picture a second, each different from the others."""
    at = START + timedelta(seconds=seq)
    fields: dict[str, Any] = {
        "frame_id": frame_id(station, epoch, seq),
        "station": station,
        "epoch": epoch,
        "seq": seq,
        "captured_at": at,
        "scored_at": at + timedelta(milliseconds=80),
        "verdict": Verdict.OK,
        "score": 0.05,
        "threshold": 0.1,
        "bundle": "b" * 64,
        "width": 640,
        "height": 480,
        "frame": FramePlace(topic="camera.frames", partition=2, offset=1000 + seq),
        "health": ImageHealth(**(GOOD | LETTERS[letter])),
        "framing": picture({"l": -4, "r": 4}.get(letter, 0)),
        "sha256": f"{seq:064x}",
    }
    return Score.model_validate(fields | other)


def make_scores(letters: str, first: int = 0, **other: Any) -> list[Score]:
    """One a letter; '=' repeats the picture before it."""
    made: list[Score] = []
    for seq, letter in enumerate(letters, first):
        if letter == "=":
            same = make_score("o", seq, **other)
            kept = {name: getattr(made[-1], name) for name in ("health", "framing", "sha256", "score")}
            made.append(same.model_copy(update=kept))
        else:
            made.append(make_score(letter, seq, **other))
    return made


def make_records(letters: str, **other: Any) -> list[Record]:
    """The same as records of `scores`."""
    return [
        Record(SCORES, 0, each.seq, each.station.encode(), write_event(each)) for each in make_scores(letters, **other)
    ]


@pytest.fixture(scope="session")
def start() -> datetime:
    return START


@pytest.fixture(scope="session")
def reference() -> Callable[..., DriftReference]:
    return make_reference


@pytest.fixture(scope="session")
def manifest() -> BundleManifest:
    return make_manifest()


@pytest.fixture(scope="session")
def limits() -> Limits:
    return limits_of(make_manifest(), make_reference())


@pytest.fixture(scope="session")
def score() -> Callable[..., Score]:
    return make_score


@pytest.fixture(scope="session")
def scores() -> Callable[..., Sequence[Score]]:
    return make_scores


@pytest.fixture(scope="session")
def records() -> Callable[..., Sequence[Record]]:
    return make_records

"""Slow changes on real factory frames, from preprocess's numbers to a named cause: long before it is a fault."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from andon.baselines import Known
from andon.charts import Sample, TooFew, learn
from andon.ids import frame_id
from andon.images.framing import measure_framing
from andon.images.health import measure_small
from andon.preparation import Preparation
from andon.records import Baseline, DriftCause, Evidence, Finding, FramePlace, Score, Verdict
from andon.testing.models import proven_bundle
from andon_drift.limits import Limits, limits_of
from andon_drift.look import find_shifts
from andon_drift.numbers import NAMES, Scale, numbers
from andon_drift.watch.place import Watched
from andon_drift.watch.rows import Row
from andon_drift.watch.rules import Rules
from andon_drift.watch.telling import FrameTeller
from andon_drift.watch.watcher import Watcher
from andon_training.assemble import drift_reference
from andon_training.sample import prepared_frames

pytestmark = pytest.mark.factory
Image = NDArray[np.uint8]
Spoil = Callable[[NDArray[np.float32], float], NDArray[np.float32]]
SIDE = 256
LOOKS = Preparation(width=SIDE, height=SIDE, channels=1)
START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
PLACE = FramePlace(topic="camera.frames", partition=0, offset=0)
SCALE = Scale(SIDE, SIDE)
BUNDLE = "b" * 64
FIT, SHOWN = 60, 40
USUAL, CLEAN, RAMP = 3000, 600, 600
RUN_LENGTH = 1e7


@dataclass
class Station:
    """Good frames of a station that nothing was learned from, and the limits of its bundle."""

    images: list[Image]
    limits: Limits

    def rows(self, seed: int, frames: int, spoil: Spoil | None = None) -> Iterator[Row]:
        """What preprocess measures of frames seen again and again: each up to half a pixel elsewhere, with noise; and
        spoilt from nothing to all of it, from the first to the last. No score: the picture must say it."""
        random = np.random.default_rng(seed)
        grain = random.normal(0, 1.5, (8, SIDE, SIDE)).astype(np.float32)
        for i in range(frames):
            image = self.images[int(random.integers(len(self.images)))]
            move = np.array([[1, 0, random.uniform(-0.5, 0.5)], [0, 1, random.uniform(-0.5, 0.5)]])
            seen = cv2.warpAffine(image, move, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
            seen = spoil(seen, i / frames) if spoil else seen
            yield self.row(i, np.clip(np.rint(seen + grain[i % 8]), 0, 255).astype(np.uint8))

    def row(self, seq: int, grey: Image) -> Row:
        """As drift makes it of a score."""
        at, health = START + timedelta(seconds=seq), measure_small(grey, grey)
        score = Score(
            frame_id=frame_id("press-1", 1, seq),
            station="press-1",
            epoch=1,
            seq=seq,
            captured_at=at,
            scored_at=at,
            verdict=Verdict.OK,
            width=SIDE,
            height=SIDE,
            frame=PLACE,
            health=health,
            framing=measure_framing(grey),
        )
        (shifts,) = find_shifts([(score, self.limits)])
        right, down = (each.pixels if each else np.nan for each in (shifts.right, shifts.down))
        return Row(at, numbers(score, health, right, down))


@pytest.fixture(scope="module")
def station(factory_images: Path) -> Station:
    """Solar cells: they lie alike, and their brightness differs from module to module."""
    files = sorted((factory_images / "solar" / "train" / "good").iterdir())
    frames = [frame for frame, _ in prepared_frames(files[:FIT], LOOKS, [], lambda *_: None)]
    shown = [tensor[..., 0] for _, tensor in prepared_frames(files[FIT : FIT + SHOWN], LOOKS, [], lambda *_: None)]
    limits = limits_of(proven_bundle().manifest, drift_reference(frames, np.zeros(len(frames), np.float32)))
    return Station([np.ascontiguousarray(image) for image in shown], limits)


@pytest.fixture(scope="module")
def usual(station: Station) -> Baseline:
    """Learned from clean frames."""
    rows = list(station.rows(1, USUAL))
    found = learn(
        Sample(np.array([row.values for row in rows]), NAMES, np.zeros(USUAL, np.bool_)), run_length=RUN_LENGTH
    )
    assert not isinstance(found, TooFew)
    return Baseline(
        station="press-1",
        bundle=BUNDLE,
        since=START - timedelta(days=1),
        until=START,
        frames=USUAL,
        period_s=1.0,
        run_length=RUN_LENGTH,
        tickets=1.0,
        watched=found.watched,
    )


def told(usual: Baseline, rows: Iterator[Row]) -> Iterator[tuple[int, Finding]]:
    """Every finding, and how many frames it took."""
    watcher, watched = Watcher(Rules(), lambda *_: Known(usual), FrameTeller(Rules())), Watched()
    for count, row in enumerate(rows, start=1):
        number = frame_id("press-1", 1, count)
        shown = Evidence(frame_id=number, frame=PLACE, captured_at=row.at, width=SIDE, height=SIDE)
        place = watcher.place(watched, None, BUNDLE, NAMES)
        for each in watcher.take("press-1", watched, place, row, shown, SCALE):
            yield count, each.finding


def softer(image: NDArray[np.float32], severity: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.01 + 2 * severity), np.float32)


def weaker(image: NDArray[np.float32], severity: float) -> NDArray[np.float32]:
    return image * np.float32(1 - 0.3 * severity)


def leftwards(image: NDArray[np.float32], severity: float) -> NDArray[np.float32]:
    move = np.array([[1, 0, -np.rint(0.06 * severity * SIDE)], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(image, move, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101), np.float32)


@pytest.mark.parametrize(
    ("spoil", "cause", "words"),
    [
        (softer, DriftCause.FOCUS, "the picture gets softer since"),
        (weaker, DriftCause.EXPOSURE, "the picture gets darker since"),
        (leftwards, DriftCause.FRAMING, "px left since"),
    ],
    ids=["a lens that loses focus", "a lamp that fades", "a camera that slips"],
)
def test_a_slow_change_is_told_by_its_cause_before_it_has_gone_far(
    spoil: Spoil, cause: DriftCause, words: str, station: Station, usual: Baseline
) -> None:
    frames, finding = next(told(usual, station.rows(2, RAMP, spoil)))
    assert finding.drift is not None
    assert finding.drift.named is cause
    assert words in finding.sentence
    assert frames <= RAMP / 2


def test_other_frames_of_the_same_parts_are_no_drift(station: Station, usual: Baseline) -> None:
    assert list(told(usual, station.rows(3, CLEAN))) == []

"""Image faults on real factory frames: learned from some good ones, replayed on others, spoilt on purpose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from andon.ids import frame_id
from andon.images.prepare import prepare
from andon.preparation import Preparation
from andon.records import Cause, Finding, FramePlace, Score, Verdict
from andon.testing.models import proven_bundle
from andon_drift.detect import decide
from andon_drift.limits import Limits, limits_of
from andon_drift.settings import FaultSettings
from andon_drift.state import Seen, State
from andon_training.assemble import drift_reference
from andon_training.sample import prepared_frames

pytestmark = pytest.mark.factory
Image = NDArray[np.uint8]
LOOKS = Preparation(width=256, height=256, channels=1)
PLACE = FramePlace(topic="scores", partition=0, offset=0)
START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
FIT, REPLAY = 120, 60


@dataclass
class Set:
    """What a station learned from, and other good frames of it."""

    limits: Limits
    fresh: list[Image]


@pytest.fixture(scope="module", params=["magtile", "solar"])
def real(request: pytest.FixtureRequest, factory_images: Path) -> Set:
    folder = factory_images / request.param
    good = sorted((folder / "train" / "good").iterdir())[:FIT]
    frames = [frame for frame, _ in prepared_frames(good, LOOKS, [], lambda *_: None)]
    fresh = sorted((folder / "test" / "good").iterdir())[:REPLAY]
    limits = limits_of(proven_bundle().manifest, drift_reference(frames, np.zeros(len(frames), np.float32)))
    return Set(limits, [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8) for path in fresh])


def replayed(images: Sequence[Image], limits: Limits) -> list[Finding]:
    state, findings = State("press-1"), []
    for seq, image in enumerate(images):
        step = decide(state, Seen(score(image, seq), PLACE), limits, FaultSettings())
        state = step.state
        findings += [each.finding for each in step.decisions if each.finding]
    return findings


def score(image: Image, seq: int) -> Score:
    png = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    made, at = prepare(png, LOOKS), START + timedelta(seconds=seq)
    return Score(
        frame_id=frame_id("press-1", 1, seq),
        station="press-1",
        epoch=1,
        seq=seq,
        captured_at=at,
        scored_at=at,
        verdict=Verdict.OK,
        width=made.original_width,
        height=made.original_height,
        frame=PLACE,
        health=made.health,
        framing=made.framing,
        sha256=f"{seq:064x}",
    )


def test_other_good_frames_are_no_fault(real: Set) -> None:
    assert replayed(real.fresh, real.limits) == []


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda image: (image * 0.6).astype(np.uint8), Cause.STATION_DARK),
        (lambda image: cv2.convertScaleAbs(image, alpha=1.8), Cause.STATION_BRIGHT),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 2 * max(image.shape) / 256), Cause.STATION_BLURRED),
    ],
    ids=["dimmed to 60 %", "1.8 times brighter", "blurred"],
)
def test_a_fault_is_named_within_fifteen_frames(spoil: Callable[[Image], Image], cause: Cause, real: Set) -> None:
    (found,) = replayed([spoil(image) for image in real.fresh], real.limits)
    assert found.cause is cause
    assert (found.at - START).total_seconds() <= 15


def test_a_moved_camera_is_named_where_parts_lie_in_one_place(real: Set) -> None:
    def left(image: Image) -> Image:
        height, width = image.shape
        moved = cv2.warpAffine(
            image, np.array([[1, 0, -0.05 * width], [0, 1, 0]]), (width, height), borderMode=cv2.BORDER_REFLECT_101
        )
        return np.asarray(moved, np.uint8)

    found = replayed([left(image) for image in real.fresh], real.limits)
    if real.limits.right is None or real.limits.right.allowed == inf:  # tiles are cut out anyhow
        assert found == []
    else:
        (one,) = found
        assert one.cause is Cause.CAMERA_MOVED
        assert " px left since" in one.sentence

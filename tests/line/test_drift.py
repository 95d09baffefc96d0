"""From drawn pictures to findings: each fault of the camera is named, and a clean run names nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from andon.images.prepare import prepare
from andon.manifest import Training
from andon.memory import MemoryDeadLetters, MemorySink, MemorySource
from andon.preparation import Preparation
from andon.records import Assignment, Cause, Finding, FindingKind, read_event, write_event
from andon.redis_client import Patience
from andon.stage import Message, Record, Stage
from andon.testing.models import tiny_model
from andon.topics import DRIFT, MODELS, SCORES
from andon_drift.drift import Board, Drifting
from andon_drift.findings import Findings
from andon_drift.limits import limits_of
from andon_drift.remember import Remembering, Saving
from andon_drift.settings import FaultSettings
from andon_drift.watch.place import PlaceId
from andon_ingest.capture import Shot
from andon_ingest.generator import draw_part
from andon_training.assemble import Inspection, assemble
from andon_training.sample import prepared_frames

Line = Any  # the fixture of conftest.py
Image = NDArray[np.uint8]
Spoil = Callable[[Image], Image]
SIDE = 128
LOOKS = Preparation(width=64, height=64, channels=1)


@dataclass
class Drawn:
    """A picture as training reads it."""

    name: str
    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


class Forgetful:
    """A memory that keeps nothing: the station is on the board all the while."""

    def load(self, stations: Sequence[str]) -> dict[str, dict[str, str]]:
        return {}

    def save(self, saving: Saving) -> None:
        """Keeps nothing."""

    def series(self, station: str, place: PlaceId, stride: int) -> bytes:
        return b""


class Nothing:
    """An empty `drift`."""

    def read_to_end(self) -> Iterator[Record]:
        return iter(())

    def changes(self) -> list[Record]:
        return []

    def close(self) -> None:
        """Holds nothing."""


def drawn(count: int, seed: int) -> list[Image]:
    rng = np.random.default_rng(seed)
    return [draw_part(rng, 1, size=(SIDE, SIDE)).image for _ in range(count)]


def jpeg(image: Image) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def shifted(image: Image) -> Image:
    """8 pixels to the left."""
    return np.asarray(cv2.warpAffine(image, np.array([[1, 0, -8], [0, 1, 0]], np.float32), (SIDE, SIDE)), np.uint8)


@pytest.fixture
def learned(line: Line) -> None:
    """A bundle made of 60 drawn parts as `andon fit` would, but around the brightest pixel, serves every station."""
    sources = [Drawn(f"{number}.jpg", jpeg(image)) for number, image in enumerate(drawn(60, 1))]
    frames = [frame for frame, _ in prepared_frames(sources, LOOKS, [], lambda *_: None)]
    scores = [float(prepare(each.data, LOOKS).tensor.max()) for each in sources]
    training = Training(method="brightest-pixel", extractor="none", frames=60, frames_offered=60)
    made = Inspection(tiny_model(LOOKS.shape), LOOKS, frames, np.array(scores, np.float32), training)
    digest = line.bundles.put(assemble(made, budget=0.05, product=None, andon_version="test"))
    given = Assignment(station="*", bundle=digest, at=line.now)
    line.kafka.append(Message(MODELS, given.key, write_event(given)))


def found(line: Line, shots: Sequence[Shot]) -> list[Finding]:
    """What drift says when these were captured."""
    line.capture(shots)
    line.run("preprocess", "scoring")
    board = Board()
    findings, patience = Findings(Nothing()), Patience(lambda: None, 1, pause_s=0)
    source = Remembering(MemorySource(line.kafka, [SCORES], "drift"), Forgetful(), board, findings, patience)
    handle = Drifting(board, lambda digest: limits_of(*line.bundles.reference(digest)), FaultSettings())
    stage = Stage("drift", source, handle, MemorySink(line.kafka), MemoryDeadLetters(line.kafka))
    while stage.step(lambda: line.now):
        pass
    return [read_event(Finding, record.value) for record in line.kafka.records(DRIFT)]


def test_a_clean_run_names_nothing(line: Line, learned: None, shots: Callable[..., list[Shot]]) -> None:
    assert found(line, shots([jpeg(image) for image in drawn(120, 2)])) == []


@pytest.mark.parametrize(
    ("spoil", "cause", "words"),
    [
        (lambda image: (image * 0.6).astype(np.uint8), Cause.STATION_DARK, "is dark since 14:00 UTC"),
        (lambda image: cv2.convertScaleAbs(image, alpha=1.6), Cause.STATION_BRIGHT, "is too bright since"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 2), Cause.STATION_BLURRED, "is blurred since"),
        (shifted, Cause.CAMERA_MOVED, "moved 8 px left since"),
    ],
    ids=["dimmed to 60 %", "brighter by 60 %", "blurred by 2 pixels", "shifted by 8 pixels"],
)
def test_each_fault_is_named_within_ten_frames_and_over_ten_frames_after_it(
    spoil: Spoil, cause: Cause, words: str, line: Line, learned: None, shots: Callable[..., list[Shot]]
) -> None:
    images = drawn(60, 3)
    spoilt = [*images[:20], *(spoil(image) for image in images[20:40]), *images[40:]]
    began, ended = found(line, shots([jpeg(image) for image in spoilt]))
    assert (began.kind, began.cause) == (FindingKind.BEGAN, cause)
    assert words in began.sentence
    assert (ended.kind, ended.finding_id) == (FindingKind.ENDED, began.finding_id)
    in_order = sorted(line.scores.values(), key=lambda score: score.seq)
    seq = {score.captured_at: score.seq for score in in_order}
    assert seq[began.since] == 20
    assert 27 <= seq[began.at] <= 29
    assert 49 <= seq[ended.at] <= 52


def test_a_frozen_camera_is_named_whatever_it_shows(
    line: Line, learned: None, shots: Callable[..., list[Shot]]
) -> None:
    images = [jpeg(image) for image in drawn(30, 4)]
    began, ended = found(line, shots([*images[:10], *[images[10]] * 40, *images[11:]]))
    assert (began.cause, began.kind, ended.kind) == (Cause.STATION_FROZEN, FindingKind.BEGAN, FindingKind.ENDED)
    assert "21 frames in a row are identical" in began.sentence  # ten a second, and two seconds must have passed


def test_a_drill_copy_is_a_station_like_any_other(line: Line, learned: None, shots: Callable[..., list[Shot]]) -> None:
    dim = [jpeg((image * 0.5).astype(np.uint8)) for image in drawn(20, 5)]
    (began,) = found(line, shots(dim, "drill.weld-07"))
    assert (began.station, began.cause) == ("drill.weld-07", Cause.STATION_DARK)


def test_a_burst_of_bad_parts_is_no_fault_of_the_camera(
    line: Line, learned: None, shots: Callable[..., list[Shot]]
) -> None:
    """Large bright spots on every second part."""
    images = drawn(40, 6)
    for image in images[::2]:
        cv2.circle(image, (SIDE // 2, SIDE // 2), SIDE // 5, (255, 255, 255), -1)
    assert found(line, shots([jpeg(image) for image in images])) == []

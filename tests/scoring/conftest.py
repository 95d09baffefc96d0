"""What the tests of scoring share: prepared frames as they lie in Kafka, and models of a few lines."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from andon.health import ImageHealth
from andon.ids import frame_id
from andon.inference import Features, Outputs, judge_outputs
from andon.preparation import Preparation
from andon.records import Frame, PreparedFrame, prepared_headers
from andon.stage import Record
from andon.topics import FRAMES, PREPARED
from andon_scoring.score import Loaded

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SMALL = Preparation(width=8, height=8, channels=1)
HEALTH = ImageHealth(
    luminance=0.5, contrast=0.2, clipped_low=0, clipped_high=0, sharpness=3, noise=0.01, red_green=1, blue_green=1
)


class BrightestPixel:
    """A model that scores a frame by its brightest pixel, and remembers how often and with how many it was called."""

    def __init__(self, shape: tuple[int, int, int] = (8, 8, 1)) -> None:
        self.shape = shape
        self.batches: list[int] = []

    backbone = None

    def judge(self, features: Features) -> Outputs:
        raise AssertionError

    def run(self, batch: NDArray[np.uint8]) -> Outputs:
        self.batches.append(len(batch))
        maps = batch.mean(axis=3, dtype=np.float32)
        return judge_outputs(len(batch), maps.max(axis=(1, 2)), maps)


def make_prepared(
    seq: int = 0, station: str = "weld-07", preparation: Preparation = SMALL, **given: object
) -> PreparedFrame:
    """A prepared frame, without its bytes; `given` are fields of it or of its frame."""
    own = {name: given.pop(name) for name in list(given) if name in PreparedFrame.__slots__}
    frame = Frame(station, 1, seq, frame_id(station, 1, seq), AT, topic=FRAMES, partition=2, offset=40 + seq)
    made = PreparedFrame(
        replace(frame, **given),  # type: ignore[arg-type]
        preparation.shape,
        preparation.digest,
        preparation.width,
        preparation.height,
        (0, 0, preparation.width, preparation.height),
        HEALTH,
    )
    return replace(made, **own)  # type: ignore[arg-type]


def make_record(prepared: PreparedFrame, bright: int = 10, at: tuple[int, int] = (0, 0)) -> Record:
    """Its record: black but for one pixel, `bright`, at (row, column)."""
    tensor = np.zeros(prepared.shape, np.uint8)
    tensor[at] = bright
    headers = prepared_headers(prepared)
    return Record(PREPARED, 0, prepared.frame.seq, prepared.frame.station.encode(), tensor.tobytes(), headers)


def make_loaded(name: str = "a", preparation: Preparation = SMALL, **given: object) -> Loaded:
    """A bundle whose digest is `name` written 64 times; a frame with a pixel above 128 is anomalous."""
    loaded = Loaded(name * 64, BrightestPixel(preparation.shape), 128.0, preparation.digest)
    return replace(loaded, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def prepared() -> Callable[..., PreparedFrame]:
    return make_prepared


@pytest.fixture(scope="session")
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture(scope="session")
def loaded() -> Callable[..., Loaded]:
    return make_loaded

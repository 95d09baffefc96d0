"""What the tests of preprocess share: camera frames as they lie in Kafka."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from andon.ids import frame_id, sha256_hex
from andon.records import Frame, frame_headers
from andon.stage import Headers, Record
from andon.topics import FRAMES

AT = datetime(2026, 3, 2, 14, 0, 0, 250_000, tzinfo=UTC)
EPOCH = 1_700_000_000_000


def make_record(image: bytes, seq: int = 0, station: str = "weld-07", **given: object) -> Record:
    """A frame of ours with its checksum; `given` are further fields of the frame."""
    fields: dict[str, object] = {"sha256": sha256_hex(image), "content_type": "image/jpeg"} | given
    frame = Frame(station, EPOCH, seq, frame_id(station, EPOCH, seq), AT, **fields)  # type: ignore[arg-type]
    return Record(FRAMES, 2, 40 + seq, station.encode(), image, frame_headers(frame), 1_772_460_000_000)


def make_bare(image: bytes, key: bytes | None = b"weld-07", headers: Headers = ()) -> Record:
    """An image as any producer sends it: a key and the bytes."""
    return Record("camera.frames.plant-2", 1, 9, key, image, headers, 1_772_460_000_500)


@pytest.fixture(scope="session")
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture(scope="session")
def bare() -> Callable[..., Record]:
    return make_bare

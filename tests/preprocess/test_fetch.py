"""Claim checks: an image too large for its record comes from the store, and what is not there is told."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.errors import Broken
from andon.ids import sha256_hex
from andon.images.limits import ImageLimits
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.preparation import Preparation
from andon.reasons import Reason
from andon.records import read_frame
from andon.stage import Message, Record, Stage
from andon.store import BlobStore
from andon.testing import hostile
from andon.topics import DEAD_LETTERS, FRAMES, PREPARED
from andon_preprocess.fetch import Fetching
from andon_preprocess.prepare import Fetched, Preparing

NOW = datetime(2026, 3, 2, 14, 0, 1, tzinfo=UTC)
MakeRecord = Callable[..., Record]


class Line:
    """Preprocess over the twin of Kafka, with a store of its own."""

    def __init__(self, folder: Path, record: MakeRecord, max_bytes: int = 1_000_000) -> None:
        self.kafka = MemoryKafka(partitions=1)
        self.store = BlobStore(str(folder))
        self.source = Fetching(MemorySource(self.kafka, [FRAMES], "preprocess"), self.store, max_bytes)
        handle = Preparing(lambda _: Preparation(width=8, height=8, channels=1), ImageLimits())
        self.stage = Stage("preprocess", self.source, handle, MemorySink(self.kafka), MemoryDeadLetters(self.kafka))
        self._record = record

    def claim(self, image: bytes, seq: int = 0, dataref: str | None = None) -> None:
        """A frame whose image lies in the store, or is said to."""
        dataref = self.store.put(sha256_hex(image), image) if dataref is None else dataref
        self.append(self._record(b"", seq, sha256=sha256_hex(image), dataref=dataref))

    def append(self, record: Record) -> None:
        self.kafka.append(Message(FRAMES, record.key, record.value, record.headers))

    def turn(self) -> int:
        return self.stage.step(lambda: NOW)

    @property
    def prepared(self) -> Sequence[Record]:
        return self.kafka.records(PREPARED)

    @property
    def letters(self) -> Sequence[Record]:
        return self.kafka.records(DEAD_LETTERS)


@pytest.fixture
def line(tmp_path: Path, record: MakeRecord) -> Line:
    return Line(tmp_path / "frames", record)


def png(seed: int = 0, side: int = 64) -> bytes:
    return hostile.png(hostile.photo(side, side, seed))


def test_a_frame_is_prepared_from_the_image_in_the_store(line: Line, record: MakeRecord) -> None:
    line.claim(png(), 0)
    line.append(record(png(), 1))
    line.turn()
    claimed, inline = line.prepared
    assert claimed.value == inline.value
    assert claimed.header("ce_dataref") == line.store.put(sha256_hex(png()), png()).encode()


def test_what_the_store_does_not_hold_is_a_dead_letter_as_empty_as_it_came(line: Line, record: MakeRecord) -> None:
    line.claim(png(), dataref=f"{line.store.url}/ab/{'ab' * 32}")
    line.append(record(png(), 1))
    line.turn()
    (letter,) = line.letters
    assert letter.header("andon-reason") == Reason.MISSING_DATA.value.encode()
    assert letter.value == b""
    assert letter.header("ce_dataref") == f"{line.store.url}/ab/{'ab' * 32}".encode()
    assert len(line.prepared) == 1


@pytest.mark.parametrize(
    "dataref", ["/etc/passwd", "file:///etc/passwd", "http://10.0.0.1/x", "../../x", "\n", "x" * 3000]
)
def test_a_dataref_of_another_place_is_never_opened(line: Line, dataref: str) -> None:
    line.claim(png(), dataref=dataref)
    line.turn()
    (letter,) = line.letters
    assert letter.header("andon-reason") == Reason.BAD_HEADER.value.encode()


def test_a_dataref_that_leads_out_of_the_store_is_never_opened(line: Line, tmp_path: Path) -> None:
    secret = tmp_path / sha256_hex(png())
    secret.write_bytes(png())
    line.claim(png(), dataref=f"{line.store.url}/../{secret.name}")
    line.turn()
    assert [letter.header("andon-reason") for letter in line.letters] == [b"bad_header"]


def test_other_bytes_under_the_name_are_a_dead_letter(line: Line) -> None:
    line.claim(png())
    digest = sha256_hex(png())
    Path(line.store.url, digest[:2], digest).write_bytes(png(1))
    line.turn()
    assert [letter.header("andon-reason") for letter in line.letters] == [b"checksum_mismatch"]


def test_an_image_larger_than_the_limit_is_a_dead_letter(tmp_path: Path, record: MakeRecord) -> None:
    line = Line(tmp_path / "frames", record)
    line.source = Fetching(MemorySource(line.kafka, [FRAMES], "p"), BlobStore(line.store.url, max_bytes=1000))
    line.claim(png())
    (fetched,) = line.source.poll()
    assert isinstance(fetched, Fetched)
    assert fetched.problem is not None
    assert fetched.problem.reason is Reason.TOO_LARGE


def test_a_hostile_image_in_the_store_is_a_dead_letter_without_its_bytes(line: Line) -> None:
    line.claim(hostile.png_bomb())
    line.turn()
    (letter,) = line.letters
    assert (letter.header("andon-reason"), letter.value) == (b"too_many_pixels", b"")


def test_a_record_with_its_image_is_left_alone(line: Line, record: MakeRecord) -> None:
    inline = record(png(), dataref="elsewhere")
    line.append(inline)
    (polled,) = line.source.poll()
    assert (polled.value, type(polled)) == (inline.value, Record)


def test_a_store_that_fails_stops_the_stage_and_the_next_process_gets_the_same_frame(
    line: Line, record: MakeRecord
) -> None:
    class Away:
        def get(self, dataref: str) -> bytes:
            raise Broken("store: cannot be reached")

    line.claim(png())
    away = Fetching(MemorySource(line.kafka, [FRAMES], "preprocess"), Away())
    with pytest.raises(Broken, match="cannot be reached"):
        away.poll()
    assert line.turn() == 1
    assert len(line.prepared) == 1


def test_a_backlog_of_large_images_comes_a_few_at_a_time_and_is_committed_with_the_last(line: Line) -> None:
    images = [png(seed) for seed in range(5)]
    for seq, image in enumerate(images):
        line.claim(image, seq)
    line.source = Fetching(MemorySource(line.kafka, [FRAMES], "p"), line.store, len(images[0]) * 3 // 2)
    sizes = []
    while batch := line.source.poll():
        sizes.append(len(batch))
        assert line.kafka.committed("p", FRAMES, 0) == 0
        line.source.commit()
    assert sizes == [2, 2, 1]
    assert line.kafka.committed("p", FRAMES, 0) == 5


def test_the_source_keeps_its_place_while_what_waits_is_handed_out(line: Line) -> None:
    for seq in range(3):
        line.claim(png(seq), seq)
    inner = MemorySource(line.kafka, [FRAMES], "p")
    source = Fetching(inner, line.store, 1)
    assert [read_frame(source.poll()[0]).seq for _ in range(3)] == [0, 1, 2]
    assert inner.idled == 2
    assert not source.ended


def test_what_is_held_comes_again_with_what_waits_of_its_partition() -> None:
    kafka = MemoryKafka(partitions=1)
    for number in range(4):
        kafka.append(Message(FRAMES, b"s", b"", (("ce_dataref", str(number).encode()),)))
    source = Fetching(MemorySource(kafka, [FRAMES], "g"), Held(bytes(10)), max_bytes=10)
    (first,) = source.poll()
    (second,) = source.poll()
    source.hold([second])
    source.commit()
    assert kafka.committed("g", FRAMES, 0) == 1
    assert source.poll() == []
    again = [record for _ in range(3) for record in source.poll()]
    assert [first.offset, *(record.offset for record in again)] == [0, 1, 2, 3]


class Held:
    """A store that holds the same under every name."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def get(self, dataref: str) -> bytes:
        return self._data

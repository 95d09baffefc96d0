import pytest

from andon.errors import Broken
from andon.ids import sha256_hex
from andon.memory import MemoryKafka, MemorySink
from andon.records import read_frame
from andon.store import BlobStore
from andon.topics import MAX_INLINE_BYTES
from andon_ingest.capture import frames
from andon_ingest.claim_check import ClaimCheckSink


def sent(shots, capture, blobs, inline=MAX_INLINE_BYTES):
    kafka = MemoryKafka(partitions=1)
    ClaimCheckSink(MemorySink(kafka), blobs, inline).send(frames([capture.take(shot) for shot in shots], None), list)
    return kafka.records("camera.frames")


class Full:
    def put(self, sha256, data):
        raise Broken("the store is full")


def test_a_large_image_lies_in_the_store_and_its_record_says_where(tmp_path, shot, new_capture):
    data = b"\x89PNG\r\n\x1a\n" + bytes(MAX_INLINE_BYTES)
    store = BlobStore(str(tmp_path))
    (record,) = sent([shot(data)], new_capture(), store)
    frame = read_frame(record)
    assert record.value == b""
    assert frame.sha256 == sha256_hex(data)
    assert frame.content_type == "image/png"
    assert store.get(frame.dataref) == data


def test_an_image_that_fits_travels_in_its_record(shot, new_capture):
    data = b"\xff\xd8\xff" + bytes(MAX_INLINE_BYTES - 3)
    (record,) = sent([shot(data)], new_capture(), Full())
    assert record.value == data
    assert read_frame(record).dataref is None


def test_a_store_that_fails_stops_us_before_anything_is_sent(shot, new_capture):
    kafka = MemoryKafka(partitions=1)
    records = [new_capture().take(shot(b"small")), new_capture().take(shot(bytes(20)))]
    with pytest.raises(Broken, match="full"):
        ClaimCheckSink(MemorySink(kafka), Full(), 10).send(frames(records, None), list)
    assert kafka.records("camera.frames") == []


def test_the_source_keeps_its_place_while_the_store_is_slow(tmp_path, shot, new_capture):
    beats = []
    sink = ClaimCheckSink(MemorySink(MemoryKafka()), BlobStore(str(tmp_path)), 10)
    sink.send(frames([new_capture().take(shot(bytes(20 + n))) for n in range(3)], None), lambda: beats.append(1))
    assert len(beats) >= 3

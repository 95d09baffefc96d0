"""What preprocess counts: frames that somebody waits for a verdict on, and the time that one image takes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from andon.images.limits import ImageLimits
from andon.images.prepare import prepare
from andon.metrics import Metrics
from andon.preparation import Preparation
from andon.stage import Record, Rejected
from andon.testing import hostile
from andon_preprocess.observe import counted, timed
from andon_preprocess.prepare import Fetched, Preparing

NOW = datetime(2026, 3, 2, 14, 0, 1, tzinfo=UTC)
MakeRecord = Callable[..., Record]
PNG = hostile.png(hostile.photo(16, 16))


class Rig:
    """A preprocess that is watched."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        make = timed(prepare, metrics)
        preparing = Preparing(lambda _: Preparation(width=8, height=8, channels=3), ImageLimits(), make=make)
        self.handle = counted(preparing, metrics)

    def received(self) -> tuple[float | None, float | None]:
        """Own, and foreign."""
        name = "andon_frames_received_total"
        own, foreign = (self.registry.get_sample_value(name, {"origin": origin}) for origin in ("own", "foreign"))
        return own, foreign

    def decoded(self) -> float | None:
        return self.registry.get_sample_value("andon_decode_seconds_count")


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_frames_are_counted_by_who_gave_them_their_number(rig: Rig, record: MakeRecord, bare: MakeRecord):
    assert rig.received() == (0, 0)
    rig.handle([record(PNG, 0), record(PNG, 1), bare(PNG)], NOW)
    assert rig.received() == (2, 1)


def test_an_image_that_is_broken_was_waited_for_all_the_same(rig: Rig, record: MakeRecord):
    (result,) = rig.handle([record(b"no image")], NOW)
    assert isinstance(result, Rejected)
    assert rig.received() == (1, 0)


def test_what_stands_in_a_frame_topic_and_is_no_frame_is_waited_for_by_nobody(
    rig: Rig, record: MakeRecord, bare: MakeRecord
):
    """Whoever writes rubbish must not use up the budget for frames that are not judged in time."""
    nameless, false = replace(bare(PNG), key=None), record(PNG)
    false = replace(false, headers=tuple((name, b"x" if name == "ce_seq" else value) for name, value in false.headers))
    results = list(rig.handle([nameless, replace(false, offset=99)], NOW))
    assert [type(each) for each in results] == [Rejected, Rejected]
    assert rig.received() == (0, 0)


def test_rubbish_that_was_fetched_from_the_store_is_none_either(rig: Rig, bare: MakeRecord):
    of = replace(bare(PNG), key=None)
    fetched = Fetched(of.topic, of.partition, of.offset, of.key, of.value, of.headers, of.timestamp_ms)
    rig.handle([fetched], NOW)
    assert rig.received() == (0, 0)


def test_golden_frames_and_replays_are_no_work_of_the_line(rig: Rig, record: MakeRecord, bare: MakeRecord):
    golden = record(PNG, golden="a" * 64 + "/good.png")
    again = bare(PNG)
    again = replace(again, headers=(*again.headers, ("ce_replayed", b'["camera.frames", 1, 9, 1772460000500]')))
    rig.handle([golden, again], NOW)
    assert rig.received() == (0, 0)


def test_a_foreign_frame_cannot_pass_for_a_golden_one(rig: Rig, bare: MakeRecord):
    """Otherwise its producer could hide that nobody judges it."""
    false = bare(PNG)
    rig.handle([replace(false, headers=(*false.headers, ("ce_golden", b"a" * 64 + b"/x")))], NOW)
    assert rig.received() == (0, 1)


def test_every_image_is_timed_the_broken_ones_too(rig: Rig, record: MakeRecord):
    rig.handle([record(PNG, 0), record(b"no image", 1)], NOW)
    assert rig.decoded() == 2

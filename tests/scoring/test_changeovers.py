"""A station that goes over to another product is counted, once."""

from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from andon.metrics import Metrics
from andon.records import PreparedFrame
from andon.records.replayed import First
from andon.stage import Record
from andon_scoring.changeovers import with_changeovers
from andon_scoring.score import Loaded, Scoring

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
MakePrepared = Callable[..., PreparedFrame]
MakeRecord = Callable[..., Record]
MakeLoaded = Callable[..., Loaded]


def changeovers(serves: Loaded, *records: Record, turns: int = 1) -> float | None:
    """What is counted of weld-07 after the records, taken in that many turns; None: nothing is shown."""
    metrics = Metrics(CollectorRegistry())
    handle = with_changeovers(Scoring(lambda _: (serves,), 32), metrics)
    size = len(records) // turns
    for start in range(0, len(records), size):
        handle(records[start : start + size], NOW)
    return metrics.registry.get_sample_value("andon_changeovers_total", {"station": "weld-07"})


def test_another_product_is_a_changeover(prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded):
    frames = [record(prepared(seq=i, product=product)) for i, product in enumerate("aabbba")]
    assert changeovers(loaded(), *frames) == 2
    assert changeovers(loaded(), *frames, turns=6) == 2


def test_a_station_that_goes_on_as_before_is_shown_with_none(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
):
    assert changeovers(loaded(), record(prepared(product="a")), record(prepared(seq=1, product="a"))) == 0


def test_frames_that_name_no_product_say_nothing(prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded):
    frames = [record(prepared(seq=i, product=product)) for i, product in enumerate(("a", None, "a"))]
    assert changeovers(loaded(), *frames) == 0
    assert changeovers(loaded(), record(prepared()), record(prepared(seq=1))) is None


def test_golden_frames_and_dead_letters_sent_again_are_no_changeover(
    prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded
):
    aside = record(prepared(seq=1, product="b", golden="bundle/good-1"))
    again = record(prepared(seq=2, product="b", replayed=First("camera.frames.x", 0, 7, 1_772_460_000_000)))
    frames = [record(prepared(product="a")), aside, again, record(prepared(seq=3, product="a"))]
    assert changeovers(loaded(), *frames) == 0


def test_what_one_station_makes_is_nothing_to_another(prepared: MakePrepared, record: MakeRecord, loaded: MakeLoaded):
    frames = [
        record(prepared(seq=i, product=name, station=at))
        for i, (name, at) in enumerate([("a", "weld-07"), ("b", "saw-1"), ("a", "weld-07")])
    ]
    assert changeovers(loaded(), *frames) == 0

"""A frame that was a dead letter and is sent again: judged like any other, and marked."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from andon.metrics import Metrics
from andon.records import read_score
from andon.records.replayed import First
from andon.stage import Message, Record
from andon_scoring.observe import counted
from andon_scoring.score import Scoring

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FIRST = First("camera.frames", 3, 17, 1_772_433_000_000)


def judged(records: Sequence[Record], loaded: Callable[..., Any], metrics: Metrics) -> list[Message]:
    bundle = loaded()
    results = counted(Scoring(lambda _: (bundle,)), metrics)(records, NOW)
    return [each for each in results if isinstance(each, Message)]


def test_its_score_says_so_in_its_headers_and_in_its_record(
    prepared: Callable[..., Any], record: Callable[..., Record], loaded: Callable[..., Any]
):
    plain, again = judged(
        [record(prepared()), record(prepared(1, replayed=FIRST))], loaded, Metrics(CollectorRegistry())
    )
    said = [read_score(Record("scores", 0, 0, each.key, each.value)).replayed for each in (plain, again)]
    assert said == [None, True]
    assert b"replayed" not in plain.value, "it costs what is never sent again nothing"
    assert dict(again.headers)["ce_replayed"] == b'["camera.frames", 3, 17, 1772433000000]'


def test_its_age_is_not_how_slow_the_line_is(
    prepared: Callable[..., Any], record: Callable[..., Record], loaded: Callable[..., Any]
):
    registry = CollectorRegistry()
    judged([record(prepared()), record(prepared(1, replayed=FIRST))], loaded, Metrics(registry))
    assert registry.get_sample_value("andon_frame_age_seconds_count") == 1
    assert registry.get_sample_value("andon_frames_scored_total", {"station": "weld-07", "verdict": "ok"}) == 2

"""The whole line in memory, its spans at a real receiver: which trace a frame is in, from the camera to the page."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from andon.metrics import Metrics
from andon.settings import TracingSettings
from andon.stage import Stage
from andon.topics import FRAMES, INCIDENTS, PREPARED, SCORES
from andon.tracing.context import own_trace, trace_id, traceparent_in
from andon.tracing.export import OpenTelemetry

sys.path.append(str(Path(__file__).parents[1] / "shared"))  # otlp_receiver.py

Line = Any  # the fixture of conftest.py
TRACE = "a" * 32  # what the line's ingest gives every frame
GOOD, DEFECT = 60, 200


@pytest.fixture
def receiver() -> Iterator[Any]:
    from otlp_receiver import receiving

    with receiving() as made:
        yield made


@pytest.fixture
def tracings(line: Line, receiver: Any) -> Iterator[dict[str, OpenTelemetry]]:
    """One for each service, as each is a process of its own."""
    made: dict[str, OpenTelemetry] = {}

    def watched(stage: Stage) -> Stage:
        return made[stage.name].traced(stage, consumes=stage.name != "ingest")

    for name in ("ingest", "preprocess", "scoring", "alerting"):
        endpoint = TracingSettings(endpoint=receiver.endpoint).endpoint or ""
        made[name] = OpenTelemetry(endpoint, name, "1", Metrics(CollectorRegistry()))
    line.watched, line.span = watched, made["scoring"].span
    yield made
    for each in made.values():
        each.close()


def test_each_service_has_a_span_a_turn_that_is_linked_to_the_traces_of_its_frames(
    line: Line, receiver: Any, tracings: dict[str, OpenTelemetry], part: Callable[..., bytes], shots: Callable[..., Any]
) -> None:
    line.assign()
    line.capture(
        [
            replace(each, traceparent=f"00-{n + 1:032x}-{n + 1:016x}-01")
            for n, each in enumerate(shots([part(GOOD)] * 20))
        ]
    )
    line.run()
    for each in tracings.values():
        each.close()
    services = {_service(group) for request in receiver.requests for group in request.resource_spans}
    assert services == {"andon-ingest", "andon-preprocess", "andon-scoring", "andon-alerting"}
    wanted = {f"{number:032x}" for number in range(1, 21)}
    for name in ("capture folder", f"process {FRAMES}", f"process {PREPARED}", f"process {SCORES}"):
        assert {link.trace_id.hex() for span in receiver.named(name) for link in span.links} == wanted
    _nested(receiver.spans)


def _service(group: Any) -> str:
    return next(str(each.value.string_value) for each in group.resource.attributes if each.key == "service.name")


def _nested(spans: list[Any]) -> None:
    """Every child lies inside a turn of the same trace, and graph calls inside handling."""
    by_id = {each.span_id: each for each in spans}
    kinds = Counter(each.name.split()[0] for each in spans)
    assert kinds["graph"] >= 1
    for each in spans:
        if each.name.startswith(("process", "capture")):
            assert not each.parent_span_id
            continue
        above = by_id[each.parent_span_id]
        assert above.trace_id == each.trace_id
        assert above.start_time_unix_nano <= each.start_time_unix_nano
        assert each.end_time_unix_nano <= above.end_time_unix_nano
        assert above.name.startswith("handle" if each.name == "graph call" else ("process", "capture"))


def test_a_trace_goes_all_the_way_from_the_camera_to_the_incident_and_its_page(
    line: Line, part: Callable[..., bytes], shots: Callable[..., Any]
) -> None:
    line.assign()
    line.capture(shots([part(DEFECT)] * 6))
    line.run()
    for topic in (FRAMES, PREPARED, SCORES, INCIDENTS):
        found = {trace_id(traceparent_in(each.headers)) for each in line.kafka.records(topic)}
        assert found == {TRACE}, topic
    assert {each.traceparent for each in line.states.queued.values()} == {f"00-{TRACE}-{'b' * 16}-01"}


def test_a_bare_image_gets_a_trace_that_goes_all_the_way_and_is_the_same_when_it_comes_again(
    line: Line, part: Callable[..., bytes]
) -> None:
    line.assign()
    for _ in range(3):
        line.append(part(DEFECT))
    line.run()
    line.move_back("preprocess", 3)
    line.run()
    frames = line.kafka.records(SCORES)
    assert len(frames) == 6
    ids = {each.frame_id for each in line.scores.values()}
    assert {traceparent_in(each.headers) for each in frames} == {own_trace(each) for each in ids}
    assert len(ids) == 3

"""What a scrape is answered with: the bytes that prometheus_client would write, sooner."""

import gc
import gzip
from http.client import HTTPConnection, HTTPResponse

import pytest
from prometheus_client import PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, exposition
from prometheus_client.openmetrics import exposition as openmetrics

from andon.exposition import OPENMETRICS, PLAIN, Exposition, content_type
from andon.heart import Heart
from andon.http import serve_health
from andon.metrics import Metrics
from andon.settings import HttpSettings

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
FRAME = {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "frame_id": "6f2f4bc5-8a56-5c8c-9a2a-2f1d7c3b8e11"}


@pytest.fixture
def registry() -> CollectorRegistry:
    """Every kind of metric, with values and names that need care."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.frames_scored.labels("weld-07", "ok").inc(1_234_567)
    metrics.line_file_valid.labels('/lines/"north"\\press\n').set(1)
    metrics.retention_headroom.labels("andon.drift", "scores").set(float("inf"))
    metrics.image_sharpness.labels("weld-07").set(float("nan"))
    metrics.drift_statistic.labels("weld-07", "feuchte_µ", "cusum").set(-0.125)
    for value in (0.004, 0.3, 99.0):
        metrics.frame_age.observe(value, FRAME)
        metrics.score_ratio.labels("weld-07").observe(value)
    registry.register(PROCESS_COLLECTOR)
    registry.register(PLATFORM_COLLECTOR)
    return registry


def without_the_process(text: bytes) -> list[bytes]:
    """Its own numbers move between two looks."""
    return [line for line in text.splitlines() if not line.startswith(b"process_")]


def test_it_writes_what_the_library_writes(registry: CollectorRegistry):
    ours, theirs = Exposition(registry)(PLAIN), exposition.generate_latest(registry)
    assert without_the_process(ours) == without_the_process(theirs)
    assert len(without_the_process(ours)) > 100


def test_it_writes_the_openmetrics_that_the_library_writes(registry: CollectorRegistry):
    ours, theirs = Exposition(registry)(OPENMETRICS), openmetrics.generate_latest(registry)
    assert without_the_process(ours) == without_the_process(theirs)
    assert ours.count(b' # {frame_id="6f2f4bc5') == 3


def test_a_second_scrape_shows_what_is_there_then_and_keeps_nothing_of_what_went(registry: CollectorRegistry):
    write, metrics = Exposition(registry), Metrics(fresh := CollectorRegistry())
    again = Exposition(fresh)
    metrics.image_luminance.labels("weld-07").set(0.5)
    assert b'andon_image_luminance{station="weld-07"} 0.5\n' in again(PLAIN)
    metrics.image_luminance.remove("weld-07")
    metrics.image_luminance.labels("weld-08").set(0.25)
    assert b'andon_image_luminance{station="weld-07"}' not in again(PLAIN)
    assert b'andon_image_luminance{station="weld-08"} 0.25\n' in again(PLAIN)
    assert without_the_process(write(PLAIN)) == without_the_process(write(PLAIN))


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (PROMETHEUS, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("text/plain;version=0.0.4", PLAIN),
        ("*/*", PLAIN),
        (None, PLAIN),
    ],
)
def test_openmetrics_goes_to_those_that_take_it(accept: str | None, kind: str):
    assert content_type(accept) == kind


def scraped(port: int, **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics", headers=headers)
    answer = connection.getresponse()
    try:
        return answer, answer.read()
    finally:
        connection.close()


def test_exemplars_reach_a_scraper_that_takes_openmetrics_and_no_other(registry: CollectorRegistry):
    with serve_health(HttpSettings(), registry, Heart(90)) as port:
        answer, text = scraped(port, Accept=PROMETHEUS)
        assert (answer.headers["Content-Type"], b"trace_id" in text) == (OPENMETRICS, True)
        answer, text = scraped(port, Accept="text/plain")
        assert (answer.headers["Content-Type"], b"trace_id" in text) == (PLAIN, False)


def test_a_scraper_that_unpacks_gets_it_packed(registry: CollectorRegistry):
    with serve_health(HttpSettings(), registry, Heart(90)) as port:
        answer, text = scraped(port, **{"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert b"andon_frames_scored_total" in gzip.decompress(text)


def test_garbage_is_collected_as_before_once_all_is_written_or_nothing_could_be(registry: CollectorRegistry) -> None:
    class Spoilt:
        def collect(self) -> list[object]:
            assert not gc.isenabled()
            raise ValueError("no numbers today")

    Exposition(registry)(PLAIN)
    assert gc.isenabled()
    with pytest.raises(ValueError, match="no numbers"):
        Exposition(Spoilt())(PLAIN)  # type: ignore[arg-type]
    assert gc.isenabled()
    gc.disable()
    try:
        Exposition(registry)(PLAIN)
        assert not gc.isenabled()
    finally:
        gc.enable()

"""What a real Prometheus makes of the metrics of a real line: it takes them all, and finds the frames behind them."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection

import httpx
import pytest
from prometheus_client import CollectorRegistry

from andon.exposition import PLAIN, Exposition
from andon.ids import finding_id
from andon.metrics import Metrics
from andon.records import Cause, Finding, FindingKind, Score, read_event, write_event
from andon.stage import Message
from andon.testing.models import proven_bundle
from andon.topics import DRIFT, SCORES
from andon_demo.line import SERVICES
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.ports import HOST
from andon_demo.servers.prometheus import Prometheus, Target, scrape
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers
from andon_demo.servers.tools import find
from andon_demo.trial import Trial

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not find("prometheus"), reason="no Prometheus on this machine"),
]
FRAMES, STATIONS = 12, ("metrics-1", "metrics-2")
NAMES = (*SERVICES, "evidence")
LINE_FILE = "line: north\nstations: {metrics-1: {}, metrics-2: {line: south}}\n"

Ask = Callable[[str], dict[str, str]]
"""A query, and its samples: value by labels, written out without those of the target."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """The services that a line stands on, with a few frames judged, and Prometheus that scrapes them all."""
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "line.yaml").write_text(LINE_FILE)
    draw = random.SystemRandom()
    env = {
        "ANDON_LINE": str(folder / "line.yaml"),
        "ANDON_EVIDENCE__URL": str(folder / "evidence"),
        "ANDON_MODELS__THREADS": "1",
    }
    kinds = (Kafka(), Redis(), Alertmanager(), Prometheus())
    with Servers(kinds) as servers, Trial(servers, folder, env, draw) as trial:
        trial.assign(proven_bundle())
        trial.start(*NAMES)
        captured = trial.ingest("generate", "--stations", "2", "--rate", "5", "--prefix", "metrics", "--defects", "0")
        targets = [Target(f"{HOST}:{each.port}", each.name) for each in (*map(trial.service, NAMES), captured)]
        scrape(servers.prometheus.folder, targets)
        trial.until(lambda: trial.count(SCORES) >= FRAMES, "some verdicts")
        yield trial


@pytest.fixture(scope="module")
def ask(line: Trial) -> Ask:
    url = line.servers.prometheus.url

    def ask(query: str) -> dict[str, str]:
        found = httpx.get(f"{url}/api/v1/query", params={"query": query}).json()["data"]["result"]
        hidden = ("__name__", "instance", "job")
        return {
            ",".join(f"{k}={v}" for k, v in sorted(each["metric"].items()) if k not in hidden): each["value"][1]
            for each in found
        }

    return ask


def scraped(port: int) -> bytes:
    connection = HTTPConnection(HOST, port, timeout=10)
    connection.request("GET", "/metrics")
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


def complaints(text: bytes) -> str:
    """What `promtool check metrics` says of a scrape; '' for a clean one."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
    said = (done.stdout + done.stderr).decode()
    return said or ("" if done.returncode == 0 else f"status {done.returncode}")


def eventually(ask: Callable[[], object], within_s: float = 40.0) -> object:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return answer


def test_promtool_finds_nothing_to_say_of_any_service(line: Trial) -> None:
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda name: complaints(scraped(line.service(name).port)), NAMES))
    assert dict(zip(NAMES, said, strict=True)) == dict.fromkeys(NAMES, "")


def test_promtool_finds_nothing_to_say_of_any_metric() -> None:
    """Those that only other services, or a bad day, would show."""
    registry = CollectorRegistry()
    for metric in vars(Metrics(registry)).values():
        if labels := getattr(metric, "_labelnames", ()):
            metric.labels(*labels)
    text = Exposition(registry)(PLAIN)
    assert text.count(b'station="station"') > 40
    assert complaints(text) == ""


def test_promtool_would_find_something() -> None:
    """The check can fail."""
    assert "no help text" in complaints(b"andon_frames 1\n")


def test_prometheus_scrapes_every_service_and_what_was_captured_was_judged_in_time(line: Trial, ask: Ask) -> None:
    wanted = str(len(NAMES) + 1)
    assert eventually(lambda: ask("sum(up)") == {"": wanted}), ask("up")
    assert eventually(lambda: float(ask('sum(andon_frames_judged_total{outcome="in_time"})').get("", 0)) >= FRAMES)
    assert ask('sum(andon_frames_judged_total{outcome="unscorable"})') == {"": "0"}
    assert float(ask("sum(andon_frames_captured_total)")[""]) >= FRAMES
    assert float(ask('sum(andon_frames_received_total{origin="own"})')[""]) >= FRAMES
    assert ask("andon_station_info") == {"line=north,station=metrics-1": "1", "line=south,station=metrics-2": "1"}
    age = ask("time() - max by (station) (andon_station_last_frame_timestamp_seconds)")
    assert {station.removeprefix("station=") for station in age} == set(STATIONS)
    assert all(float(each) < 60 for each in age.values())
    assert eventually(lambda: ask("andon_consumer_lag_seconds"))
    assert max(map(float, ask("andon_consumer_lag_seconds").values())) < 60
    assert {"stage=preprocess", "stage=scoring"} <= ask("andon_rebalances_total > 0").keys()


def test_prometheus_answers_which_frame_and_which_trace_lie_behind_a_bucket(line: Trial) -> None:
    def exemplars() -> dict[str, str]:
        given = {"query": "andon_frame_age_seconds_bucket", "start": time.time() - 300, "end": time.time() + 60}
        answer = httpx.get(f"{line.servers.prometheus.url}/api/v1/query_exemplars", params=given).json()
        found = [one["labels"] for each in answer["data"] for one in each["exemplars"]]
        return {each["frame_id"]: each["trace_id"] for each in found}

    assert eventually(exemplars)
    scores = {str(score.frame_id) for record in line.read(SCORES) for score in [read_event(Score, record.value)]}
    assert exemplars().keys() <= scores
    assert all(len(trace) == 32 for trace in exemplars().values())


def dark(station: str, kind: FindingKind) -> Message:
    """What drift says of a station whose lamp went out."""
    at = datetime.now(UTC)
    found = Finding(
        finding_id=finding_id("drift", "station_dark", station, "2026-03-02"),
        kind=kind,
        cause=Cause.STATION_DARK,
        station=station,
        sentence=f"{station} is dark.",
        since=at,
        at=at,
        by="drift",
    )
    return Message(DRIFT, station.encode(), write_event(found))


def test_what_was_found_stands_open_through_a_restart_of_alerting_and_until_it_is_over(line: Trial) -> None:
    alerting, is_dark = line.service("alerting"), 'andon_incident_open{cause="station_dark",station="metrics-1"}'
    line.write(dark("metrics-1", FindingKind.BEGAN))
    line.until(lambda: alerting.gauge(is_dark) == 1, "the incident to be shown")
    alerting.process.stop(grace_s=25)
    line.start("alerting")
    line.until(lambda: alerting.gauge(is_dark) == 1, "it to be shown again")
    line.write(dark("metrics-1", FindingKind.ENDED))
    line.until(lambda: alerting.gauge(is_dark) == 0, "it to be gone")

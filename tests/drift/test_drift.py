"""The service as a whole over Kafka's twin: what is written, what is remembered, what a crash does."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from prometheus_client import CollectorRegistry

from andon.bundle import BundleError
from andon.errors import Broken
from andon.manifest import BundleManifest, DriftReference
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.records import Finding, Score, read_event, write_event
from andon.redis_client import Patience
from andon.stage import Message, Record, Stage
from andon.topics import DEAD_LETTERS, DRIFT, SCORES
from andon_drift.detect import Missing
from andon_drift.drift import Board, Drifting
from andon_drift.findings import Findings
from andon_drift.limits import Limits
from andon_drift.observe import Shown, counted
from andon_drift.references import RETRY_S, References
from andon_drift.remember import Remembering, read_state, write_state
from andon_drift.settings import FaultSettings
from andon_drift.state import State

RULES = FaultSettings(k=3, n=5, clear_after=4, frozen_after=4)
Scores = Callable[..., Sequence[Score]]


class MemoryStates:
    """Redis's twin: as text, so that what cannot be kept is found out."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.down = False

    def load(self, stations: Sequence[str]) -> dict[str, State]:
        return {station: read_state(self.rows[station]) for station in stations if station in self.rows}

    def save(self, states: Iterable[State]) -> None:
        if self.down:
            raise Broken("redis is down")
        self.rows |= {state.station: write_state(state) for state in states}


class TopicReader:
    """The twin's `drift`, read as a table is."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka
        self._done = 0

    def read_to_end(self) -> Iterator[Record]:
        yield from self.changes()

    def changes(self) -> list[Record]:
        found = self._kafka.records(DRIFT)[self._done :]
        self._done += len(found)
        return found

    def close(self) -> None:
        """Holds nothing."""


class Service:
    """Cameras' scores in, findings out. `run` is a new process."""

    def __init__(self, limits: Limits) -> None:
        self.kafka = MemoryKafka(partitions=1)
        self.states = MemoryStates()
        self.metrics = Metrics(CollectorRegistry())
        self.limits: Limits | Missing = limits
        self.assignment = [(SCORES, 0)]
        self.clock = 0.0
        self.shown = Shown(self.metrics, lambda: self.assignment, lambda: self.clock)

    def send(self, scores: Sequence[Score]) -> None:
        for score in scores:
            self.kafka.append(Message(SCORES, score.station.encode(), write_event(score)))

    def run(self, start: datetime, batch: int = 7) -> None:
        board = Board()
        handle = Drifting(board, lambda _: self.limits, RULES)
        patience = Patience(lambda: None, 1, pause_s=0)
        findings = Findings(TopicReader(self.kafka))
        source = MemorySource(self.kafka, [SCORES], "drift", batch)
        stage = Stage(
            "drift",
            Remembering(source, self.states, board, findings, patience),
            counted(handle, board, self.shown, self.metrics),
            MemorySink(self.kafka),
            MemoryDeadLetters(self.kafka),
        )
        while stage.step(lambda: start):
            pass

    def move_back(self, records: int) -> None:
        committed = self.kafka.committed("drift", SCORES, 0)
        self.kafka.commit("drift", SCORES, 0, max(0, committed - records))

    @property
    def findings(self) -> list[Finding]:
        return [read_event(Finding, record.value) for record in self.kafka.records(DRIFT)]

    @property
    def story(self) -> list[tuple[str, str]]:
        return [(each.cause.value, each.kind.value) for each in self.findings]

    def shows(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def service(limits: Limits) -> Service:
    return Service(limits)


def test_findings_lie_under_their_station(service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("ooddddoooo"))
    service.run(start)
    assert service.story == [("station_dark", "began"), ("station_dark", "ended")]
    assert {record.key for record in service.kafka.records(DRIFT)} == {b"weld-07"}
    assert service.shows("andon_findings_total", station="weld-07", cause="station_dark") == 1


@pytest.mark.parametrize("records", [1, 4, 100])
def test_redelivery_changes_nothing(records: int, service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("ooddddo"))
    service.run(start)
    rows = dict(service.states.rows)
    service.move_back(records)
    service.run(start)
    assert service.story == [("station_dark", "began")]
    assert service.states.rows == rows


def test_a_restart_in_the_middle_forgets_nothing(service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("oodd"))
    service.run(start)
    service.send(scores("doooo", first=4))
    service.run(start)
    assert service.story == [("station_dark", "began"), ("station_dark", "ended")]


def test_when_redis_is_emptied_what_is_open_comes_back_from_the_topic(
    service: Service, scores: Scores, start: datetime
) -> None:
    service.send(scores("ddddd"))
    service.run(start)
    service.states.rows.clear()
    service.send(scores("dddooooddd", first=5))
    service.run(start)
    first, ended, second = service.findings
    assert first.finding_id == ended.finding_id != second.finding_id


def test_a_crash_between_the_finding_and_redis_says_it_again_under_the_same_id(
    service: Service, scores: Scores, start: datetime
) -> None:
    service.send(scores("ooddd"))
    service.states.down = True
    with pytest.raises(Broken):
        service.run(start)
    service.states.down = False
    service.run(start)
    assert {each.finding_id for each in service.findings} == {service.findings[0].finding_id}
    service.send(scores("oooo", first=5))
    service.run(start)
    assert [each.finding_id for each in service.findings[:1]] == [service.findings[-1].finding_id]
    assert service.story[-1] == ("station_dark", "ended")
    assert len({(each.finding_id, each.kind) for each in service.findings}) == 2


def test_what_others_found_is_not_ours_to_end(service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("ddd"))
    service.run(start)
    (ours,) = service.findings
    theirs = ours.model_copy(update={"by": "heartbeat", "station": "press-4"})
    service.kafka.append(Message(DRIFT, b"press-4", write_event(theirs)))
    service.kafka.append(Message(DRIFT, b"press-4", b"{}"))
    service.send(scores("ooooo", station="press-4"))
    service.run(start)
    assert len(service.kafka.records(DRIFT)) == 3


def test_what_is_no_score_is_a_dead_letter_and_stops_nothing(service: Service, scores: Scores, start: datetime) -> None:
    service.kafka.append(Message(SCORES, b"weld-07", b"not json"))
    service.kafka.append(Message(SCORES, b"another", write_event(scores("o")[0])))
    service.kafka.append(Message(SCORES, b"Weld 07", write_event(scores("o")[0])))
    service.send(scores("ddd"))
    service.run(start)
    assert service.story == [("station_dark", "began")]
    reasons = [record.header("andon-reason") for record in service.kafka.records(DEAD_LETTERS)]
    assert reasons == [b"bad_record", b"bad_station", b"bad_station"]


def test_each_station_shows_its_numbers_with_their_limits(service: Service, scores: Scores, start: datetime) -> None:
    service.send(scores("ool"))
    service.run(start)
    assert service.shows("andon_image_luminance", station="weld-07") == 0.4
    assert service.shows("andon_image_luminance_limit", station="weld-07", side="low") == pytest.approx(0.3)
    assert service.shows("andon_image_sharpness_limit", station="weld-07") == pytest.approx(4.0)
    assert service.shows("andon_image_shift_pixels", station="weld-07", way="right") == pytest.approx(-40, abs=1)
    assert service.shows("andon_image_shift_limit_pixels", station="weld-07", way="down") == pytest.approx(0.0108 * 480)


def test_a_station_that_moved_on_to_another_process_is_shown_no_more(
    service: Service, scores: Scores, start: datetime
) -> None:
    service.send(scores("ool"))
    service.run(start)
    service.shown.tidy()
    assert service.shows("andon_image_luminance", station="weld-07") == 0.4
    service.assignment, service.clock = [(SCORES, 1)], 60.0
    service.shown.tidy()
    names = {"andon_image_luminance", "andon_image_shift_pixels", "andon_image_luminance_limit"}
    families = [family for family in service.metrics.registry.collect() if family.name in names]
    assert [sample for family in families for sample in family.samples] == []


class Store:
    """A bundle store that is away at first."""

    def __init__(self, manifest: BundleManifest, reference: DriftReference) -> None:
        self.asked = 0
        self.away = True
        self._held = manifest, reference

    def read(self, digest: str) -> tuple[BundleManifest, DriftReference]:
        self.asked += 1
        if self.away:
            raise BundleError(f"bundle {digest}: not there")
        return self._held


def settle(references: References) -> None:
    """What was asked for is read."""
    pool: ThreadPoolExecutor = references._pool
    pool.submit(int).result()


def test_a_reference_that_cannot_be_read_is_asked_for_again_after_a_minute(
    manifest: BundleManifest, reference: Callable[..., DriftReference]
) -> None:
    store, now = Store(manifest, reference()), [0.0]
    references = References(store.read, lambda: now[0])
    for _ in range(5):
        assert references.of("b" * 64) is Missing.LOADING
        settle(references)
    assert store.asked == 1
    store.away, now[0] = False, RETRY_S + 1
    assert references.of("b" * 64) is Missing.LOADING
    settle(references)
    assert isinstance(references.of("b" * 64), Limits)
    assert references.of("b" * 64) is references.of("b" * 64)
    assert store.asked == 2
    references.close()

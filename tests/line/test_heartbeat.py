"""Golden frames through every service's real handler, in memory: judged like any other frame, and in no statistic."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from andon.assignments import Assignments
from andon.comparing.table import ScoreTable
from andon.line import Policy
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.records import Assignment, Finding, FindingKind, Proof, Score, Verdict, read_event, read_frame, write_event
from andon.stage import Message, Stage
from andon.topics import DEAD_LETTERS, DRIFT, FRAMES, MODELS, SCORES
from andon_alerting.policy import State, decide
from andon_demo.ledger import Ledger
from andon_demo.tally import Tally
from andon_ingest.batch import BatchLimits
from andon_ingest.capture import frames
from andon_ingest.clock import Clock
from andon_ingest.heartbeat.beats import Beats
from andon_ingest.heartbeat.board import Board, Judging
from andon_ingest.heartbeat.golden import Shelf
from andon_ingest.heartbeat.judging import Outcome, Why
from andon_ingest.heartbeat.rounds import Done
from andon_ingest.heartbeat.schedule import Due
from andon_ingest.heartbeat.settings import BeatSettings
from andon_scoring.observe import counted
from andon_scoring.score import Scored
from andon_training.from_kafka.gather import Gathering
from andon_training.from_kafka.newest import Newest
from andon_training.replay.frames import Frames
from andon_training.trainer.board import Board as TrainerBoard
from andon_training.trainer.settings import OnboardingSettings


class Followed:
    """The assignment table, kept up with the twin."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self.table = Assignments()
        self._source = MemorySource(kafka, [MODELS], "table")
        self.refresh()

    def refresh(self) -> None:
        for record in self._source.poll():
            self.table.apply(record)


class Heartbeat:
    """`andon heartbeat` over the line's memory: beats when told to."""

    def __init__(self, line: Any, followed: Any, in_a_row: int = 2) -> None:
        self.line, self.followed = line, followed
        self.board = Board(followed.table, lambda _: None, BeatSettings(in_a_row=in_a_row, missing_after_s=30))
        clock = Clock(utc=lambda: line.now)
        self.beats = Beats(
            self.board, Shelf(line.bundles), clock, lambda: f"00-{'a' * 32}-{'b' * 16}-01", BatchLimits()
        )
        self.source = MemorySource(line.kafka, [SCORES, DEAD_LETTERS, DRIFT], "heartbeat")
        self.board.every = lambda _: 1e9
        self.slot = 0
        self.news: list[Done] = []
        self.listen()

    def listen(self, seconds: int = 1) -> None:
        """So many turns, a second each."""
        letters = MemoryDeadLetters(self.line.kafka)
        stage = Stage("heartbeat-answers", self.source, Judging(self.board), MemorySink(self.line.kafka), letters)
        for _ in range(seconds):
            self.followed.refresh()
            self.board.changed()
            stage.step(lambda: self.line.now)
            self.news += self.board.news
            self.line.now += timedelta(seconds=1)

    def beat(self, *services: str) -> None:
        """One heartbeat of every station, through these services."""
        self.slot += 1
        self.beats.now(Due(station, self.slot, self.line.now) for station in sorted(self.board.targets))
        stage = Stage("heartbeat", self.beats, frames, MemorySink(self.line.kafka), MemoryDeadLetters(self.line.kafka))
        stage.step(lambda: self.line.now)
        self.line.run(*services)
        self.listen()

    @property
    def findings(self) -> list[Finding]:
        return [read_event(Finding, record.value) for record in self.line.kafka.records(DRIFT)]


@pytest.fixture
def heartbeat(line: Any) -> Callable[..., Heartbeat]:
    """Begun once a bundle was assigned and proven."""

    def begin(**given: int) -> Heartbeat:
        return Heartbeat(line, Followed(line.kafka), **given)

    return begin


def swap(line: Any, station: str, digest: str, *, proven: bool = True) -> None:
    """Lets a bundle serve, as `andon assign` and scoring would say it."""
    given = Assignment(station=station, bundle=digest, at=line.now)
    proof = Proof(station=station, bundle=digest, at=line.now)
    for each in (given, proof)[: 1 + proven]:
        line.kafka.append(Message(MODELS, each.key, write_event(each)))


def test_golden_frames_come_back_as_proven_through_the_whole_line_and_the_ledger_balances(
    line: Any, heartbeat: Callable[..., Heartbeat], part: Callable[..., bytes], shots: Callable[..., Sequence[Any]]
) -> None:
    line.assign()
    line.capture(shots([part(90)] * 4))
    line.run("preprocess", "scoring")
    beat = heartbeat()
    for _ in range(3):
        beat.beat("preprocess", "scoring")

    assert [each.outcome for each in beat.news] == [Outcome.RIGHT] * 3
    assert beat.findings == []
    golden = [read_frame(each) for each in line.kafka.records(FRAMES) if read_frame(each).golden]
    assert [each.seq for each in golden] == list(range(len(golden)))
    ledger = Ledger()
    for record in line.kafka.records(FRAMES):
        ledger.frame(record)
    for record in line.kafka.records(SCORES):
        ledger.score(record)
    assert ledger.faults() == {}
    assert len(ledger.scores) == 4 + len(golden)


def test_scoring_that_stands_still_breaks_the_inspector_and_is_over_when_it_scores_again(
    line: Any, heartbeat: Callable[..., Heartbeat]
) -> None:
    line.assign(station="weld-07")
    line.run("scoring")
    beat = heartbeat()
    for _ in range(2):
        beat.beat("preprocess")
        beat.listen(31)
    (began,) = beat.findings
    assert (began.kind, began.cause, began.station) == (FindingKind.BEGAN, "inspector_broken", "weld-07")
    assert "got no verdict within 30 s" in began.sentence
    for _ in range(2):
        beat.beat("preprocess", "scoring")
    assert [each.kind for each in beat.findings] == [FindingKind.BEGAN, FindingKind.ENDED]


def test_a_frame_that_preprocess_rejects_is_told_with_its_reason(
    line: Any, heartbeat: Callable[..., Heartbeat], monkeypatch: pytest.MonkeyPatch
) -> None:
    line.assign(station="weld-07")
    line.run("scoring")
    beat = heartbeat(in_a_row=1)
    monkeypatch.setattr(beat.board.rounds, "_missing_after", timedelta(hours=1))
    store = beat.beats._shelf._store
    monkeypatch.setattr(beat.beats._shelf, "_store", Spoilt(store))
    beat.beat("preprocess")
    assert [each.worst and each.worst.why for each in beat.news] == [Why.DEAD_LETTER]
    assert "was rejected (" in beat.findings[0].sentence


class Spoilt:
    """A store whose images are none."""

    def __init__(self, store: Any) -> None:
        self.manifest = store.manifest

    def golden_image(self, digest: str, frame: Any) -> bytes:
        return b"\x89PNG\r\n\x1a\n and no more"


def test_a_swap_under_a_golden_frame_is_no_alarm(line: Any, heartbeat: Callable[..., Heartbeat]) -> None:
    line.assign(station="weld-07")
    line.run("scoring")
    beat = heartbeat(in_a_row=1)
    beat.beats.now([Due("weld-07", 1, line.now)])
    other = line.keep(threshold=5.0)  # calls everything anomalous
    letters = MemoryDeadLetters(line.kafka)
    Stage("heartbeat", beat.beats, frames, MemorySink(line.kafka), letters).step(lambda: line.now)
    swap(line, "weld-07", other)
    line.run("preprocess", "scoring")
    beat.listen()
    assert [each.outcome for each in beat.news] == [Outcome.SWAPPED]
    beat.beat("preprocess", "scoring")
    assert [each.outcome for each in beat.news] == [Outcome.SWAPPED, Outcome.RIGHT]
    assert beat.findings == []


def test_a_verdict_by_the_bundle_that_is_another_than_it_was_proven_with_is_wrong(
    line: Any, heartbeat: Callable[..., Heartbeat]
) -> None:
    line.assign(station="weld-07")
    line.run("scoring")
    beat = heartbeat(in_a_row=1)
    beat.beats.now([Due("weld-07", 1, line.now)])
    letters = MemoryDeadLetters(line.kafka)
    Stage("heartbeat", beat.beats, frames, MemorySink(line.kafka), letters).step(lambda: line.now)
    line.run("preprocess", "scoring")
    log = line.kafka
    for part in range(log.partitions):  # somebody between scoring and us turns the verdicts round
        for at, record in enumerate(log.log(SCORES, part)):
            score = read_event(Score, record.value)
            turned = Verdict.OK if score.verdict is Verdict.ANOMALOUS else Verdict.ANOMALOUS
            value = write_event(score.model_copy(update={"verdict": turned}))
            log.log(SCORES, part)[at] = type(record)(**{**_fields(record), "value": value})
    beat.listen()
    assert "the inspection is wrong, not the parts" in beat.findings[0].sentence


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


# In no statistic


@pytest.fixture
def golden_only(line: Any, heartbeat: Callable[..., Heartbeat]) -> MemoryKafka:
    """What Kafka holds when nothing but golden frames was ever sent."""
    line.assign(station="weld-07")
    line.run("scoring")
    beat = heartbeat()
    for _ in range(4):
        beat.beat("preprocess", "scoring")
    kafka: MemoryKafka = line.kafka
    assert len([each for each in scores(kafka) if each.golden]) == 8
    return kafka


def scores(kafka: MemoryKafka) -> list[Score]:
    return [read_event(Score, record.value) for record in kafka.records(SCORES)]


def test_scoring_counts_them_apart(golden_only: MemoryKafka) -> None:
    metrics = Metrics(CollectorRegistry())
    handle = counted(lambda *_: [Scored(SCORES, b"", b"", score=each) for each in scores(golden_only)], metrics)
    handle([], scores(golden_only)[0].scored_at)
    value = metrics.registry.get_sample_value
    assert value("andon_golden_frames_total", {"verdict": "anomalous"}) == 4
    assert value("andon_golden_frames_total", {"verdict": "ok"}) == 4
    assert value("andon_frames_scored_total", {"station": "weld-07", "verdict": "ok"}) is None
    assert value("andon_frame_age_seconds_count") == 0
    assert value("andon_anomaly_score_ratio_count", {"station": "weld-07"}) is None


def test_alerting_decides_nothing_by_them(golden_only: MemoryKafka) -> None:
    state = State("weld-07")
    for score in scores(golden_only):
        state, decisions = decide(state, score, Policy(k=1, n=1, multiple=1.01))
        assert [each for each in decisions if each.kind is not None] == []
    assert state == State("weld-07")


def test_the_trainer_counts_no_newcomer_and_no_trial_by_them(golden_only: MemoryKafka) -> None:
    board = TrainerBoard(type("Table", (), {"lookup": None})(), OnboardingSettings())
    board.tallies = {("weld-07", None): None}  # type: ignore[dict-item]
    for record in golden_only.records(SCORES):
        board.take(record)  # would fail on looking anything up
    assert board.newcomers == {}


def test_a_fit_from_kafka_learns_from_none_of_them(golden_only: MemoryKafka) -> None:
    newest = Newest(10)
    gathering = Gathering("weld-07", newest, None, lambda *_: None)  # type: ignore[arg-type]
    assert [gathering.take(record) for record in golden_only.records(FRAMES)] == [False] * 8
    assert len(newest) == 0


def test_rescore_and_compare_pass_them_over(golden_only: MemoryKafka) -> None:
    assert list(Frames("weld-07", None).of(golden_only.records(FRAMES))) == []
    assert len(ScoreTable("weld-07").read(golden_only.records(SCORES))) == 0


def test_the_demo_shows_no_figure_of_them(golden_only: MemoryKafka) -> None:
    tally = Tally()
    for record in golden_only.records(SCORES):
        tally.score(read_event(Score, record.value), record.timestamp_ms)
    assert (tally.scored, tally.golden, dict(tally.stations), tally.latencies_ms) == (0, 8, {}, [])

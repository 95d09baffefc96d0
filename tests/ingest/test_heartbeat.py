"""Golden frames through the live topics: when, which, and what their verdicts say of the inspection."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from andon.assignments import Assignments
from andon.bundle import BundleError
from andon.dead_letters import dead_letter
from andon.errors import Mistake
from andon.ids import frame_id
from andon.line import LineFile
from andon.manifest import BundleManifest, GoldenFrame, Tolerance
from andon.metrics import Metrics
from andon.reasons import Reason
from andon.records import (
    Assignment,
    Cause,
    Finding,
    FindingKind,
    FramePlace,
    Proof,
    Score,
    Unscorable,
    Verdict,
    read_event,
    read_frame,
    write_event,
)
from andon.settings import load
from andon.stage import Message, Record, Rejected
from andon.topics import DEAD_LETTERS, DRIFT, MODELS, SCORES
from andon_ingest.batch import BatchLimits
from andon_ingest.clock import Clock
from andon_ingest.heartbeat.beats import Beats
from andon_ingest.heartbeat.board import Board, Judging
from andon_ingest.heartbeat.golden import Shelf, chosen
from andon_ingest.heartbeat.judging import Judged, Outcome, Sent, Why, judge_letter, judge_score, judge_silence
from andon_ingest.heartbeat.main import every
from andon_ingest.heartbeat.observe import counted
from andon_ingest.heartbeat.once import chosen as chosen_stations
from andon_ingest.heartbeat.once import told
from andon_ingest.heartbeat.pulses import Pulses
from andon_ingest.heartbeat.rounds import Done, Rounds
from andon_ingest.heartbeat.schedule import Schedule, phase, slot_at
from andon_ingest.heartbeat.settings import BeatSettings, HeartbeatSettings
from andon_ingest.heartbeat.targets import Seen, Target, targets

START = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
DIGEST, OTHER = "4b" * 32, "77" * 32
PLACE = FramePlace(topic=SCORES, partition=0, offset=7)
FRAME = FramePlace(topic="camera.frames", partition=1, offset=90)
SETTINGS = BeatSettings()


def golden(name: str = "good-1", score: float = 0.1, verdict: Verdict = Verdict.OK) -> GoldenFrame:
    """A golden frame whose image is its name."""
    text = f"golden/{name}.png"
    return GoldenFrame(name=text, sha256="a" * 64, tensor_sha256="b" * 64, verdict=verdict, score=score)


GOOD, BAD = golden(), golden("bad-1", 0.7, Verdict.ANOMALOUS)


def manifest_of(*frames: GoldenFrame) -> BundleManifest:
    """As much of a manifest as is looked at."""
    return BundleManifest.model_construct(golden=frames, threshold=0.25, tolerance=Tolerance())


def sent(frame: GoldenFrame = GOOD, seq: int = 0, station: str = "weld-07", at: datetime = START) -> Sent:
    return Sent(frame_id(station, 1, seq), station, None, DIGEST, frame, 0.25, Tolerance(), at)


def score(of: Sent, value: float | None = None, after_s: float = 0.2, **given: object) -> Score:
    """The verdict on a golden frame: as it was proven, but for what is given."""
    told = of.golden.score if value is None else value
    fields = {
        "frame_id": of.frame_id,
        "station": of.station,
        "epoch": 1,
        "seq": 0,
        "captured_at": of.sent_at,
        "scored_at": of.sent_at + timedelta(seconds=after_s),
        "verdict": Verdict.ANOMALOUS if told > of.threshold else Verdict.OK,
        "score": told,
        "threshold": of.threshold,
        "bundle": of.bundle,
        "width": 64,
        "height": 48,
        "frame": FRAME,
        "golden": f"{of.bundle}/{of.golden.name}",
    }
    return Score.model_validate(fields | given)


def record(of: Score, offset: int = 7, written_at: datetime = START) -> Record:
    stamp = int(written_at.timestamp() * 1000)
    return Record(SCORES, 0, offset, of.station.encode(), write_event(of), timestamp_ms=stamp)


def judged(of: Sent, answer: Score, *, serves: bool = True, read_after_s: float | None = None) -> Judged:
    now = answer.scored_at if read_after_s is None else of.sent_at + timedelta(seconds=read_after_s)
    return judge_score(of, answer, PLACE, now, late_after=timedelta(seconds=30), serves=serves)


UNSCORED = {"verdict": Verdict.UNSCORABLE, "unscorable": Unscorable.NO_BUNDLE, "score": None, "bundle": None}
TABLE: dict[Why, tuple[Outcome, Callable[[], Judged]]] = {
    Why.AS_PROVEN: (Outcome.RIGHT, lambda: judged(sent(), score(sent(), 0.10009))),
    Why.OTHER_BUNDLE: (Outcome.SWAPPED, lambda: judged(sent(), score(sent(), 0.9, bundle=OTHER))),
    Why.NO_LONGER_SERVES: (Outcome.SWAPPED, lambda: judged(sent(), score(sent(), **UNSCORED), serves=False)),
    Why.UNSCORABLE: (Outcome.WRONG, lambda: judged(sent(), score(sent(), **UNSCORED))),
    Why.VERDICT_DIFFERS: (Outcome.WRONG, lambda: judged(sent(), score(sent(), 0.61))),
    Why.SCORE_MOVED: (Outcome.WRONG, lambda: judged(sent(), score(sent(), 0.12))),
    Why.TOO_LATE: (Outcome.LATE, lambda: judged(sent(), score(sent(), after_s=31))),
    Why.DEAD_LETTER: (Outcome.MISSING, lambda: judge_letter(sent(), "too_large", None, serves=True)),
    Why.NO_VERDICT: (Outcome.MISSING, lambda: judge_silence(sent(), serves=True)),
}


@pytest.mark.parametrize("why", Why)
def test_every_reason_has_a_golden_frame_that_leads_to_it(why: Why):
    outcome, make = TABLE[why]
    found = make()
    assert (found.why, found.outcome) == (why, outcome)


def test_a_known_bad_frame_that_is_called_ok_is_wrong():
    assert judged(sent(BAD), score(sent(BAD), 0.2)).why is Why.VERDICT_DIFFERS


def test_a_wrong_verdict_is_wrong_however_late_it_is():
    assert judged(sent(), score(sent(), 0.61, after_s=100)).outcome is Outcome.WRONG


def test_what_is_lost_while_another_bundle_takes_over_says_nothing():
    assert judge_silence(sent(), serves=False).outcome is Outcome.SWAPPED
    assert judge_letter(sent(), "too_large", FRAME, serves=False).outcome is Outcome.SWAPPED


def test_neither_a_wrong_clock_at_scoring_nor_a_pause_of_our_own_makes_a_verdict_late():
    ahead = judged(sent(), score(sent(), after_s=3600), read_after_s=0.3)
    paused = judged(sent(), score(sent(), after_s=0.3), read_after_s=3600)
    behind = judged(sent(), score(sent(), after_s=-3600), read_after_s=0.3)
    assert [ahead.latency_s, paused.latency_s, behind.latency_s] == [0.3, 0.3, 0.0]
    assert {each.outcome for each in (ahead, paused, behind)} == {Outcome.RIGHT}


# When


def test_turns_are_spread_evenly_over_the_interval():
    tenths = [0] * 10
    for number in range(2000):
        tenths[int(phase(f"station-{number}") * 10)] += 1
    assert min(tenths) > 150
    assert max(tenths) < 250


def test_a_station_is_due_once_a_slot_and_begins_with_its_next():
    schedule, every = Schedule(), {"weld-07": 300.0}
    found = [each for s in range(0, 1200, 7) for each in schedule.due(every, START + timedelta(seconds=s))]
    assert [each.slot - found[0].slot for each in found] == list(range(len(found)))
    assert len(found) == 4 or len(found) == 3
    assert found[1].at - found[0].at == timedelta(seconds=300)
    assert found[0].at > START


def test_a_restart_keeps_the_slots():
    slot = slot_at("weld-07", 300, START)
    within = [slot.at + timedelta(seconds=seconds) for seconds in (0.01, 150, 299.99)]
    assert {slot_at("weld-07", 300, each) for each in within} == {slot}


def test_slots_that_nobody_looked_at_are_not_made_up_for():
    schedule, every = Schedule(), {"weld-07": 300.0}
    schedule.due(every, START)
    assert len(schedule.due(every, START + timedelta(hours=2))) == 1


def test_another_interval_begins_with_its_next_slot():
    schedule = Schedule()
    schedule.due({"weld-07": 300.0}, START)
    assert schedule.due({"weld-07": 1.0}, START + timedelta(seconds=1000)) == []
    assert len(schedule.due({"weld-07": 1.0}, START + timedelta(seconds=1002))) == 1


# Whom


def table_of(*pairs: tuple[str, str | None, str, bool]) -> Assignments:
    """(station, product, digest, proven)"""
    table = Assignments()
    for station, product, digest, proven in pairs:
        given = Assignment(station=station, product=product, bundle=digest, at=START)
        table.apply(Record(MODELS, 0, 0, given.key, write_event(given)))
        if proven:
            proof = Proof(station=station, product=product, bundle=digest, at=START)
            table.apply(Record(MODELS, 0, 0, proof.key, write_event(proof)))
    return table


def test_every_station_and_product_with_a_bundle_is_tried_and_those_of_everybodys_bundle_where_frames_came_from():
    table = table_of(("weld-07", "bracket", DIGEST, True), ("*", None, OTHER, True))
    found = targets(table, [("weld-07", "bracket"), ("weld-07", None), ("press-1", "lid")])
    assert found == (
        Target("weld-07", "bracket", DIGEST),
        Target("weld-07", None, OTHER),
        Target("press-1", None, OTHER),
    )


def test_a_bundle_that_nobody_proved_is_not_tried_the_one_before_it_is():
    table = table_of(("weld-07", None, DIGEST, True), ("weld-07", None, OTHER, False), ("weld-08", None, OTHER, False))
    assert targets(table, []) == (Target("weld-07", None, DIGEST), Target("weld-08", None, None))


def test_drill_copies_and_stations_without_any_bundle_are_left_out():
    table = table_of(("weld-07", None, DIGEST, True), ("drill.weld-07", None, DIGEST, True))
    assert targets(table, [("drill.weld-07", None), ("press-9", None)]) == (Target("weld-07", None, DIGEST),)


def test_a_station_is_known_by_its_own_frames_for_a_day_and_golden_ones_do_not_prolong_it():
    seen, own = Seen(timedelta(hours=24)), score(sent(station="press-1"), golden=None)
    seen.note(record(own), START)
    seen.note(record(score(sent(station="press-2"))), START)
    seen.note(Record(SCORES, 0, 0, b"press-3", b"no score"), START)
    assert seen.lately(START) == [("press-1", None)]
    later = START + timedelta(hours=23)
    seen.note(record(score(sent(station="press-1")), written_at=later), later)
    assert seen.lately(START + timedelta(hours=25)) == []


def test_a_station_that_makes_several_products_is_known_by_each():
    seen = Seen(timedelta(hours=24))
    for second, product in ((0, "lid"), (3, "cup"), (12, "cup"), (30, "lid")):
        at = START + timedelta(seconds=second)
        seen.note(record(score(sent(), golden=None, product=product), written_at=at), at)
    assert set(seen.lately(START)) == {("weld-07", "lid"), ("weld-07", "cup")}


def test_invented_stations_drive_out_each_other_and_not_those_that_send_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("andon_ingest.heartbeat.targets.MOST_SIGHTS", 50)
    seen = Seen(timedelta(hours=24))
    for number in range(500):
        for station in (f"part-{number}", "weld-07"):
            at = START + timedelta(seconds=number)
            seen.note(record(score(sent(station=station), golden=None), written_at=at), at)
    found = seen.lately(START + timedelta(seconds=500))
    assert len(found) == 50
    assert ("weld-07", None) in found


def test_a_record_whose_time_no_calendar_has_is_taken_as_written_now():
    seen, own = Seen(timedelta(hours=24)), record(score(sent(), golden=None))
    seen.note(replace(own, timestamp_ms=10**17), START)
    assert seen.lately(START) == [("weld-07", None)]


# Which


def test_all_golden_frames_get_their_chance_one_of_each_kind_at_a_time():
    frames = [golden(f"good-{n}") for n in range(3)] + [golden(f"bad-{n}", 0.7, Verdict.ANOMALOUS) for n in range(2)]
    picked = [chosen(manifest_of(*frames), slot) for slot in range(6)]
    assert {tuple(each.verdict for each in pair) for pair in picked} == {(Verdict.OK, Verdict.ANOMALOUS)}
    assert {each.name for pair in picked for each in pair} == {each.name for each in frames}


class Store:
    """Bundles of which only golden frames are looked at."""

    def __init__(self, **frames: tuple[GoldenFrame, ...]) -> None:
        self.frames = {DIGEST: (GOOD, BAD), OTHER: (GOOD,)} | frames
        self.reads = 0

    def manifest(self, digest: str) -> BundleManifest:
        if digest not in self.frames:
            raise BundleError(f"bundle {digest[:12]}: not there")
        return manifest_of(*self.frames[digest])

    def golden_image(self, digest: str, frame: GoldenFrame) -> bytes:
        self.reads += 1
        return b"\x89PNG\r\n\x1a\n" + frame.name.encode()


def test_a_bundle_without_a_known_bad_frame_sends_the_good_one_and_says_so_once(capsys: pytest.CaptureFixture[str]):
    shelf = Shelf(Store())
    assert [[each.frame.name for each in shelf.pick(OTHER, slot)] for slot in range(3)] == [["golden/good-1.png"]] * 3
    assert capsys.readouterr().out.count("heartbeat_one_sided") == 1


def test_an_image_is_read_once():
    store = Store()
    shelf = Shelf(store)
    for slot in range(5):
        shelf.pick(OTHER, slot)
    assert store.reads == 1


class Line:
    """A board, its golden frames and its judge, turned by hand, one second a turn."""

    def __init__(self, table: Assignments, every_s: float | None = 300.0, settings: BeatSettings = SETTINGS) -> None:
        self.now = START
        self.board = Board(table, lambda _: every_s, settings)
        clock = Clock(utc=lambda: self.now)
        self.beats = Beats(self.board, Shelf(Store()), clock, lambda: f"00-{'a' * 32}-{'b' * 16}-01", BatchLimits())
        self.judge = Judging(self.board)
        self.findings: list[Finding] = []
        self.frames: list[Record] = []
        self.done: list[Done] = []

    def turn(self, records: Iterable[Record] = (), seconds: float = 1.0) -> list[Record]:
        """One turn; the golden frames it sends."""
        messages = self.judge(list(records), self.now)
        self.findings += [read_event(Finding, each.value) for each in messages]
        self.done += self.board.news
        sent = list(self.beats.poll())
        self.frames += sent
        self.now += timedelta(seconds=seconds)
        return sent

    def play(self, seconds: int, answer: Callable[[Record], Record | None]) -> None:
        """So many turns; what is sent is answered in the next."""
        answers: list[Record] = []
        for _ in range(seconds):
            answers = [told for each in self.turn(answers) if (told := answer(each))]


def answered(value: Callable[[GoldenFrame], float], **given: object) -> Callable[[Record], Record]:
    """Scoring: what it says of golden frames."""

    def answer(asked: Record) -> Record:
        frame = read_frame(asked)
        what = GOOD if "good" in str(frame.golden) else BAD
        of = Sent(
            frame.frame_id, frame.station, None, str(frame.golden)[:64], what, 0.25, Tolerance(), frame.captured_at
        )
        return record(score(of, value(what), **given))

    return answer


RIGHT = answered(lambda frame: frame.score)
ALWAYS_OK = answered(lambda frame: 0.1)
LATE = answered(lambda frame: frame.score, scored_at=START + timedelta(days=1))
SILENCE: Callable[[Record], None] = lambda _: None  # noqa: E731


def test_golden_frames_are_marked_frames_of_a_capture_of_their_own_without_holes():
    line = Line(table_of(("weld-07", None, DIGEST, True), ("press-1", "lid", DIGEST, True)))
    line.play(1300, RIGHT)
    frames = [read_frame(each) for each in line.frames if each.key == b"weld-07"]
    assert [each.seq for each in frames] == list(range(len(frames)))
    assert len({each.epoch for each in frames}) == 1
    assert {each.golden for each in frames} == {f"{DIGEST}/{each.name}" for each in (GOOD, BAD)}
    assert {each.subject for each in frames} == {"good-1.png", "bad-1.png"}
    assert {read_frame(each).product for each in line.frames if each.key == b"press-1"} == {"lid"}
    assert {each.outcome for each in line.done} == {Outcome.RIGHT}
    assert line.findings == []


def test_two_wrong_heartbeats_in_a_row_begin_a_finding_and_two_right_ones_end_it():
    line = Line(table_of(("weld-07", None, DIGEST, True)))
    line.play(320, ALWAYS_OK)
    assert line.findings == []
    line.play(320, ALWAYS_OK)
    (began,) = line.findings
    assert (began.kind, began.cause, began.station, began.by) == ("began", "inspector_broken", "weld-07", "heartbeat")
    line.play(900, RIGHT)
    _, ended = line.findings
    assert (ended.kind, ended.finding_id, ended.since) == (FindingKind.ENDED, began.finding_id, began.since)
    assert "golden frames get the right verdicts again" in ended.sentence
    assert [each.outcome for each in line.done[:2]] == [Outcome.WRONG, Outcome.WRONG]


def test_a_finding_says_what_a_person_on_the_floor_would_say_and_shows_the_frame():
    line = Line(table_of(("weld-07", None, DIGEST, True)), settings=BeatSettings(in_a_row=1))
    line.play(310, answered(lambda frame: 0.61))
    (began,) = line.findings
    at = line.done[0].judged[0].sent.sent_at
    assert began.sentence == (
        f"weld-07: a known-good frame was called anomalous (score 0.61, at most 0.25 expected) at {at:%H:%M} UTC; "
        "the inspection is wrong, not the parts."
    )
    assert began.measure is not None
    assert (began.measure.name, began.measure.value, began.measure.limit) == ("score", 0.61, 0.25)
    (shown,) = began.evidence
    assert (shown.frame, shown.scored, shown.score) == (FRAME, PLACE, 0.61)
    assert began.bundle == DIGEST


WORDS = {
    Why.VERDICT_DIFFERS: "was called anomalous (score 0.61, at most 0.25 expected) at 06:30 UTC; the inspection is",
    Why.SCORE_MOVED: "scored 0.12 instead of 0.1 at 06:30 UTC, beyond the bundle's tolerance; the inspection is wrong",
    Why.UNSCORABLE: "could not be scored (no_bundle) at 06:30 UTC, although its bundle serves; the inspection is wrong",
    Why.TOO_LATE: "of 06:30 UTC waited 31 s (at most 30) for its verdict; verdicts come too late to act on.",
    Why.DEAD_LETTER: "was rejected (too_large) at 06:30 UTC; frames there may pass uninspected.",
    Why.NO_VERDICT: "of 06:30 UTC got no verdict within 60 s; parts pass uninspected there.",
}


@pytest.mark.parametrize("why", [each for each in Why if TABLE[each][0].bad])
def test_every_bad_reason_has_its_sentence(why: Why):
    pulses, (outcome, make) = Pulses(BeatSettings(in_a_row=1)), TABLE[why]
    (began,) = pulses.take(Done("weld-07", START, outcome, (make(),), make()), START)
    assert began.sentence.startswith(f"weld-07: a known-good frame {WORDS[why]}")


def test_a_heartbeat_is_as_bad_as_the_worst_of_its_frames():
    rounds = Rounds(lambda *_: True, 30, 60)
    good, bad = sent(GOOD, 0), sent(BAD, 1)
    rounds.began("weld-07", START, [good, bad])
    assert rounds.take(record(score(good, 0.5)), START) is None
    done = rounds.take(record(score(bad)), START)
    assert done is not None
    assert (done.outcome, done.worst and done.worst.why) == (Outcome.WRONG, Why.VERDICT_DIFFERS)
    assert len(rounds) == 0


def test_a_repeated_verdict_changes_nothing():
    rounds = Rounds(lambda *_: True, 30, 60)
    rounds.began("weld-07", START, [sent(GOOD, 0), sent(BAD, 1)])
    twice = record(score(sent(GOOD, 0)))
    assert [rounds.take(twice, START), rounds.take(twice, START), len(rounds)] == [None, None, 1]


def test_a_verdict_that_does_not_come_is_missing_after_a_minute_of_listening():
    rounds = Rounds(lambda *_: True, 30, 60)
    rounds.began("weld-07", START, [sent()])
    ends = [s for s in range(100) for _ in rounds.expired(START + timedelta(seconds=s))]
    assert ends == [60]


def test_time_in_which_nobody_listened_makes_nothing_missing():
    rounds = Rounds(lambda *_: True, 30, 60)
    rounds.expired(START)
    rounds.began("weld-07", START, [sent()])
    assert rounds.expired(START + timedelta(hours=1)) == []
    done = rounds.take(record(score(sent())), START + timedelta(hours=1))
    assert done is not None
    assert done.outcome is Outcome.RIGHT


def test_a_dead_letter_is_a_verdict_that_never_comes_and_shows_the_frame():
    line = Line(table_of(("weld-07", None, DIGEST, True)), settings=BeatSettings(in_a_row=1))

    def rejected(asked: Record) -> Record:
        came = Record("camera.frames", 1, 90, asked.key, asked.value, asked.headers)
        letter = dead_letter(Rejected(came, Reason.TOO_MANY_PIXELS, "too many"), DEAD_LETTERS, "preprocess", "0")
        return Record(DEAD_LETTERS, 0, 3, letter.key, letter.value, letter.headers)

    line.play(310, rejected)
    (began,) = line.findings
    assert "was rejected (too_many_pixels)" in began.sentence
    assert began.evidence[0].frame == FRAME


def test_letters_that_are_none_of_ours_are_passed_over():
    rounds = Rounds(lambda *_: True, 30, 60)
    rounds.began("weld-07", START, [sent()])
    for identity in (b"", b"\xff", b"no uuid", str(frame_id("weld-07", 9, 9)).encode()):
        assert rounds.take(Record(DEAD_LETTERS, 0, 0, b"weld-07", b"", (("ce_id", identity),)), START) is None


def test_a_swap_under_a_golden_frame_neither_begins_nor_ends_anything():
    line = Line(table_of(("weld-07", None, DIGEST, True)))
    line.play(960, answered(lambda frame: 0.9, bundle=OTHER))
    assert {each.outcome for each in line.done} == {Outcome.SWAPPED}
    assert line.findings == []


def test_a_verdict_that_does_not_come_because_its_bundle_serves_no_more_says_nothing():
    table = table_of(("weld-07", None, DIGEST, True))
    line = Line(table)
    while not line.frames:
        line.play(1, SILENCE)
    for given in (
        Assignment(station="weld-07", bundle=OTHER, at=START),
        Proof(station="weld-07", bundle=OTHER, at=START),
    ):
        table.apply(Record(MODELS, 0, 0, given.key, write_event(given)))
    line.play(70, SILENCE)
    assert [each.outcome for each in line.done] == [Outcome.SWAPPED]


def test_what_cannot_be_sent_says_nothing_of_the_inspection_and_is_told():
    line = Line(table_of(("weld-07", None, "00" * 32, True), ("weld-08", None, DIGEST, False)))
    line.play(700, RIGHT)
    assert {(each.station, each.outcome) for each in line.done} == {
        (s, Outcome.NOT_SENT) for s in ("weld-07", "weld-08")
    }
    assert {each.detail for each in line.done} == {"bundle 000000000000: not there", "no bundle is proven there"}
    assert line.findings == []


def test_a_station_whose_plan_says_never_gets_none():
    line = Line(table_of(("weld-07", None, DIGEST, True)), every_s=None)
    line.play(700, RIGHT)
    assert line.frames == []


# Many at once


def stations(count: int) -> Assignments:
    return table_of(*((f"weld-{number:02d}", None, DIGEST, True) for number in range(count)))


def test_when_most_stations_get_no_verdict_it_is_one_finding_about_the_line_and_over_when_most_get_theirs():
    line = Line(stations(12))
    line.play(400, RIGHT)
    line.play(900, SILENCE)
    (began,) = line.findings
    assert (began.station, began.kind, began.cause) == ("*", FindingKind.BEGAN, Cause.INSPECTOR_BROKEN)
    assert began.sentence.startswith("7 of 12 stations got no verdict on a golden frame since")
    assert (began.at - began.since).total_seconds() < 360
    line.play(400, RIGHT)
    assert [(each.station, each.kind) for each in line.findings] == [("*", "began"), ("*", "ended")]
    assert "again at 9 of 12 stations" in line.findings[1].sentence


def test_a_few_that_were_heard_first_are_not_most_of_the_line():
    pulses, names = Pulses(SETTINGS), [f"weld-{number:02d}" for number in range(100)]
    pulses.watch(names, START)
    told = [bool(pulses.take(Done(name, START, Outcome.MISSING, (judge(),), judge()), START)) for name in names]
    assert told.index(True) == 25  # more than half of those that must be heard at least: half of all


def test_fewer_than_four_stations_are_told_one_by_one():
    line = Line(stations(3))
    line.play(760, SILENCE)
    assert sorted((each.station, each.kind) for each in line.findings) == [(f"weld-0{n}", "began") for n in range(3)]


def test_a_few_missing_among_many_are_told_by_station():
    line = Line(stations(12))
    line.play(760, lambda asked: None if asked.key == b"weld-03" else RIGHT(asked))
    assert [each.station for each in line.findings] == ["weld-03"]


def test_what_comes_late_while_the_line_comes_back_is_no_stations_fault():
    line = Line(stations(12), settings=BeatSettings(late_after_s=0.5))
    line.play(900, SILENCE)
    line.play(300, lambda asked: LATE(asked) if asked.key == b"weld-03" else RIGHT(asked))
    assert [(each.station, each.kind) for each in line.findings] == [("*", "began"), ("*", "ended")]
    line.play(600, lambda asked: LATE(asked) if asked.key == b"weld-03" else RIGHT(asked))
    assert [each.station for each in line.findings[2:]] == ["weld-03"]


def test_a_wrong_verdict_is_told_by_station_while_the_line_is_down():
    line = Line(stations(12))
    line.play(1300, lambda asked: ALWAYS_OK(asked) if asked.key == b"weld-03" else None)
    assert [each.station for each in line.findings] == ["*", "weld-03"]


# Restarts, and two at once


def as_records(findings: Iterable[Finding]) -> list[Record]:
    return [Record(DRIFT, 0, n, each.station.encode(), write_event(each)) for n, each in enumerate(findings)]


def test_a_restart_repeats_no_finding_and_ends_the_one_that_is_over():
    first = Line(table_of(("*", None, DIGEST, True)))
    first.turn([record(score(sent(), golden=None))])
    first.play(700, ALWAYS_OK)
    second = Line(table_of(("*", None, DIGEST, True)))
    second.now = first.now
    second.turn(as_records(first.findings))
    second.play(700, ALWAYS_OK)
    assert second.findings == []
    second.play(700, RIGHT)
    assert [each.finding_id for each in second.findings] == [first.findings[0].finding_id]
    assert second.findings[0].kind is FindingKind.ENDED


def test_after_a_restart_a_few_answers_do_not_say_that_the_line_is_back():
    down = Line(stations(12))
    down.play(900, SILENCE)
    back = Line(stations(12))
    back.now = down.now
    back.turn(as_records(down.findings))
    answers = 0

    def first_three(asked: Record) -> Record | None:
        nonlocal answers
        answers += 1
        return RIGHT(asked) if answers <= 6 else None

    back.play(700, first_three)
    assert back.findings == []


def test_two_processes_tell_of_the_same_finding_under_one_id():
    one, two = Line(table_of(("weld-07", None, DIGEST, True))), Line(table_of(("weld-07", None, DIGEST, True)))
    two.now += timedelta(milliseconds=300)
    one.play(700, ALWAYS_OK)
    two.play(700, ALWAYS_OK)
    assert len({each.finding_id for each in (*one.findings, *two.findings)}) == 1


def test_what_another_process_told_is_not_told_again_and_ended_by_either():
    one, two = Line(table_of(("weld-07", None, DIGEST, True))), Line(table_of(("weld-07", None, DIGEST, True)))
    one.play(700, ALWAYS_OK)
    two.turn(as_records(one.findings))
    two.play(700, ALWAYS_OK)
    assert two.findings == []
    two.play(700, RIGHT)
    one.turn(as_records([*one.findings, *two.findings]))
    one.play(700, RIGHT)
    assert [each.kind for each in one.findings] == [FindingKind.BEGAN]


def test_findings_of_others_and_what_is_no_finding_are_passed_over():
    line = Line(table_of(("weld-07", None, DIGEST, True)))
    (mine,) = Pulses(BeatSettings(in_a_row=1)).take(Done("weld-07", START, Outcome.MISSING, (), judge()), START)
    foreign = [mine.model_copy(update={"by": "drift"}), mine.model_copy(update={"cause": Cause.DRIFT})]
    line.turn([*as_records(foreign), Record(DRIFT, 0, 9, b"weld-07", b"{}")])
    assert line.board.pulses.open == {}


def judge() -> Judged:
    return judge_silence(sent(), serves=True)


def test_a_finding_ends_where_no_golden_frames_are_sent_any_more():
    table = table_of(("weld-07", None, DIGEST, True))
    line = Line(table)
    line.play(700, ALWAYS_OK)
    table.apply(Record(MODELS, 0, 0, b"weld-07/*", b""))
    assert table.lookup("weld-07", None) is None
    line.play(10, RIGHT)
    assert [each.kind for each in line.findings] == [FindingKind.BEGAN, FindingKind.ENDED]
    assert "is not known" in line.findings[1].sentence


# What is counted, what is asked


def test_heartbeats_are_counted_by_outcome_and_a_station_that_gets_none_shows_no_last_right_one():
    table = table_of(("weld-07", None, DIGEST, True))
    line, metrics = Line(table), Metrics(CollectorRegistry())
    line.judge = counted(line.judge, line.board, metrics)  # type: ignore[assignment]
    line.play(400, RIGHT)
    value = metrics.registry.get_sample_value
    assert value("andon_heartbeats_total", {"station": "weld-07", "outcome": "right"}) == len(line.done) > 0
    assert value("andon_heartbeat_latency_seconds_count") == 2 * len(line.done)
    last = value("andon_heartbeat_last_right_timestamp_seconds", {"station": "weld-07"})
    assert last == pytest.approx(line.done[-1].at.timestamp(), abs=3)
    table.apply(Record(MODELS, 0, 0, b"weld-07/*", b""))
    line.play(10, RIGHT)
    assert value("andon_heartbeat_last_right_timestamp_seconds", {"station": "weld-07"}) is None


def test_once_asks_those_that_a_bundle_serves_and_says_who_is_not_known():
    line = Line(stations(3), every_s=None)
    line.turn()
    assert [each.station for each in chosen_stations(line.board, None, START)] == ["weld-00", "weld-01", "weld-02"]
    assert [each.station for each in chosen_stations(line.board, "weld-01", START)] == ["weld-01"]
    with pytest.raises(Mistake, match="no bundle serves it"):
        chosen_stations(line.board, "weld-99", START)
    with pytest.raises(Mistake, match="andon assignments"):
        chosen_stations(SimpleNamespace(targets={}), None, START)  # type: ignore[arg-type]


def test_once_tells_each_station_with_its_frames():
    line = Line(stations(1), every_s=None)
    line.turn()
    line.beats.now(chosen_stations(line.board, None, START))
    line.play(3, ALWAYS_OK)
    (done,) = line.done
    shown = told(done)
    assert (shown["station"], shown["outcome"]) == ("weld-00", "wrong")
    assert [(each["golden"], each["outcome"], each["verdict"]) for each in shown["frames"]] == [
        ("golden/good-1.png", "right", "ok"),
        ("golden/bad-1.png", "wrong", "ok"),
    ]


def test_the_line_file_says_how_often_and_the_setting_where_there_is_none(tmp_path: Path):
    path = tmp_path / "line.yaml"
    path.write_text("stations:\n  weld-07:\n    heartbeat: every 1 min\n  press-1:\n    heartbeat: never\n")
    with_file = every(load(HeartbeatSettings, line=path), LineFile(path))
    assert [with_file(station) for station in ("weld-07", "press-1", "other")] == [60.0, None, 300.0]
    without = every(load(HeartbeatSettings, heartbeat={"every_s": 20}), LineFile(None))
    assert without("weld-07") == 20.0


def test_a_verdict_cannot_be_missing_before_it_is_late(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_HEARTBEAT__MISSING_AFTER_S", "10")
    with pytest.raises(Mistake, match=r"ANDON_HEARTBEAT: .*before a verdict is late"):
        load(HeartbeatSettings)


def test_message_keys_are_the_stations():
    line = Line(table_of(("weld-07", None, DIGEST, True)), settings=BeatSettings(in_a_row=1))
    line.now += timedelta(seconds=1)
    line.board.pulses.take(Done("weld-07", START, Outcome.MISSING, (judge(),), judge()), START)
    line.board.table = Assignments()
    (message,) = line.judge([], START)
    assert isinstance(message, Message)
    assert (message.topic, message.key) == (DRIFT, b"weld-07")

"""Frames judged again: ranges of time, joins, figures, work files. Needs no Kafka."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.bundle import write_bundle
from andon.comparing.key import key_partition, murmur2
from andon.comparing.pairing import Side, of_table, paired, strengths
from andon.comparing.table import ScoreTable
from andon.errors import Mistake
from andon.ids import frame_id, sha256_hex
from andon.inference import open_bundle
from andon.rates.intervals import rate
from andon.records import Answer, Frame, FramePlace, Score, Told, Verdict, frame_headers, write_event
from andon.stage import Record
from andon.store import BlobStore, BundleStore
from andon.testing.models import LOG_OF_BRIGHTEST, proven_bundle, tiny_model
from andon.topics import FRAMES, SCORES, VERDICTS
from andon_training.commands.rescore import rescore as command
from andon_training.replay.answers import judges, read_answers
from andon_training.replay.candidate import candidate, find_bundle
from andon_training.replay.distribution import distributions
from andon_training.replay.frames import Frames, Held
from andon_training.replay.held import Stretch, cut, own_places
from andon_training.replay.page import Page, rendered
from andon_training.replay.rescore import candidate_side
from andon_training.replay.rescore_words import against_budget
from andon_training.replay.score import Rescored, rescored
from andon_training.replay.span import Span, lasting, span
from andon_training.replay.work import WorkFile, whose

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
OLD, NEW = "4b" * 32, "77" * 32


def score(
    seq: int, value: float | None, *, threshold: float = 1.0, bundle: str = OLD, station: str = "weld-07"
) -> Score:
    anomalous = value is not None and value > threshold
    return Score(
        frame_id=frame_id(station, 7, seq),
        station=station,
        epoch=7,
        seq=seq,
        captured_at=NOW + timedelta(seconds=seq),
        scored_at=NOW,
        verdict=Verdict.UNSCORABLE if value is None else Verdict.ANOMALOUS if anomalous else Verdict.OK,
        score=value,
        threshold=None if value is None else threshold,
        bundle=bundle,
        width=8,
        height=8,
        frame=FramePlace(topic=FRAMES, partition=0, offset=seq),
    )


def record(given: Score, offset: int = 0) -> Record:
    return Record(SCORES, 0, offset, given.station.encode(), write_event(given))


def table(*scores: Score) -> ScoreTable:
    return ScoreTable("weld-07").read(record(each, i) for i, each in enumerate(scores))


def answer(seq: int, told: Told) -> Record:
    given = Answer(frame_id=frame_id("weld-07", 7, seq), station="weld-07", answer=told, at=NOW)
    return Record(VERDICTS, 0, 0, b"weld-07", write_event(given))


@pytest.mark.parametrize(
    ("since", "until", "start", "stop"),
    [
        ("2h", None, NOW - timedelta(hours=2), NOW),
        ("90m", "10m", NOW - timedelta(minutes=90), NOW - timedelta(minutes=10)),
        ("1.5d", "30s", NOW - timedelta(hours=36), NOW - timedelta(seconds=30)),
        ("2026-03-02T12:00+00:00", "2026-03-02T13:30Z", NOW - timedelta(hours=2), NOW - timedelta(minutes=30)),
    ],
)
def test_time_is_given_as_how_long_ago_or_as_a_moment(
    since: str, until: str | None, start: datetime, stop: datetime
) -> None:
    assert span(since, until, NOW) == Span(start, stop)


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("yesterday", None, "how long ago"),
        ("10m", "2h", "nothing lies between"),
        ("2027-01-01T00:00Z", None, "lies ahead"),
        ("2h", "-5m", "how long ago"),
    ],
)
def test_what_names_no_stretch_of_time_is_a_mistake(since: str, until: str | None, says: str) -> None:
    with pytest.raises(Mistake, match=says):
        span(since, until, NOW)


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_a_mistake(text: str) -> None:
    try:
        found = span(text, None, NOW)
    except Mistake:
        return
    assert found.start < found.stop == NOW


def test_a_length_of_time_reads_as_people_say_it() -> None:
    assert [lasting(timedelta(minutes=m)) for m in (0.5, 38, 300, 4000)] == ["30 s", "38 min", "5 h", "3 d"]


@pytest.mark.parametrize(
    ("key", "hashed"), [(b"21", -973932308), (b"foobar", -790332482), (b"abc", 479470107)]
)  # of Kafka's own tests (UtilsTest)
def test_keys_are_hashed_as_kafka_does(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed % 2**32


def test_only_partitions_that_may_hold_the_station_are_read() -> None:
    places = [(FRAMES, part) for part in range(4)] + [("camera.frames.old", 0)]
    own = key_partition(b"weld-07", 4)
    known = {(FRAMES, (own + 1) % 4)}
    assert set(own_places(places, "weld-07", known)) == {(FRAMES, own), ("camera.frames.old", 0), *known}


def test_retention_that_cut_the_time_is_said_in_minutes() -> None:
    asked = Span(NOW - timedelta(hours=2), NOW)
    whole, late = Stretch((FRAMES, 0), 0, 0, 9), Stretch((FRAMES, 1), 5, 5, 9, NOW - timedelta(minutes=82))
    assert cut([whole], asked, "frames of weld-07") is None
    said = cut([whole, late], asked, "frames of weld-07") or ""
    assert "38 min of the 2 h you asked for are gone" in said
    gone = cut([Stretch((FRAMES, 0), 5, 5, 5, NOW)], asked, "frames of weld-07") or ""
    assert "all 2 h of what you asked for are gone" in gone


def test_the_last_word_on_a_frame_counts_for_each_bundle() -> None:
    found = table(score(1, 0.5), score(2, 3.0), score(1, 2.0), score(1, 0.1, bundle=NEW))
    assert of_table(found, OLD).scores.tolist().count(2.0) == 1
    by_id = dict(zip(of_table(found).ids.tolist(), of_table(found).scores.tolist(), strict=True))
    assert by_id == {frame_id("weld-07", 7, 1).bytes: 0.1, frame_id("weld-07", 7, 2).bytes: 3.0}
    assert len(of_table(found, "99" * 32)) == 0


def test_what_is_no_score_is_counted_and_other_stations_are_not() -> None:
    found = ScoreTable("weld-07").read(
        [
            record(score(1, 0.5)),
            Record(SCORES, 0, 1, b"weld-07", b"{}"),
            record(score(2, 0.5, station="press-1")),
            Record(SCORES, 0, 3, b"weld-07", write_event(score(3, 0.5, station="press-1"))),
        ]
    )
    assert (len(found), found.refused) == (1, 1)


def test_frames_before_what_kafka_holds_are_known() -> None:
    found = table(score(1, 0.5), score(5, 0.5))
    assert found.before({(FRAMES, 0): 3}).tolist() == [True, False]
    assert found.before({}).tolist() == [True, True]


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0, 2), st.booleans()), max_size=40))
def test_a_join_agrees_with_dictionaries(words: list[tuple[int, float, bool]]) -> None:
    first, second = ScoreTable("weld-07"), ScoreTable("weld-07")
    by_seq: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for seq, value, mine in words:
        (first if mine else second).add(record(score(seq, value)))
        by_seq[0 if mine else 1][seq] = value
    pairing = paired(of_table(first), of_table(second))
    both = by_seq[0].keys() & by_seq[1].keys()
    agreement = pairing.agreement()
    assert agreement.frames == len(both)
    assert agreement.only_first == sum(by_seq[0][seq] > 1 >= by_seq[1][seq] for seq in both)
    assert agreement.only_second == sum(by_seq[1][seq] > 1 >= by_seq[0][seq] for seq in both)
    assert agreement.both_anomalous == sum(by_seq[0][seq] > 1 < by_seq[1][seq] for seq in both)


def test_the_largest_disagreement_comes_first_and_unscorable_frames_are_none() -> None:
    first = of_table(table(score(1, 0.9), score(2, 0.2), score(3, 5.0), score(4, None)))
    second = of_table(table(*(score(n, v, bundle=NEW) for n, v in ((1, 1.1), (2, 3.0), (3, 4.0), (4, 9.0)))))
    pairing = paired(first, second)
    assert [pairing.first.scores[each] for each in pairing.worst(9)] == [0.2, 0.9]
    assert [pairing.first.scores[each] for each in pairing.widest(9)] == [5.0]
    assert pairing.agreement().frames == 3


def test_scores_below_zero_are_measured_from_their_median_to_the_threshold() -> None:
    scores = np.array([-3.0, -2.0, -1.0, 0.5])
    side = Side(np.array([b"a"] * 4), np.zeros(4, np.int8), scores, np.full(4, -0.5), np.arange(4))
    assert strengths(side).tolist() == [-1.5, -0.5, 0.5, 2.0]
    assert (strengths(side) > 1).tolist() == (scores > -0.5).tolist()


def test_answers_turn_flips_into_false_calls_and_escapes() -> None:
    line = of_table(table(*(score(seq, 2.0) for seq in range(4)), score(4, 0.5)))
    new = of_table(table(*(score(n, v, bundle=NEW) for n, v in ((0, 0.5), (1, 2.0), (2, 0.5), (3, 0.5), (4, 2.0)))))
    told = (Told.FALSE_CALL, Told.REAL, Told.REAL, Told.UNSURE, Told.MISSED)
    records = [answer(seq, each) for seq, each in enumerate(told)]
    answers = read_answers("weld-07", [answer(0, Told.REAL), *records, Record(VERDICTS, 0, 9, b"weld-07", b"?")])
    before, after = judges(paired(line, new), answers)
    assert answers.refused == 1
    assert (before.false_calls, after.false_calls) == (rate(1, 1), rate(0, 1))
    assert (before.escapes, after.escapes) == (rate(1, 3), rate(1, 3))


@pytest.mark.parametrize(
    ("count", "of", "says"), [(0, 100_000, "below"), (2, 1000, "agrees"), (90, 1000, "more than its budget")]
)
def test_the_share_called_is_held_against_the_budget(count: int, of: int, says: str) -> None:
    assert says in against_budget(rate(count, of), 0.002)


def captured(seq: int, image: bytes, *, station: str = "weld-07", product: str | None = None, sha: str = "") -> Record:
    at = NOW + timedelta(seconds=seq)
    frame = Frame(
        station, 7, seq, frame_id(station, 7, seq), at, "image/png", sha or sha256_hex(image), product=product
    )
    return Record(FRAMES, 0, seq, station.encode(), image, frame_headers(frame))


def picture(level: int) -> bytes:
    return cv2.imencode(".png", np.full((8, 8), level, np.uint8))[1].tobytes()


def test_a_stations_frames_are_picked_once_each_and_only_of_its_product() -> None:
    frames = Frames("weld-07", "bracket")
    records = [
        captured(0, b"a", product="bracket"),
        captured(0, b"a", product="bracket"),
        captured(1, b"b", product="hinge"),
        captured(2, b"c"),
        captured(3, b"d", station="press-1"),
        Record(FRAMES, 0, 9, None, b"no key"),
        captured(4, b"e", product="bracket"),
    ]
    assert [held.frame.seq for held in frames.of(records)] == [0, 4]
    assert (frames.repeats, frames.refused, frames.read) == (1, 1, 7)
    assert (dict(frames.others), dict(frames.other_products)) == ({"press-1": 1}, {"hinge": 1, "none named": 1})
    assert [held.frame.seq for held in Frames("weld-07", None, most=2).of(records)] == [0, 1]


def held(*records: Record) -> Iterator[Held]:
    return Frames("weld-07", None).of(records)


def test_every_frame_gets_a_score_or_the_reason_it_has_none(tmp_path: Path) -> None:
    bundle = proven_bundle()
    model, store = open_bundle(bundle), BlobStore(str(tmp_path))
    spoilt = [captured(1, b"no image"), captured(3, picture(90), sha="ab" * 32)]
    good = [captured(seq, picture(seq * 10)) for seq in (2, 4, 5, 6)]
    records = [good[0], spoilt[0], *good[1:3], spoilt[1], good[3]]
    with ThreadPoolExecutor(2) as pool:
        found = list(rescored(held(*records), model, bundle.manifest.preparation, store, pool, batch=2))
    assert [each.score for each in found] == [20.0, None, 40.0, 50.0, None, 60.0]
    assert [each.problem.partition(":")[0] for each in found if each.problem] == ["not_an_image", "checksum_mismatch"]
    assert [each.frame_id for each in found] == [frame_id("weld-07", 7, seq) for seq in (2, 1, 4, 5, 3, 6)]


def test_a_large_image_is_fetched_by_its_claim_check(tmp_path: Path) -> None:
    bundle, store, image = proven_bundle(), BlobStore(str(tmp_path)), picture(77)
    dataref = store.put(sha256_hex(image), image)
    frame = Frame("weld-07", 7, 1, frame_id("weld-07", 7, 1), NOW, sha256=sha256_hex(image), dataref=dataref)
    record = Record(FRAMES, 0, 1, b"weld-07", b"", frame_headers(frame))
    unknown = "0" * 64
    nowhere = Frame("weld-07", 7, 2, uuid4(), NOW, dataref=f"{tmp_path}/{unknown[:2]}/{unknown}")
    gone = Record(FRAMES, 0, 2, b"weld-07", b"", frame_headers(nowhere))
    with ThreadPoolExecutor(1) as pool:
        answers = list(rescored(held(record, gone), open_bundle(bundle), bundle.manifest.preparation, store, pool))
    assert answers[0].score == 77.0
    assert (answers[1].problem or "").startswith("missing_data")


def word(seq: int, value: float | None = 0.5) -> Rescored:
    problem = None if value is not None else "truncated: jpeg without its end"
    return Rescored(frame_id("weld-07", 7, seq), (FRAMES, 0, seq), 1.5, value, problem)


def test_a_work_file_gives_back_what_was_whole_and_goes_on(tmp_path: Path) -> None:
    path, owner = tmp_path / "deep" / "work.jsonl", whose(NEW, "onnxruntime 1", "0.1.0")
    with WorkFile(path, owner) as kept:
        kept.add(word(1))
        kept.add(word(2, None))
    path.write_bytes(path.read_bytes()[:-5])  # cut short, as by a full disk
    with WorkFile(path, owner) as kept:
        assert list(kept.known.values()) == [word(1)]
        kept.add(word(3))
    with WorkFile(path, owner) as kept:
        assert list(kept.known.values()) == [word(1), word(3)]


def test_scores_of_another_runtime_or_bundle_are_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "work.jsonl"
    with WorkFile(path, whose(NEW, "onnxruntime 1", "0.1.0")) as kept:
        kept.add(word(1))
    with WorkFile(path, whose(NEW, "OpenVINO 2026.3 CPU", "0.1.0")) as kept:
        assert kept.known == {}
    assert len(path.read_text().splitlines()) == 1


def test_a_work_file_that_cannot_be_written_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Mistake, match="--work"), WorkFile(tmp_path / "file" / "work.jsonl", {}):
        pass


def test_a_candidates_verdicts_follow_the_threshold_that_is_tried() -> None:
    side = candidate_side([word(1, 0.5), word(2, 0.9), word(3, None)], 0.6)
    by_id = dict(zip(side.ids.tolist(), side.called.tolist(), strict=True))
    assert [by_id[frame_id("weld-07", 7, seq).bytes] for seq in (1, 2, 3)] == [False, True, False]
    assert side.scored.sum() == 2


def test_a_bundle_is_found_by_file_or_by_the_beginning_of_its_digest(tmp_path: Path) -> None:
    store, bundle = BundleStore(str(tmp_path)), proven_bundle()
    store.put(bundle)
    names = (str(tmp_path / f"{bundle.digest}.andon"), bundle.digest, bundle.digest[:7])
    assert {find_bundle(name, store).digest for name in names} == {bundle.digest}


def test_another_threshold_or_budget_can_be_tried_but_not_both() -> None:
    bundle = proven_bundle()
    assert candidate(bundle, None, None).threshold == 128.0
    assert candidate(bundle, 90.0, None).map_threshold == 90.0
    tried = candidate(bundle, None, "10 per 100")
    assert (tried.budget, tried.threshold < 128.0) == (0.1, True)
    with pytest.raises(Mistake, match="try one of them"):
        candidate(bundle, 90.0, "1 per 100")


def test_a_chart_counts_every_frame_of_both() -> None:
    chart = distributions(np.array([0.2, 0.4, 1.4, np.nan]), np.array([0.3, 7.0]), ("line", "candidate"))
    counted = {
        side: sum(int(bar.told.split()[1]) for bar in chart.bars if bar.side == side) for side in ("good", "defective")
    }
    assert counted == {"good": 3, "defective": 2}
    assert chart.rule is not None


def test_a_page_is_self_contained_and_escapes_what_it_is_given() -> None:
    html = rendered(
        Page("<b>&", ("12\N{NO-BREAK SPACE}%",), said=("\x1b[31m",)), made_at=NOW, andon_version="0"
    ).decode()
    assert "<b>&" not in html
    assert "&lt;b&gt;&amp;" in html
    assert "12\N{NO-BREAK SPACE}%" in html
    assert "\x1b" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_a_candidate_that_fails_its_own_gate_here_is_not_tried(tmp_path: Path) -> None:
    path = tmp_path / "candidate.andon"
    write_bundle(proven_bundle(model=tiny_model((8, 8, 1), LOG_OF_BRIGHTEST)), path)
    with pytest.raises(Mistake, match="does not give here what it gave when it was made"):
        command("weld-07", bundle=str(path))

"""Reviewed frames: what people answered is kept with what they said, and goes when they take it back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from evidence_room import HEAT, NOW, OPENED, STATION, Line, Room, janitor, picture, story, turn
from prometheus_client import CollectorRegistry

from andon.ids import foreign_frame_id, frame_id, sha256_hex
from andon.metrics import Metrics
from andon.records import Answer, Evidence, Frame, Told, frame_headers, write_event
from andon.reviewed import ANSWER, PLACE, ReviewedFrame, read_reviewed
from andon.stage import Record
from andon.topics import DEAD_LETTERS, FRAMES, VERDICTS
from andon_alerting.evidence.labelled import Labelled
from andon_alerting.evidence.review import Step, last_words, step
from andon_alerting.evidence.reviewed_count import ReviewedCount


def said(shown: Evidence, told: Told = Told.FALSE_CALL, s: int = 0, **other: object) -> Answer:
    fields = {
        "frame_id": shown.frame_id,
        "station": STATION,
        "answer": told,
        "at": NOW + timedelta(seconds=s),
        "frame": shown.frame,
        "scored": shown.scored,
        "dataref": shown.dataref,
    }
    return Answer.model_validate(fields | other)


def kept(room: Room) -> list[ReviewedFrame]:
    return list(read_reviewed(room.store))


def keep(room: Room, *answers: Answer) -> list[str]:
    return sorted(each.value for each in room.reviewing.keep(answers))


def test_an_answered_frame_is_kept_with_heat_map_score_and_what_was_said(room: Room):
    answer = said(room.log.capture(3), defect="scratch")
    assert keep(room, answer) == ["kept"]
    (frame,) = kept(room)
    assert (frame.answer, frame.image(), frame.heat()) == (answer, picture(3), HEAT)
    assert frame.score() is not None


def test_an_answer_that_comes_again_asks_kafka_for_nothing(room: Room):
    answer = said(room.log.capture(3))
    keep(room, answer)
    room.log.asked.clear()
    assert keep(room, answer) == ["known"]
    assert room.log.asked == []


def test_the_last_word_counts_by_its_time_whatever_the_order(room: Room):
    shown = room.log.capture(3)
    first, last = said(shown, Told.REAL), said(shown, Told.UNSURE, s=9)
    assert keep(room, last) == ["kept"]
    assert keep(room, first) == ["known"]
    assert kept(room)[0].answer == last
    later = said(shown, Told.REAL, s=10)
    assert keep(room, later) == ["answered_again"]
    assert kept(room)[0].answer == later


def test_a_later_answer_needs_no_image_though_kafka_has_forgotten_it(room: Room):
    shown = room.log.capture(3)
    keep(room, said(shown))
    room.log.records.clear()
    assert keep(room, said(shown, Told.REAL, s=9)) == ["answered_again"]
    assert kept(room)[0].image() == picture(3)


def test_a_withdrawn_answer_takes_the_frame_out_and_an_older_one_does_not_bring_it_back(room: Room):
    shown = room.log.capture(3)
    first = said(shown)
    keep(room, first)
    back = said(shown, Told.WITHDRAWN, s=9)
    assert keep(room, back) == ["withdrawn"]
    assert kept(room) == []
    assert keep(room, first, back) == ["known"]
    assert keep(room, first) == ["known"]
    assert kept(room) == []
    assert keep(room, said(shown, s=10)) == ["kept"]
    assert len(kept(room)) == 1


def test_answered_and_withdrawn_in_one_turn_nothing_is_fetched(room: Room):
    shown = room.log.capture(3)
    assert keep(room, said(shown), said(shown, Told.WITHDRAWN, s=1)) == ["withdrawn"]
    assert room.log.asked == []
    assert kept(room) == []


def test_of_two_words_of_one_time_the_later_read_counts():
    answers = [
        Answer(frame_id=UUID(int=1), station=STATION, answer=each, at=NOW) for each in (Told.REAL, Told.FALSE_CALL)
    ]
    assert last_words(answers) == [answers[1]]


def test_what_is_known_decides_what_is_done():
    answer = Answer(frame_id=UUID(int=1), station=STATION, answer=Told.REAL, at=NOW)
    assert step(None, answer) is Step.FETCH
    assert step(None, answer.model_copy(update={"answer": Told.WITHDRAWN})) is Step.REMOVE


def test_a_large_frame_comes_from_its_store_with_its_record_or_without(room: Room):
    image = picture(1)
    shown = room.log.capture(1, image, dataref=room.blobs.put(sha256_hex(image), image))
    assert keep(room, said(shown)) == ["kept"]
    other = room.log.capture(2, image, dataref=shown.dataref)
    room.log.records.pop(other.frame)
    assert keep(room, said(other)) == ["kept"]
    assert [each.image() for each in kept(room)] == [image, image]


def test_what_kafka_has_forgotten_is_taken_from_the_incident_that_shows_it(room: Room):
    shown = room.log.capture(5)
    room.keep(turn(OPENED, shown))
    room.log.records.clear()
    assert keep(room, said(shown)) == ["kept"]
    (frame,) = kept(room)
    assert (frame.image(), frame.heat()) == (picture(5), HEAT)
    assert frame.score() is not None


def test_an_answer_that_does_not_say_where_its_frame_lies_finds_it_in_an_incident_or_loses_it(room: Room):
    shown = room.log.capture(5)
    room.keep(turn(OPENED, shown))
    placeless = {"frame": None, "scored": None}
    assert keep(room, said(room.log.capture(6), **placeless), said(shown, **placeless)) == ["kept", "no_place"]
    assert [each.answer.frame_id for each in kept(room)] == [shown.frame_id]


def test_kept_evidence_that_was_changed_is_not_taken_for_the_frame(local: Room):
    shown = local.log.capture(5)
    incident = turn(OPENED, shown)
    local.keep(incident)
    (Path(local.shelf.url) / str(incident.incident_id) / f"{shown.frame_id}.jpg").write_bytes(picture(6))
    local.log.records.clear()
    assert keep(local, said(shown)) == ["expired"]


def test_what_cannot_be_kept_has_its_reason(room: Room):
    log = room.log
    gone, spoilt, other = log.capture(1), log.capture(2, sha256="0" * 64), log.capture(3)
    log.records.pop(gone.frame)
    strange = said(other).model_copy(update={"frame_id": uuid4()})
    nowhere = said(log.capture(4)).model_copy(update={"frame": gone.frame, "dataref": "s3://elsewhere/x"})
    outcomes = keep(room, said(gone), said(spoilt), strange, nowhere)
    assert outcomes == ["checksum_mismatch", "expired", "missing_data", "other_frame"]
    assert kept(room) == []


def test_nobody_answers_for_a_frame_of_another_station(room: Room):
    answer = said(room.log.capture(1)).model_copy(update={"station": "press-1"})
    assert keep(room, answer) == ["other_frame"]
    assert kept(room) == []


def test_a_foreign_frame_is_kept_like_any_other(room: Room):
    own = foreign_frame_id(FRAMES, 0, 40)
    place = room.log.put(FRAMES, 40, picture(4))
    answer = Answer(frame_id=own, station=STATION, answer=Told.MISSED, at=NOW, frame=place)
    assert keep(room, answer) == ["kept"]


def test_drills_and_golden_frames_are_rehearsals_and_not_kept(room: Room):
    drill = said(room.log.capture(1)).model_copy(update={"station": f"drill.{STATION}"})
    golden = Frame(STATION, 1, 2, frame_id(STATION, 1, 2), NOW, golden=f"{'a' * 64}/good-1")
    place = room.log.put(FRAMES, 2, picture(2), frame_headers(golden))
    answer = Answer(frame_id=golden.frame_id, station=STATION, answer=Told.GOOD, at=NOW, frame=place)
    assert keep(room, drill, answer) == ["rehearsal", "rehearsal"]
    assert kept(room) == []


def test_stopped_before_the_answer_was_written_the_frame_is_known_again_though_kafka_has_forgotten(local: Room):
    answer = said(local.log.capture(1))
    keep(local, answer)
    (Path(local.store.url) / PLACE / STATION / f"{answer.frame_id}{ANSWER}").unlink()
    local.log.records.clear()
    assert keep(local, answer) == ["kept"]
    assert kept(local)[0].image() == picture(1)


def test_a_damaged_answer_is_written_anew_by_the_next(local: Room):
    shown = local.log.capture(1)
    keep(local, said(shown))
    (Path(local.store.url) / PLACE / STATION / f"{shown.frame_id}{ANSWER}").write_text("{")
    assert kept(local) == []
    assert keep(local, said(shown, s=9)) == ["kept"]
    assert len(kept(local)) == 1


def test_answers_and_incidents_come_in_one_turn_and_are_counted_apart(local: Room):
    line, shown, gone = Line(local), local.log.capture(1), local.log.capture(2)
    local.log.records.pop(gone.frame)
    records = [
        line.tell(write_event(said(shown)), topic=VERDICTS),
        line.tell(write_event(turn(OPENED, shown))),
        line.tell(write_event(said(gone)), topic=VERDICTS),
    ]
    line.step()
    assert all(map(line.committed, records))
    for name, word, count in (
        ("evidence_answers", "kept", 1),
        ("evidence_answers", "expired", 1),
        ("evidence_frames", "kept", 1),
    ):
        assert line.metrics.registry.get_sample_value(f"andon_{name}_total", {"outcome": word}) == count
    assert len(kept(local)) == 1
    assert len(local.dossier().frames) == 1


def test_answers_wait_for_a_store_that_is_away_and_nothing_is_committed(local: Room):
    line, shown, path = Line(local), local.log.capture(1), Path(local.shelf.url)
    path.write_text("in the way")
    record = line.tell(write_event(said(shown)), topic=VERDICTS)
    for _ in range(3):
        line.step(1)
    assert not line.committed(record)
    assert line.board.unkept == [shown.frame]
    path.unlink()
    for _ in range(3):
        line.step(2)
    assert line.committed(record)
    assert line.board.unkept == []
    assert len(kept(local)) == 1


def plain(station: str, at: datetime = NOW) -> bytes:
    return write_event(Answer(frame_id=UUID(int=1), station=station, answer=Told.REAL, at=at))


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        (b"{", STATION, b"bad_record"),
        (plain("../.."), "../..", b"bad_station"),
        (plain("press-1"), STATION, b"bad_station"),
        (plain(STATION, NOW.replace(tzinfo=None)), STATION, b"bad_record"),
    ],
)
def test_what_is_no_answer_is_a_dead_letter_and_stops_nobody(local: Room, value: bytes, key: str, reason: bytes):
    line = Line(local)
    bad, good = line.tell(value, key, VERDICTS), line.tell(write_event(said(local.log.capture(1))), topic=VERDICTS)
    line.step()
    assert line.committed(bad)
    assert line.committed(good)
    assert [each.header("andon-reason") for each in line.kafka.records(DEAD_LETTERS)] == [reason]
    assert len(kept(local)) == 1


def test_the_janitor_counts_reviewed_frames_and_never_takes_one_away(room: Room):
    keep(room, *(said(room.log.capture(each)) for each in range(3)))
    story(room, 11)
    later = NOW + timedelta(days=4000)
    cleaner = janitor(room, set(), lambda: later, max_bytes=1)
    cleaner.finish()
    assert room.shelf.incidents() == []
    assert len(kept(room)) == 3
    metrics = Metrics(CollectorRegistry())
    count = ReviewedCount(room.store, metrics)
    list(count.steps())
    size = sum(each.size for each in room.store.listed(f"{PLACE}/{STATION}"))
    assert (count.frames, count.size) == (3, size)
    assert metrics.registry.get_sample_value("andon_reviewed_frames", {"station": STATION}) == 3
    assert metrics.registry.get_sample_value("andon_reviewed_bytes") == size


def test_a_station_without_reviewed_frames_any_more_is_no_longer_counted(local: Room):
    shown, metrics = local.log.capture(1), Metrics(CollectorRegistry())
    count = ReviewedCount(local.store, metrics)
    keep(local, said(shown))
    list(count.steps())
    keep(local, said(shown, Told.WITHDRAWN, s=1))
    list(count.steps())
    assert count.frames == 0
    assert metrics.registry.get_sample_value("andon_reviewed_frames", {"station": STATION}) == 0


def test_a_withdrawn_answer_no_longer_keeps_its_incident(monkeypatch: pytest.MonkeyPatch):
    answers = [
        Answer(frame_id=UUID(int=frame), station=STATION, answer=told, at=NOW + timedelta(seconds=s))
        for frame, told, s in ((1, Told.REAL, 0), (2, Told.REAL, 0), (1, Told.WITHDRAWN, 5), (1, Told.REAL, 3))
    ]
    labelled = Labelled(None)  # type: ignore[arg-type]  # nothing is asked of Kafka
    records = [Record(VERDICTS, 0, at, STATION.encode(), write_event(each), (), 0) for at, each in enumerate(answers)]
    labelled._take(records)
    monkeypatch.setattr(labelled, "_reader", type("Quiet", (), {"changes": staticmethod(list)}))
    assert labelled() == {UUID(int=2)}


def test_every_loss_that_kept_evidence_may_mend_is_looked_for_once(room: Room):
    """The store is listed when something is missing, and not again for a while."""
    shown = [room.log.capture(each) for each in range(4)]
    room.keep(turn(OPENED, *shown))
    room.log.records.clear()
    listed: list[str] = []
    real: Callable[[str], list[object]] = room.shelf.listed  # type: ignore[assignment]

    def counting(incident: str) -> list[object]:
        listed.append(incident)
        return real(incident)

    room.shelf.listed = counting  # type: ignore[method-assign,assignment]
    for each in shown:
        assert keep(room, said(each)) == ["kept"]
    assert len(listed) == 1

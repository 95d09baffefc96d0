"""Keeping evidence: byte for byte, once, whole, whatever goes wrong in between."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from evidence_room import HEAT, NOW, OPENED, RESOLVED, UPDATED, Line, Room, janitor, picture, story, turn

from andon.errors import Broken
from andon.evidence import Dossier, KeptFrame, Lost, LostFrame
from andon.ids import sha256_hex
from andon.records import (
    Cause,
    Finding,
    read_event,
    write_event,
)
from andon.topics import DEAD_LETTERS, DRIFT
from andon_alerting.evidence.retention import Headroom
from andon_alerting.evidence.risk import AtRisk
from andon_alerting.evidence.shelf import StoreAway
from andon_alerting.evidence.story import MOST_FRAMES


def why(outcomes: list[KeptFrame | LostFrame]) -> list[str]:
    return ["kept" if isinstance(each, KeptFrame) else each.why.value for each in outcomes]


def test_a_frame_is_kept_with_its_heat_map_and_score(room: Room):
    shown = room.log.capture(3)
    (kept,) = room.keep(turn(OPENED, shown))
    assert isinstance(kept, KeptFrame)
    own = str(shown.frame_id)
    assert room.files().keys() == {f"{own}.jpg", f"{own}.heat.png", f"{own}.score.json", "incident.json"}
    assert (kept.size, kept.sha256, kept.heat) == (len(picture(3)), sha256_hex(picture(3)), len(HEAT))
    assert kept.total + len(write_event(room.dossier())) == sum(room.files().values())
    assert room.dossier().frames == (kept,)


def test_a_repeat_asks_kafka_for_nothing_and_changes_nothing(local: Room):
    events = [turn(OPENED, *map(local.log.capture, range(3))), turn(RESOLVED, local.log.capture(4), s=9)]
    local.keep(*events)
    folder = Path(local.shelf.url) / str(UUID(int=5))
    before, local.log.asked = {each: each.stat().st_mtime_ns for each in folder.iterdir()}, []
    assert local.keep(*events) == []
    assert local.log.asked == []
    assert {each: each.stat().st_mtime_ns for each in folder.iterdir()} == before


def test_the_same_frame_in_two_incidents_is_fetched_once_and_kept_in_both(room: Room):
    shown = room.log.capture(1)
    assert why(room.keep(turn(OPENED, shown), turn(OPENED, shown, incident=UUID(int=6)))) == ["kept", "kept"]
    assert room.log.asked.count(shown.frame) == 1
    assert room.files(UUID(int=5)).keys() == room.files(UUID(int=6)).keys()


def test_a_large_frame_comes_from_its_store_even_when_kafka_has_forgotten_it(room: Room):
    image = picture(1)
    shown = room.log.capture(1, image, dataref=room.blobs.put(sha256_hex(image), image))
    room.log.records.pop(shown.frame)
    assert why(room.keep(turn(OPENED, shown))) == ["kept"]


def test_what_cannot_be_kept_is_recorded_with_its_reason(room: Room):
    log = room.log
    gone, other, spoilt = log.capture(1), log.capture(2), log.capture(3, sha256="0" * 64)
    log.records.pop(gone.frame)
    other = other.model_copy(update={"frame_id": uuid4()})
    nowhere = log.capture(4, dataref="s3://elsewhere/x")
    unknown = log.capture(5, dataref=f"{room.blobs.url}/00/{'0' * 64}")
    outcomes = room.keep(turn(OPENED, gone, other, spoilt, nowhere, unknown, log.capture(6)))
    assert why(outcomes) == ["expired", "other_frame", "checksum_mismatch", "missing_data", "missing_data", "kept"]
    (expired, *_) = room.dossier().lost
    assert (expired.frame, expired.why, expired.held_since) == (gone.frame, Lost.EXPIRED, log.held_since)
    assert room.keep(turn(UPDATED, gone, s=9)) == []  # it does not come back


def test_a_frame_without_its_score_is_kept_all_the_same(room: Room):
    shown = room.log.capture(1)
    assert shown.scored
    room.log.records.pop(shown.scored)
    (kept,) = room.keep(turn(OPENED, shown))
    assert isinstance(kept, KeptFrame)
    assert (kept.heat, kept.score) == (0, 0)
    assert len(room.files()) == 2


def test_the_score_of_another_frame_is_not_kept_as_its_own(room: Room):
    shown, other = room.log.capture(1), room.log.capture(2)
    (kept,) = room.keep(turn(OPENED, shown.model_copy(update={"scored": other.scored})))
    assert isinstance(kept, KeptFrame)
    assert kept.score == 0


def test_an_incident_that_goes_on_for_ever_does_not_fill_the_store(room: Room):
    turns = [turn(UPDATED, *(room.log.capture(n * 12 + each) for each in range(12)), s=n) for n in range(6)]
    outcomes = [each for one in turns for each in room.keep(one)]
    assert why(outcomes) == ["kept"] * MOST_FRAMES + ["enough"] * 12


@pytest.mark.parametrize(("days", "drill", "kept"), [(1, False, 1), (91, False, 0), (0.5, True, 1), (2, True, 0)])
def test_what_is_too_old_to_be_kept_is_passed_over(room: Room, days: float, drill: bool, kept: int):
    event = turn(OPENED, room.log.capture(1), s=int(-days * 86_400), drill=drill)
    assert len(room.keep(event)) == kept


def test_stopped_before_it_could_say_so_it_knows_the_frame_again_though_kafka_has_forgotten(
    room: Room, monkeypatch: pytest.MonkeyPatch
):
    shown = room.log.capture(1)

    def stopped(_dossier: Dossier) -> None:
        raise StoreAway("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(room.shelf, "save", stopped)
        with pytest.raises(StoreAway):
            room.keep(turn(OPENED, shown))
    assert room.shelf.dossier(str(UUID(int=5))) is None
    room.log.records.clear()
    (kept,) = room.keep(turn(OPENED, shown))
    assert isinstance(kept, KeptFrame)
    assert (kept.size, kept.sha256, kept.heat) == (len(picture(1)), sha256_hex(picture(1)), len(HEAT))


def test_an_unreadable_dossier_is_written_anew(local: Room):
    event = turn(OPENED, local.log.capture(1))
    local.keep(event)
    (Path(local.shelf.url) / str(UUID(int=5)) / "incident.json").write_text("{")
    assert why(local.keep(event)) == ["kept"]
    assert len(local.dossier().frames) == 1


def test_a_store_that_is_away_is_waited_for_and_nothing_is_committed(local: Room):
    line, shown, path = Line(local), local.log.capture(1), Path(local.shelf.url)
    path.write_text("in the way")
    record = line.tell(write_event(turn(OPENED, shown)))
    for _ in range(3):
        line.step(1)
    assert not line.committed(record)
    assert line.board.unkept == [shown.frame]
    path.unlink()
    for _ in range(3):
        line.step(2)
    assert line.committed(record)
    assert line.board.unkept == []
    assert len(local.dossier().frames) == 1


def test_a_store_that_stays_away_stops_the_service(local: Room):
    line = Line(local, limit_s=60)
    Path(local.shelf.url).write_text("in the way")
    record = line.tell(write_event(turn(OPENED, local.log.capture(1))))
    for _ in range(20):
        line.step(3)
    with pytest.raises(Broken, match="no store for 60 s"):
        line.step(9)
    assert not line.committed(record)


@pytest.mark.parametrize("value", [b"{", b"{}", write_event(turn(OPENED)).replace(b"00Z", b"00")])
def test_what_is_no_event_is_a_dead_letter_and_stops_nobody(local: Room, value: bytes):
    line = Line(local)
    bad, good = line.tell(value), line.tell(write_event(turn(OPENED, local.log.capture(1))))
    line.step()
    assert line.committed(bad)
    assert line.committed(good)
    assert [each.header("andon-reason") for each in line.kafka.records(DEAD_LETTERS)] == [b"bad_record"]
    assert len(local.dossier().frames) == 1


def test_frames_are_counted_by_what_became_of_them(local: Room):
    line, gone = Line(local), local.log.capture(1)
    local.log.records.pop(gone.frame)
    line.tell(write_event(turn(OPENED, gone, local.log.capture(2), local.log.capture(3))))
    line.step()
    for word, count in (("kept", 2), ("expired", 1)):
        assert line.metrics.registry.get_sample_value("andon_evidence_frames_total", {"outcome": word}) == count


def test_who_is_at_risk_is_said_on_drift_by_a_turn_that_has_nothing_else_to_do(local: Room):
    line = Line(local)
    line.board.risk, line.board.looked = AtRisk(900), [Headroom("andon.scoring", "frames.prepared", 60, 3600, 5)]
    for _ in range(2):
        line.step()
    (record,) = line.kafka.records(DRIFT)
    assert record.key == b"*"
    assert read_event(Finding, record.value).cause is Cause.EVIDENCE_AT_RISK


def test_the_janitor_keeps_within_bounds_what_lies_there_whoever_put_it_there(room: Room):
    made = [story(room, each, over=each != 12) for each in (11, 12, 13, 14)]
    size = room.dossier(made[0]).size
    cleaner = janitor(room, {room.log.capture(13).frame_id}, lambda: NOW, max_bytes=3 * size)
    cleaner.finish()
    assert set(room.shelf.incidents()) == {str(each) for each in made[1:]}
    assert (cleaner.removed, cleaner.incidents, cleaner.size) == (1, 3, 3 * size)
    assert room.files(made[0]) == {}


def test_the_janitor_sees_that_an_open_incident_is_over(room: Room):
    incident = story(room, 11, over=False)
    later = [NOW]
    cleaner = janitor(room, set(), lambda: later[0])
    later[0] += timedelta(days=100)
    cleaner.finish()
    assert cleaner.removed == 0
    room.keep(turn(RESOLVED, incident=incident, s=60))
    cleaner.finish()
    assert cleaner.removed == 1


def test_the_janitor_does_a_little_each_turn_and_rests_between_rounds(room: Room):
    for each in (11, 12, 13):
        story(room, each)
    now = [NOW + timedelta(days=100)]
    cleaner = janitor(room, set(), lambda: now[0])
    left = []
    for _ in range(8):
        cleaner.step()
        left.append(len(room.shelf.incidents()))
    assert left[0] == 3
    assert left[-1] == 0
    assert all(before - after <= 1 for before, after in pairwise(left))
    story(room, 14)
    cleaner.step()
    now[0] += timedelta(seconds=301)
    for _ in range(4):
        cleaner.step()
    assert room.shelf.incidents() == []


def test_files_that_nobody_names_go_when_they_are_old_and_foreign_folders_stay(local: Room):
    folder = Path(local.shelf.url)
    for name in (str(UUID(int=9)), "notes"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.jpg").write_bytes(b"x")
    written = datetime.now(UTC)
    janitor(local, set(), lambda: written).finish()
    assert len(list(folder.iterdir())) == 2
    janitor(local, set(), lambda: written + timedelta(days=91)).finish()
    assert [each.name for each in folder.iterdir()] == ["notes"]


def test_a_removal_that_was_cut_short_is_ended_by_the_next_round(local: Room):
    incident = story(local, 11)
    for each in (Path(local.shelf.url) / str(incident)).glob("*.jpg"):
        each.unlink()
    later = NOW + timedelta(days=100)
    janitor(local, set(), lambda: later).finish()
    assert local.shelf.incidents() == []


def test_the_janitor_waits_for_the_next_round_when_the_store_is_away(local: Room, monkeypatch: pytest.MonkeyPatch):
    cleaner = janitor(local, set(), lambda: NOW)

    def away() -> list[str]:
        raise StoreAway("away")

    monkeypatch.setattr(local.shelf, "incidents", away)
    cleaner.step()
    assert cleaner.removed == 0

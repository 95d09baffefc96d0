"""Incidents out of their events, and what people say to them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from incident_turns import acknowledged as acknowledged_turn
from incident_turns import ago, opened, over, paged, records, short, turn

from andon.errors import Invalid, Mistake
from andon.incidents import (
    Chronicle,
    Incident,
    acknowledged,
    ended_by_a_person,
    named,
    read_turn,
    refuse_over,
    resolved,
    sifted,
    turn_words,
)
from andon.records import IncidentKind, write_event
from andon.stage import Record
from andon.topics import INCIDENTS

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
BEGAN = NOW - timedelta(minutes=12)


def test_a_person_ends_an_incident_with_an_event_like_its_others() -> None:
    event = opened(at=BEGAN)
    said = resolved(Incident([event, paged(event, "webhook")]), "Mira", "the lamp was loose", NOW)
    assert (said.kind, said.reason, said.by, said.note, said.at) == (
        IncidentKind.RESOLVED,
        "by_a_person",
        "Mira",
        "the lamp was loose",
        NOW,
    )
    assert said.summary == "weld-07 (body): Mira ended it after 12 min: the lamp was loose"
    assert (said.incident_id, said.station, said.opened_at) == (event.incident_id, event.station, event.opened_at)
    assert (said.first_action, said.sink, said.about, said.evidence) == ("", None, None, event.evidence)
    assert turn_words(said) == f"resolved: {said.summary}"


def test_without_a_note_the_sentence_ends_there() -> None:
    said = resolved(Incident([opened(at=BEGAN)]), "Mira", "", NOW)
    assert (said.summary, said.note) == ("weld-07 (body): Mira ended it after 12 min.", None)


def test_the_same_person_saying_it_again_makes_the_same_event_and_another_person_another() -> None:
    story = Incident([opened(at=BEGAN)])
    for make in (resolved, acknowledged):
        first, again = (make(story, "Mira", "", at).event_id for at in (NOW, NOW + timedelta(seconds=1)))
        assert first == again != make(story, "Bo", "", NOW).event_id


def test_names_and_notes_of_any_length_make_an_event_that_can_be_read() -> None:
    story = Incident([opened(at=BEGAN)])
    for make in (resolved, acknowledged):
        assert read_turn(write_event(make(story, "M" * 500, "n" * 5000, NOW))).by == "M" * 128


def test_an_event_tells_the_incident_as_it_stands() -> None:
    event = opened(at=BEGAN)
    worse = turn(event, IncidentKind.UPDATED, NOW, count=9)
    assert resolved(Incident([event, worse, paged(worse, "x")]), "Mira", "", NOW).count == 9


def test_what_a_person_ended_is_told_from_what_ended_by_itself() -> None:
    event = opened(at=BEGAN)
    assert ended_by_a_person(resolved(Incident([event]), "Mira", "", NOW))
    assert not ended_by_a_person(over(event, NOW))
    assert not ended_by_a_person(acknowledged_turn(event, "Mira", NOW))


def test_the_first_end_counts() -> None:
    event = opened(at=BEGAN)
    end = resolved(Incident([event]), "Mira", "", NOW)
    assert Chronicle().read(records(event, end, over(event, NOW))).incidents[event.incident_id].resolved == end


def test_what_is_over_is_refused_with_since_when_and_by_whom() -> None:
    event = opened(at=BEGAN)
    refuse_over(Incident([event]), "end")
    with pytest.raises(Mistake, match=r"has been over since 2026-03-02 14:00:00 UTC; there is nothing to take on"):
        refuse_over(Incident([event, over(event, NOW)]), "take on")
    with pytest.raises(Mistake, match=r"14:00:00 UTC \(Mira ended it\); there is nothing to end"):
        refuse_over(Incident([event, resolved(Incident([event]), "Mira", "", NOW)]), "end")


def test_a_turn_without_a_time_zone_is_none() -> None:
    given = write_event(opened(at=BEGAN)).replace(b"13:48:00Z", b"13:48:00")
    with pytest.raises(Invalid, match="need a time zone"):
        read_turn(given)
    assert Chronicle().read([Record(INCIDENTS, 0, 0, b"weld-07", given)]).incidents == {}


def test_an_incident_whose_beginning_kafka_no_longer_holds_is_told_from_its_other_turns():
    event = opened(at=ago(days=40))
    chronicle = Chronicle().read(records(over(event, ago(days=1))))
    (found,) = chronicle.incidents.values()
    assert (found.since, found.resolved is not None) == (event.at, True)
    assert found.sentence == "weld-07 looks good again."


def test_what_is_over_and_asked_for_by_nobody_is_never_read_as_json():
    past, open_, late = opened("weld-01", NOW), opened("weld-02", NOW), opened("weld-03", NOW)
    told = [past, paged(past, "webhook"), open_, late, over(past, NOW), paged(over(past, NOW), "webhook")]
    given = [replace(each, timestamp_ms=1000 * n) for n, each in enumerate(records(*told, over(late, NOW)))]
    since = datetime.fromtimestamp(5, UTC)
    assert {each.key for each in sifted(given, since)} == {b"weld-02", b"weld-03"}
    assert {each.key for each in sifted(given, NOW)} == {b"weld-02"}
    assert [each.offset for each in sifted(given, NOW, named(short(past)[:6])) if each.key == b"weld-01"] == [
        0,
        1,
        4,
        5,
    ]
    assert {each.key for each in sifted(given, NOW, named(str(past.incident_id)))} == {b"weld-01", b"weld-02"}
    assert {each.key for each in sifted(given, NOW, named("weld-03"))} == {b"weld-02", b"weld-03"}


def test_what_looks_otherwise_is_passed_on_to_be_read_as_a_whole():
    given = Record(INCIDENTS, 0, 0, b"weld-07", b'{ "kind": "opened" }')
    assert list(sifted([given], NOW)) == [given]

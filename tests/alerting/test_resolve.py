"""`andon resolve`: a person ends an incident; and what becomes of its page."""

import json

import pytest
from incident_turns import acknowledged, ago, opened, over, records, short
from people_desk import MemoryDesk

from andon.errors import Mistake
from andon.incidents import Incident, resolved
from andon.records import Cause, IncidentEvent, read_event
from andon.topics import INCIDENTS
from andon_alerting.acknowledging import still_said, turns
from andon_alerting.commands import desk as desks
from andon_alerting.commands.resolve import AGAIN, AGAIN_OF
from andon_alerting.notifiers.alertmanager import alert
from andon_alerting.page import page
from andon_alerting.policy import OF_FRAMES


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk()
    monkeypatch.setattr(desks, "open_desk", desk.open)
    return desk


def last(desk: MemoryDesk) -> IncidentEvent:
    return read_event(IncidentEvent, desk.kafka.records(INCIDENTS)[-1].value)


def test_an_incident_is_ended_by_its_first_digits(desk: MemoryDesk) -> None:
    event = opened()
    desk.say(event)
    told = desk.run("resolve", short(event)[:6], "--by", "Mira", "--note", " the lamp was loose ", "--json")
    assert told.exit_code == 0
    written = last(desk)
    assert (written.kind, written.incident_id, written.reason) == ("resolved", event.incident_id, "by_a_person")
    assert (written.by, written.note) == ("Mira", "the lamp was loose")
    assert desk.kafka.records(INCIDENTS)[-1].key == b"weld-07"
    assert f"open for 12 min: over now; pages say so, and {AGAIN}" in told.stderr
    said = json.loads(told.stdout)
    assert (said["incident"], said["by"], said["note"]) == (str(event.incident_id), "Mira", "the lamp was loose")


def test_the_incident_of_a_line_is_ended_for_all_its_stations_under_its_own_key(desk: MemoryDesk) -> None:
    event = opened("*", stations=("weld-07", "weld-08"), cause=Cause.STATION_DARK)
    desk.say(event)
    told = desk.run("resolve", "weld-08", "--by", "Mira")
    assert (last(desk).stations, desk.kafka.records(INCIDENTS)[-1].key) == (("weld-07", "weld-08"), b"*")
    assert "found again, once it was gone, it opens another" in told.stderr


@pytest.mark.parametrize("cause", list(Cause))
def test_what_will_open_another_is_said_of_every_cause(cause: Cause) -> None:
    of_bad_frames = cause in OF_FRAMES and cause is not Cause.STATION_SILENT
    assert (cause in AGAIN_OF) is not of_bad_frames


def test_what_is_over_is_refused_with_since_when(desk: MemoryDesk) -> None:
    event = opened(at=ago(hours=2))
    desk.say(event, over(event, ago(hours=1)))
    told = desk.run("resolve", short(event))
    assert isinstance(told.exception, Mistake)
    assert "there is nothing to end" in str(told.exception)
    assert len(desk.kafka.records(INCIDENTS)) == 2


def test_what_a_person_ended_cannot_be_ended_or_taken_on_again(desk: MemoryDesk) -> None:
    event = opened()
    desk.say(event)
    desk.run("resolve", short(event), "--by", "Mira")
    for command in ("resolve", "acknowledge"):
        assert "(Mira ended it)" in str(desk.run(command, short(event), "--by", "Bo").exception)
    assert len(desk.kafka.records(INCIDENTS)) == 2


def test_the_list_and_the_story_say_who_ended_it(desk: MemoryDesk) -> None:
    event = opened()
    desk.say(event, acknowledged(event, "Bo", ago(minutes=2)))
    desk.run("resolve", short(event), "--by", "Mira", "--note", "the lamp was loose")
    assert "took it on; Mira ended it" in desk.run("incidents").stdout
    (row,) = json.loads(desk.run("incidents", "--json").stdout)
    assert (row["open"], row["resolved_by"], row["resolved_note"]) == (False, "Mira", "the lamp was loose")
    shown = desk.run("incidents", "show", short(event)).stdout
    assert "resolved: weld-07 (body): Mira ended it after 12 min: the lamp was loose" in shown


def test_pages_say_who_ended_it() -> None:
    event = opened()
    ended = resolved(Incident([event]), "Mira", "the lamp was loose", event.at)
    told = page(ended)
    assert (told.kind, told.resolved_by, told.id) == ("resolved", "Mira", f"{event.incident_id}/resolved")
    assert "Mira ended it" in told.description
    assert alert(told, event.at, 60)["annotations"]["resolved_by"] == "Mira"
    assert page(over(event, event.at)).resolved_by is None


def test_of_what_is_read_back_the_first_end_counts_where_a_person_said_it() -> None:
    a, b = opened("weld-07"), opened("weld-08")
    mira, bo = (resolved(Incident([each]), "Mira", "", each.at) for each in (a, b))
    told = [a, b, acknowledged(a, "Bo", a.at), mira, over(a, a.at), over(b, b.at), bo]
    assert list(still_said(turns(records(*told)))) == [mira]

"""The page that a page links to, and the list of incidents."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from troubles import NOW, PART, STATION, event, record, shown, surge
from worlds import PAGE, House, TestClient, house

from andon.ids import frame_id
from andon.incidents import Incident
from andon.records import Answer, Cause, Change, ChangeKind, IncidentKind, Measure, Severity, Told
from andon_console.incidents.runbooks import filled, runbook
from andon_console.incidents.strip import beside, chosen, strip
from andon_console.incidents.words import IN_SHORT, change_words
from andon_console.safe.people import Role

DOCS = Path(__file__).parents[2] / "docs" / "runbooks"
FIRST, SECOND, THIRD = (frame_id(STATION, 1, seq) for seq in (1, 2, 3))


@pytest.fixture
def trouble() -> tuple[House, Incident]:
    return surge()


@pytest.fixture
def home(trouble: tuple[House, Incident]) -> House:
    return trouble[0]


@pytest.fixture
def incident(trouble: tuple[House, Incident]) -> Incident:
    return trouble[1]


def looking(home: House, role: Role = Role.VIEWER) -> TestClient:
    return home.signed_in(role, headers=PAGE)


def part(text: str, name: str) -> str:
    after = r'(?=<section id=|<section class="panel runbook|</div>|$)'
    found = re.search(rf'<section id="{name}".*?</section>\s*{after}', text, re.DOTALL)
    assert found is not None, name
    return found[0]


def digests(text: str) -> dict[str, str]:
    return dict(re.findall(r'<section id="(\w+)" class="part" data-of="(\w+)"', text))


def test_the_page_says_what_happened_since_when_where_and_what_to_do_first(home: House, incident: Incident):
    text = looking(home).get(f"/incidents/{incident.id}").text
    assert "weld-07: 3 of the last 5 frames look defective." in text
    assert "Defect surge: many of the last parts look bad" in text
    assert "Look at the last parts of this station" in text
    assert "Nobody has it yet." in text
    assert 'href="/stations/weld-07"' in text
    before = f"{NOW - timedelta(seconds=30):%Y-%m-%dT%H%%3A%M%%3A%S}"
    assert f'href="/stations/weld-07/browse?order=later&amp;hours=1&amp;at={before}' in text


def test_a_page_of_an_incident_needs_no_more_than_its_first_digits(home: House, incident: Incident):
    browser = looking(home)
    for text in (incident.short, incident.id.hex[:6], incident.id.hex, str(incident.id).upper()):
        answer = browser.get(f"/incidents/{text}")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/incidents/{incident.id}")


def test_an_unknown_incident_says_how_far_back_the_console_looks_and_what_looks_further(home: House):
    answer = looking(home).get(f"/incidents/{uuid4()}")
    assert answer.status_code == 404
    assert "within the last 30 days" in answer.text
    assert "andon incidents show" in answer.text


@pytest.mark.parametrize("text", ["weld-07", "abc", "%3Cscript%3E", "0" * 40, "..%2f..%2fetc"])
def test_what_is_no_incident_is_none(home: House, text: str):
    answer = looking(home).get(f"/incidents/{text}")
    assert answer.status_code == 404
    assert "<script>" not in re.sub(r"<script (src|type)", "", answer.text)


def test_the_strip_shows_the_worst_first_and_marks_the_one_that_opened_it(home: House, incident: Incident):
    frames = strip(incident, home.world.answers.of)
    assert [(each.shot.frame_id, each.opened) for each in frames] == [(SECOND, False), (FIRST, False), (THIRD, True)]


def test_frames_of_a_cause_that_no_frame_opened_mark_none():
    home, incident = surge(
        event(IncidentKind.UPDATED, at_s=9, cause=Cause.STATION_DARK, evidence=(shown(1), shown(2, None)))
    )
    frames = strip(incident, home.world.answers.of)
    assert [each.opened for each in frames] == [False, False]
    assert frames[-1].shot.ratio is None


def test_the_worst_frame_without_an_answer_is_shown_unless_one_is_asked_for(home: House, incident: Incident):
    said = Answer(frame_id=SECOND, station=STATION, answer=Told.REAL, by="rosa", at=NOW)
    home.world.answers.hear(said)
    frames = strip(incident, home.world.answers.of)
    for wanted, frame in ((None, FIRST), (THIRD, THIRD), (SECOND, SECOND), (UUID(int=1), FIRST)):
        found = chosen(frames, wanted)
        assert found is not None
        assert found.shot.frame_id == frame
    assert beside(frames, frames[0]) == (None, frames[1])
    assert beside(frames, frames[-1]) == (frames[1], None)
    assert chosen([], None) is None


def test_one_frame_is_shown_with_what_was_said_of_the_one_before(home: House, incident: Incident):
    home.world.answers.hear(Answer(frame_id=SECOND, station=STATION, answer=Told.UNSURE, by="rosa", at=NOW))
    browser = home.signed_in(Role.REVIEWER, headers=PART)
    text = browser.get(f"/incidents/{incident.id}/frame", params={"frame": str(FIRST), "before": str(SECOND)}).text
    assert f'data-frame="{FIRST}"' in text
    assert "The frame before: You said: <b>Unsure</b>" in text
    assert "data-undo" in text


def test_the_measure_the_change_and_who_was_told_stand_on_the_page():
    changed = Change(kind=ChangeKind.SWAP, at=NOW - timedelta(minutes=12), before="c" * 64, after="d" * 64)
    measure = Measure(name="sharpness", value=2.1, limit=3.4)
    home, incident = surge(
        event(IncidentKind.UPDATED, at_s=9, changed=changed, measure=measure, cause=Cause.STATION_BLURRED),
        event(IncidentKind.PAGED, at_s=10, sink="alertmanager", reason="accepted", about="opened"),
    )
    text = looking(home).get(f"/incidents/{incident.id}").text
    assert "Bundle dddddddddddd took over from cccccccccccc, 12 min before." in text
    assert "sharpness 2.1 against 3.4" in text
    assert "alertmanager: told" in text
    assert "alertmanager was told that it began" in text


def test_a_change_after_it_began_is_said_to_be_one():
    change = Change(kind=ChangeKind.CHANGEOVER, at=NOW + timedelta(seconds=30), before="lid", after=None)
    assert change_words(change, NOW) == "Product nothing instead of lid, 30 s after it began."


def test_other_open_incidents_and_those_of_the_same_cause_before_are_linked(home: House, incident: Incident):
    other = event(name="other", cause=Cause.STATION_DARK, summary="weld-07 is dark.")
    old = event(name="old", summary="weld-07: it was so before.")
    over = event(IncidentKind.RESOLVED, name="old", at_s=4, summary="good again")
    elsewhere = event(name="elsewhere", station="weld-09", summary="weld-09 is not here.")
    home.world.incidents.take([record(each, 50 + number) for number, each in enumerate((other, old, over, elsewhere))])
    text = looking(home).get(f"/incidents/{incident.id}").text
    others = part(text, "others")
    assert f'href="/incidents/{other.incident_id}"' in others
    assert "it was so before" in others
    assert "weld-09" not in text


def test_an_incident_of_a_whole_line_names_its_stations(home: House):
    line = event(
        name="line",
        station="*",
        stations=("weld-07", "weld-08"),
        line="body",
        cause=Cause.STATION_DARK,
        summary="Dark.",
    )
    home.world.incidents.take([record(line, 60)])
    text = looking(home).get(f"/incidents/{line.incident_id}").text
    for station in line.stations:
        assert f'href="/stations/{station}"' in text
    assert "No frame shows it." in text


def test_an_incident_of_everything_has_a_page():
    home = house()
    broken = event(station="*", cause=Cause.INSPECTOR_BROKEN, summary="Golden frames got wrong verdicts.")
    home.world.incidents.take([record(broken)])
    text = looking(home).get(f"/incidents/{broken.incident_id}").text
    assert "every station" in text


def test_a_part_is_another_text_only_when_it_has_changed(home: House, incident: Incident):
    browser = home.signed_in(Role.REVIEWER, headers=PART)
    address = f"/incidents/{incident.id}/now"
    first = digests(browser.get(address).text)
    assert set(first) == {"state", "drift", "moves", "strip", "acts", "facts", "history", "others"}
    assert digests(browser.get(address).text) == first
    taken = event(IncidentKind.ACKNOWLEDGED, at_s=5, by="mira", summary="mira has taken it on.")
    home.world.incidents.take([record(taken, 70)])
    after = digests(browser.get(address).text)
    assert {name for name in first if first[name] != after[name]} == {"state", "acts", "history"}


def test_a_drill_is_marked(home: House):
    drill = event(name="drill", station="drill.weld-07", drill=True)
    home.world.incidents.take([record(drill, 61)])
    assert ">drill<" in looking(home).get(f"/incidents/{drill.incident_id}").text
    assert ">drill<" in looking(home).get("/incidents").text


def test_a_viewer_sees_all_of_it_and_no_button_that_would_be_refused(home: House, incident: Incident):
    text = looking(home).get(f"/incidents/{incident.id}").text
    assert "You are signed in as viewer" in text
    for word in ("acknowledge", "resolve", "silence"):
        assert f'action="/incidents/{incident.id}/{word}"' not in text
    assert 'action="/verdicts"' not in text


def test_what_people_and_cameras_wrote_is_escaped():
    evil = "<img src=x onerror=alert(1)>"
    home, incident = surge(
        event(IncidentKind.UPDATED, at_s=3, summary=evil, first_action=evil, product=evil, line=evil, station=evil),
        event(IncidentKind.ACKNOWLEDGED, at_s=4, by=evil, note=evil, summary=evil),
    )
    home.world.answers.hear(
        Answer(frame_id=SECOND, station=evil, answer=Told.REAL, by=evil, note=evil, defect=evil, at=NOW)
    )
    browser = home.signed_in(Role.REVIEWER, headers=PAGE)
    for address in (f"/incidents/{incident.id}", f"/incidents/{incident.id}?frame={SECOND}", "/incidents"):
        text = browser.get(address).text
        assert evil not in text
        assert "&lt;img src=x" in text


# Runbooks


@pytest.mark.parametrize("cause", list(Cause))
def test_each_cause_has_words_and_a_runbook_inside_the_console(cause: Cause):
    assert IN_SHORT[cause]
    html = runbook(cause)
    assert "<h3>Meaning</h3>" in html
    assert "<h1>" not in html
    assert 'href="../' not in html


def test_the_runbooks_in_the_console_are_those_of_the_documentation():
    from andon_console.incidents.runbooks import FOLDER

    documented = {path.name: path.read_text() for path in DOCS.glob("*.md") if path.name != "README.md"}
    assert {path.name: path.read_text() for path in FOLDER.glob("*.md")} == documented, "make docs copies them"


def test_a_cause_is_said_as_the_list_of_runbooks_says_it():
    listed = re.findall(r"\| \[`(\w+)`\]\(\w+\.md\) \| (.+) \|", (DOCS / "README.md").read_text())
    assert {cause.value: words for cause, words in IN_SHORT.items()} == dict(listed)


def test_a_runbook_names_the_incident_s_own_station_and_never_becomes_markup():
    html = str(filled(Cause.DEFECT_SURGE, {"station": "weld-07", "incident": "4be1a3c2"}))
    assert "andon rollback weld-07" in html
    assert "andon acknowledge 4be1a3c2" in html
    assert "<b>x" not in str(filled(Cause.DEFECT_SURGE, {"station": "<b>x"}))


# The list


def listed(home: House, query: str = "") -> list[str]:
    text = home.signed_in(Role.VIEWER, headers=PART).get(f"/incidents{query}").text
    return re.findall(r'<a href="/incidents/([0-9a-f-]{36})"', text)


@pytest.fixture
def several(home: House) -> dict[str, str]:
    """Names of incidents by their ids: of which one is open, and one is over since long."""
    week = timedelta(days=9)
    made = [
        event(name="dark", cause=Cause.STATION_DARK, station="press-1", line="press", severity=Severity.WARNING),
        event(name="past", opened_at=NOW - timedelta(hours=3)),
        event(IncidentKind.RESOLVED, name="past", at_s=-3600),
        event(name="old", opened_at=NOW - week, at=NOW - week),
        event(IncidentKind.RESOLVED, name="old", at=NOW - week),
    ]
    home.world.incidents.take([record(each, 80 + number) for number, each in enumerate(made)])
    return {
        str(each.incident_id): name for each, name in zip(made, ("dark", "past", "", "old", ""), strict=True) if name
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"one", "dark", "past"}),
        ("?open=true", {"one", "dark"}),
        ("?station=press-1", {"dark"}),
        ("?line=press", {"dark"}),
        ("?cause=station_dark&line=&station=", {"dark"}),
        ("?since=30d", {"one", "dark", "past", "old"}),
        ("?since=1h&station=nowhere", set()),
    ],
)
def test_the_list_shows_what_the_address_asks_for(home: House, several: dict[str, str], query: str, names: set[str]):
    assert {several.get(each, "one") for each in listed(home, query)} == names


def test_what_is_open_stands_first(home: House, several: dict[str, str]):
    assert several[listed(home)[-1]] == "past"


def test_counts_are_of_what_is_open_without_drills(home: House, several: dict[str, str]):
    drill = event(name="drill", station="drill.weld-07", drill=True)
    home.world.incidents.take([record(drill, 99)])
    text = looking(home).get("/incidents").text
    assert "1 critical open" in text
    assert "1 other open" in text


def test_the_wish_stands_in_the_address(home: House, several: dict[str, str]):
    answer = home.signed_in(Role.VIEWER, headers=PART).get("/incidents?open=true&cause=station_dark&since=7d&line=")
    assert answer.headers["HX-Replace-Url"] == "/incidents?open=true&cause=station_dark"
    assert "<html" not in answer.text


def test_who_goes_back_gets_the_whole_page(home: House):
    headers = PART | {"HX-History-Restore-Request": "true"}
    assert "<html" in home.signed_in(Role.VIEWER, headers=headers).get("/incidents").text


@pytest.mark.parametrize("query", ["?since=99y", "?cause=nonsense", "?open=perhaps"])
def test_an_odd_wish_is_a_sentence(home: House, query: str):
    assert looking(home).get(f"/incidents{query}").status_code == 422


def test_an_empty_list_says_so_and_leads_out():
    assert "No incident within 7 days." in looking(house()).get("/incidents").text
    assert 'href="/incidents"' in looking(house()).get("/incidents?open=true").text

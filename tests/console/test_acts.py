"""Acknowledge, resolve, silence: who was first, what is written, and what Alertmanager is told."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from troubles import NOW, PART, STATION, event, record, surge
from worlds import PAGE, House, TestClient, house

from andon.alertmanager import AlertmanagerSettings, Silences
from andon.incidents import Incident, acknowledged, resolved
from andon.line import LineFile
from andon.records import Did, IncidentEvent, IncidentKind, Silence, read_event
from andon.topics import INCIDENTS, SILENCES
from andon_console.incidents.quiet import ends_at, quiet
from andon_console.quieting import Quieting
from andon_console.safe.people import Role
from andon_console.settings import ConsoleSettings

HOUR = timedelta(hours=1)


@pytest.fixture
def trouble() -> tuple[House, Incident]:
    return surge()


@pytest.fixture
def home(trouble: tuple[House, Incident]) -> House:
    return trouble[0]


@pytest.fixture
def incident(trouble: tuple[House, Incident]) -> Incident:
    return trouble[1]


@pytest.fixture
def rosa(home: House) -> TestClient:
    return home.signed_in(Role.REVIEWER, headers=PART)


@pytest.fixture
def edda(home: House) -> TestClient:
    return home.signed_in(Role.ENGINEER, headers=PART)


def turns(home: House) -> list[IncidentEvent]:
    return [read_event(IncidentEvent, each.value) for each in home.sent.on(INCIDENTS)]


def silences(home: House) -> list[Silence]:
    return [read_event(Silence, each.value) for each in home.sent.on(SILENCES)]


def stamp(home: House, incident: Incident) -> str:
    return quiet(incident, home.world.silences.of, home.world.line, datetime.now(UTC)).stamp


def told(answer: httpx.Response) -> str:
    """What whoever pressed is told."""
    text = json.loads(answer.headers.get("HX-Trigger-After-Settle", "{}")).get("andon:tell", "")
    assert isinstance(text, str)
    return text


def test_who_acknowledges_has_it_and_everybody_is_shown_why(home: House, incident: Incident, rosa: TestClient):
    answer = rosa.post(f"/incidents/{incident.id}/acknowledge", data={"note": "on my way"})
    assert answer.status_code == 200
    (said,) = turns(home)
    assert (said.kind, said.by, said.note, said.incident_id) == (
        IncidentKind.ACKNOWLEDGED,
        "rosa",
        "on my way",
        incident.id,
    )
    assert home.sent.on(INCIDENTS)[0].key == STATION.encode()
    assert [each.did for each in home.sent.deeds()] == [Did.ACKNOWLEDGED]
    assert "You have" in answer.text
    assert "on my way" in answer.text


def test_of_two_who_acknowledge_the_first_counts_and_the_second_is_told(
    home: House, incident: Incident, rosa: TestClient, edda: TestClient
):
    rosa.post(f"/incidents/{incident.id}/acknowledge")
    second = edda.post(f"/incidents/{incident.id}/acknowledge")
    assert told(second).startswith("rosa was first")
    assert [each.by for each in turns(home)] == ["rosa"]


@pytest.mark.parametrize(("act", "kind"), [("acknowledge", "acknowledged"), ("resolve", "resolved")])
def test_pressed_twice_it_is_said_once(home: House, incident: Incident, rosa: TestClient, act: str, kind: str):
    for _ in range(2):
        assert rosa.post(f"/incidents/{incident.id}/{act}").status_code == 200
    assert [each.kind.value for each in turns(home)] == [kind]


def test_who_ends_it_says_what_it_was(home: House, incident: Incident, rosa: TestClient):
    answer = rosa.post(f"/incidents/{incident.id}/resolve", data={"note": "lamp was loose; put back"})
    (said,) = turns(home)
    assert (said.kind, said.reason, said.by, said.note) == (
        IncidentKind.RESOLVED,
        "by_a_person",
        "rosa",
        "lamp was loose; put back",
    )
    assert "ended by rosa" in answer.text
    assert "Acknowledge" not in answer.text
    assert home.world.incidents.open() == []


def test_what_is_over_stays_as_it_ended(home: House, incident: Incident, rosa: TestClient, edda: TestClient):
    rosa.post(f"/incidents/{incident.id}/resolve")
    for act in ("resolve", "acknowledge"):
        assert "rosa ended it" in told(edda.post(f"/incidents/{incident.id}/{act}"))
    assert [each.by for each in turns(home)] == ["rosa"]


def test_two_consoles_show_the_same_first_once_kafka_has_told_both(home: House, incident: Incident, rosa: TestClient):
    """Mira was first in Kafka, at another console; ours knew only of rosa when rosa pressed."""
    rosa.post(f"/incidents/{incident.id}/acknowledge")
    ours = turns(home)[0]
    theirs = acknowledged(incident, "mira", "", NOW)
    home.world.incidents.take([record(theirs, 8), record(ours, 9)])
    assert incident.taken is not None
    assert incident.taken.by == "mira"
    assert [each.kind for each in incident.turns].count(IncidentKind.ACKNOWLEDGED) == 2


@pytest.mark.parametrize(("time", "lasts"), [("30min", HOUR / 2), ("2h", 2 * HOUR), ("shift", 8 * HOUR)])
def test_a_silence_lasts_as_long_as_was_pressed(
    home: House, incident: Incident, rosa: TestClient, time: str, lasts: timedelta
):
    answer = rosa.post(f"/incidents/{incident.id}/silence", data={"time": time, "why": "lamp"})
    (said,) = silences(home)
    assert (said.target, said.by, said.why) == (STATION, "rosa", "lamp")
    assert said.until - said.since == lasts
    assert [each.did for each in home.sent.deeds()] == [Did.SILENCED]
    assert "Nobody is called about <b>weld-07</b>" in answer.text
    assert "rosa said so" in answer.text


def test_a_time_of_one_s_own_is_said_in_words(home: House, incident: Incident, rosa: TestClient):
    data = {"time": "own", "own": "1h30min", "why": "lamp"}
    rosa.post(f"/incidents/{incident.id}/silence", data=data)
    assert silences(home)[0].until - silences(home)[0].since == 1.5 * HOUR


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"time": "own", "own": "9d", "why": "x"}, "more than 7 days"),
        ({"time": "own", "own": "soon", "why": "x"}, "say how long"),
        ({"time": "own", "own": "", "why": "x"}, "say how long"),
        ({"time": "for ever", "why": "x"}, "for ever"),
        ({"time": "2h", "why": "  "}, "say why"),
        ({"why": "x"}, "time"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_told_and_not_written(
    home: House, incident: Incident, rosa: TestClient, data: dict[str, str], text: str
):
    answer = rosa.post(f"/incidents/{incident.id}/silence", data=data)
    assert (answer.status_code, silences(home)) == (422, [])
    assert text in answer.text


def test_who_silences_what_somebody_has_silenced_since_is_told_so(
    home: House, incident: Incident, rosa: TestClient, edda: TestClient
):
    data = {"time": "2h", "why": "lamp", "seen": ""}
    rosa.post(f"/incidents/{incident.id}/silence", data=data)
    assert told(edda.post(f"/incidents/{incident.id}/silence", data=data)).startswith("rosa was first")
    rosa.post(f"/incidents/{incident.id}/silence", data=data)
    assert [each.by for each in silences(home)] == ["rosa"]
    edda.post(f"/incidents/{incident.id}/silence", data=data | {"seen": stamp(home, incident)})
    assert [each.by for each in silences(home)] == ["rosa", "edda"]


def test_a_silence_can_be_ended_by_anybody_and_once(
    home: House, incident: Incident, rosa: TestClient, edda: TestClient
):
    rosa.post(f"/incidents/{incident.id}/silence", data={"time": "2h", "why": "lamp"})
    before = stamp(home, incident)
    for _ in range(2):
        assert edda.post(f"/incidents/{incident.id}/silence/end", data={"seen": before}).status_code == 200
    first, second = silences(home)
    assert (first.target, second.target, second.by) == (STATION, STATION, "edda")
    assert second.until <= datetime.now(UTC)
    assert home.world.silences.on(STATION, datetime.now(UTC)) is None


def test_an_incident_of_several_stations_silences_each_of_them(home: House, rosa: TestClient):
    line = event(name="line", station="*", stations=("weld-07", "weld-08"), line="body")
    home.world.incidents.take([record(line)])
    rosa.post(f"/incidents/{line.incident_id}/silence", data={"time": "30min", "why": "light"})
    assert [each.target for each in silences(home)] == ["weld-07", "weld-08"]


def test_what_is_about_everything_says_that_its_silence_is_one_of_every_station(home: House, rosa: TestClient):
    broken = event(name="all", station="*", cause="inspector_broken")
    home.world.incidents.take([record(broken)])
    assert "<b>every</b> station" in rosa.get(f"/incidents/{broken.incident_id}/now").text
    rosa.post(f"/incidents/{broken.incident_id}/silence", data={"time": "30min", "why": "known"})
    assert [each.target for each in silences(home)] == ["*"]


def test_to_the_end_of_the_shift_is_to_its_end(tmp_path: Path):
    path = tmp_path / "line.yaml"
    path.write_text("time zone: Europe/Berlin\nshifts: {early: '06:00', late: '14:00', night: '22:00'}\n")
    plan = LineFile(path).of(STATION)
    now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert ends_at("shift", "", plan, now) == datetime(2026, 3, 2, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize("act", ["acknowledge", "resolve", "silence", "silence/end", "silence/tell"])
def test_a_viewer_changes_nothing(home: House, incident: Incident, act: str):
    vera = home.signed_in(Role.VIEWER, headers=PART)
    assert vera.post(f"/incidents/{incident.id}/{act}", data={"time": "2h", "why": "x"}).status_code == 403
    assert turns(home) == silences(home) == []


@pytest.mark.parametrize("act", ["acknowledge", "resolve", "silence"])
def test_while_kafka_is_away_nothing_is_done_and_the_page_says_to_press_again(
    home: House, incident: Incident, rosa: TestClient, act: str
):
    home.sent.away = True
    answer = rosa.post(f"/incidents/{incident.id}/{act}", data={"time": "2h", "why": "x"})
    assert answer.status_code == 503
    assert "Nothing was written. Press again" in answer.text
    assert incident.taken is incident.resolved is None
    assert home.world.silences.of(STATION) is None


def test_without_script_a_press_leads_back_to_the_incident(home: House, incident: Incident):
    answer = home.signed_in(Role.REVIEWER, headers=PAGE).post(f"/incidents/{incident.id}/acknowledge")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/incidents/{incident.id}")


def test_an_incident_that_nobody_knows_cannot_be_ended(rosa: TestClient):
    assert rosa.post("/incidents/abcdef12/resolve").status_code == 404


class There:
    """Alertmanager, as the client sees it; `away`: it does not answer."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.away = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("refused")
        self.calls.append((request.method, request.url.path))
        return httpx.Response(200, json=[] if request.method == "GET" else {"silenceID": "s1"})

    def connect(self, settings: AlertmanagerSettings) -> Silences:
        return Silences(settings, httpx.Client(transport=httpx.MockTransport(self)))


def with_alertmanager(there: There) -> tuple[House, Incident]:
    return surge(quieting=Quieting(AlertmanagerSettings(url="http://alertmanager:9093"), there.connect))


def test_alertmanager_is_told_the_same_silence():
    there = There()
    home, incident = with_alertmanager(there)
    rosa = home.signed_in(Role.REVIEWER, headers=PART)
    answer = rosa.post(f"/incidents/{incident.id}/silence", data={"time": "2h", "why": "lamp"})
    assert there.calls == [("GET", "/api/v2/silences"), ("POST", "/api/v2/silences")]
    assert "could not be told" not in answer.text


def test_what_alertmanager_could_not_be_told_stays_on_the_page_until_it_is():
    there = There()
    there.away = True
    home, incident = with_alertmanager(there)
    rosa = home.signed_in(Role.REVIEWER, headers=PART)
    page: Callable[[], str] = lambda: rosa.get(f"/incidents/{incident.id}/now").text  # noqa: E731
    answer = rosa.post(f"/incidents/{incident.id}/silence", data={"time": "2h", "why": "lamp"})
    assert len(silences(home)) == 1
    for text in (answer.text, page()):
        assert "Alertmanager could not be told" in text
        assert "cannot be reached" in text
    there.away = False
    assert told(rosa.post(f"/incidents/{incident.id}/silence/tell")) == "Alertmanager knows now."
    assert ("POST", "/api/v2/silences") in there.calls
    assert "could not be told" not in page()


def test_where_alertmanager_fails_for_one_station_nobody_waits_for_the_others():
    there = There()
    there.away = True
    asked = []
    quieting = Quieting(AlertmanagerSettings(url="http://a:1"), lambda s: asked.append(1) or there.connect(s))  # type: ignore[func-returns-value]
    until = NOW + HOUR
    quieting.tell([Silence(target=each, since=NOW, until=until, why="x") for each in ("a", "b")], NOW)
    assert quieting.failed(["b"]) == quieting.failed(["a"]) != ""


def test_where_there_is_no_alertmanager_nobody_is_told_and_nothing_failed():
    home, incident = surge()
    rosa = home.signed_in(Role.REVIEWER, headers=PART)
    rosa.post(f"/incidents/{incident.id}/silence", data={"time": "2h", "why": "lamp"})
    assert home.world.quieting.failed([STATION]) == ""


def test_an_end_that_comes_from_elsewhere_is_shown(home: House, incident: Incident, rosa: TestClient):
    home.world.incidents.take([record(resolved(incident, "mira", "wiped the lens", NOW + HOUR), 5)])
    text = rosa.get(f"/incidents/{incident.id}/now").text
    assert "ended by mira" in text
    assert "wiped the lens" in text


def test_a_silence_without_a_time_zone_is_passed_over():
    home = house()
    from andon.stage import Record

    odd = b'{"schema_version":1,"target":"weld-07","since":"2026-01-01T00:00:00","until":"2030-01-01T00:00:00"}'
    home.world.silences.take([Record(SILENCES, 0, 0, b"weld-07", odd)])
    assert home.world.silences.on(STATION, datetime.now(UTC)) is None


def test_the_console_may_share_its_environment_with_alerting_and_evidence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_ALERTMANAGER__URL", "http://alertmanager:9093/")
    monkeypatch.setenv("ANDON_ALERTMANAGER__RESEND_S", "5")
    monkeypatch.setenv("ANDON_EVIDENCE__KEEP_DAYS", "7")
    assert ConsoleSettings().alertmanager.url == "http://alertmanager:9093"

"""`andon silence` and `andon silences`: what they write, what they tell, and what they refuse."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fake_alertmanager import FakeAlertmanager
from incident_turns import opened
from people_desk import MemoryDesk

from andon.alertmanager import Silences, matchers
from andon.errors import Broken, Invalid, Mistake
from andon.records import Assignment, Silence, read_event, write_event
from andon.stage import Message
from andon.topics import MODELS
from andon_alerting.commands import desk as desks
from andon_alerting.commands import silence as command
from andon_alerting.settings import AlertmanagerSettings

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
WHY = ("--why", "the lamp is being changed")


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk()
    monkeypatch.setattr(desks, "open_desk", desk.open)
    return desk


def written(desk: MemoryDesk) -> Silence:
    return read_event(Silence, desk.silences()[-1].value)


def test_a_station_is_quiet_for_as_long_as_was_said(desk: MemoryDesk):
    desk.say(opened("weld-07"))
    told = desk.run("silence", "weld-07", "2h", *WHY, "--by", "mira")
    assert told.exit_code == 0
    silence = written(desk)
    assert (silence.target, silence.why, silence.by) == ("weld-07", "the lamp is being changed", "mira")
    assert silence.until - silence.since == timedelta(hours=2)
    assert desk.silences()[-1].key == b"weld-07"
    assert "nobody is called about weld-07 for 2 h, until 20" in told.stderr
    assert "warning" not in told.stderr


def test_until_names_the_moment(desk: MemoryDesk):
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    desk.run("silence", "weld-07", "--until", at.isoformat(), *WHY)
    assert written(desk).until == at


def test_every_station_is_silenced_by_a_star(desk: MemoryDesk):
    told = desk.run("silence", "*", "30min", *WHY, "--json")
    assert written(desk).target == "*"
    assert "nobody is called about any station for 30 min" in told.stderr
    record = json.loads(told.stdout)
    assert (record["station"], record["alertmanager"], record["silence"]["why"]) == ("*", "off", WHY[1])


def test_a_silence_over_another_says_which_it_replaces(desk: MemoryDesk):
    desk.run("silence", "weld-07", "1h", *WHY)
    assert ", instead of until 20" in desk.run("silence", "weld-07", "2h", *WHY).stderr


def test_a_silence_is_ended_by_the_same_record_over_now(desk: MemoryDesk):
    desk.run("silence", "weld-07", "1h", *WHY)
    told = desk.run("silence", "weld-07", "--end", "--by", "bo")
    assert told.exit_code == 0
    assert "the silence is over; what is open is told within half a minute" in told.stderr
    silence = written(desk)
    assert silence.until <= datetime.now(UTC)
    assert (silence.why, silence.by) == (WHY[1], "bo")


def test_ending_what_is_not_silenced_writes_nothing_and_says_what_keeps_it_quiet(desk: MemoryDesk):
    assert "weld-07 had no silence; nothing to end" in desk.run("silence", "weld-07", "--end").stderr
    desk.run("silence", "*", "1h", *WHY)
    told = desk.run("silence", "weld-07", "--end")
    assert told.exit_code == 0
    assert "all stations are quiet until" in told.stderr
    assert "andon silence '*' --end" in told.stderr
    assert len(desk.silences()) == 1


def test_without_a_reason_it_is_refused_where_nobody_can_be_asked(desk: MemoryDesk):
    assert "say why" in str(desk.run("silence", "weld-07", "1h").exception)
    assert desk.silences() == []


def test_at_a_terminal_the_reason_is_asked_for(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(command, "at_a_terminal", lambda: True)
    desk.run("silence", "weld-07", "1h", given="the lamp\n")
    assert written(desk).why == "the lamp"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("weld-07", "8d"), "more than 7 days"),
        (("weld-07",), "say for how long"),
        (("weld-07", "1h", "--until", "2100-01-01"), "one of the two"),
        (("weld-07", "soon"), "such as 90s, 20min, 2h or 1d"),
        (("weld-07", "0s"), "over at once"),
        (("weld-07", "--until", "yesterday"), "such as 2026-11-23T06:00"),
        (("weld-07", "--until", "2020-01-01T06:00"), "that is past"),
        (("weld-07", "2h", "--end"), "give no time with it"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused_with_what_to_say(
    desk: MemoryDesk, words: tuple[str, ...], problem: str
):
    told = desk.run("silence", *words, *WHY)
    assert isinstance(told.exception, Mistake)
    assert problem in str(told.exception)
    assert desk.silences() == []


def test_more_than_a_week_needs_a_second_word(desk: MemoryDesk):
    assert desk.run("silence", "weld-07", "8d", "--long", *WHY).exit_code == 0
    assert written(desk).until > datetime.now(UTC) + timedelta(days=7)


def test_a_name_that_cannot_be_is_told_before_anything_is_asked(desk: MemoryDesk):
    desk.down = True
    assert "try 'weld-07'" in str(desk.run("silence", "Weld 07", "1h", *WHY).exception)
    assert isinstance(desk.run("silence", "Weld 07", "1h", *WHY).exception, Invalid)
    assert isinstance(desk.run("silence", "weld-07", "1h", *WHY).exception, Broken)


def test_a_station_nobody_knows_is_warned_of_with_the_nearest_and_silenced_all_the_same(desk: MemoryDesk):
    desk.say(opened("weld-07"))
    given = Assignment(station="press-4", bundle="b" * 64, at=NOW)
    desk.kafka.append(Message(MODELS, given.key, write_event(given)))
    assert "did you mean weld-07?" in desk.run("silence", "wild-07", "1h", *WHY).stderr
    assert "did you mean press-4?" in desk.run("silence", "pres-4", "1h", *WHY).stderr
    assert "did you mean" not in desk.run("silence", "zzz", "1h", *WHY).stderr
    assert len(desk.silences()) == 3


def test_a_station_with_a_bundle_an_incident_or_a_silence_is_known(desk: MemoryDesk):
    desk.say(opened("*", stations=("weld-08",)))
    given = Assignment(station="press-4", bundle="b" * 64, at=NOW)
    desk.kafka.append(Message(MODELS, given.key, write_event(given)))
    for station in ("weld-08", "press-4"):
        assert "warning" not in desk.run("silence", station, "1h", *WHY).stderr
    desk.run("silence", "zzz", "1h", *WHY)
    assert "warning" not in desk.run("silence", "zzz", "2h", *WHY).stderr


@pytest.fixture
def alertmanager(monkeypatch: pytest.MonkeyPatch) -> FakeAlertmanager:
    fake = FakeAlertmanager()

    def of(settings: AlertmanagerSettings) -> Silences:
        headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
        return Silences(settings, httpx.Client(transport=httpx.MockTransport(fake), headers=headers))

    monkeypatch.setattr(command, "Silences", of)
    monkeypatch.setenv("ANDON_ALERTMANAGER__URL", "http://am:9093")
    return fake


def test_alertmanager_gets_the_same_silence(desk: MemoryDesk, alertmanager: FakeAlertmanager):
    assert desk.run("silence", "weld-07", "2h", *WHY, "--by", "mira").exit_code == 0
    (there,) = alertmanager.active
    assert (there["comment"], there["createdBy"]) == (WHY[1], "mira")
    assert {each["name"]: each["value"] for each in there["matchers"]} == {"alertname": "Andon.+", "station": "weld-07"}
    assert abs(datetime.fromisoformat(there["endsAt"]) - written(desk).until) < timedelta(seconds=1)


def test_a_longer_one_replaces_it_and_the_end_ends_it_there_too(desk: MemoryDesk, alertmanager: FakeAlertmanager):
    for time in ("1h", "2h"):
        desk.run("silence", "weld-07", time, *WHY)
    assert len(alertmanager.active) == 1
    desk.run("silence", "weld-08", "1h", *WHY)
    desk.run("silence", "weld-07", "--end")
    assert [each["matchers"] for each in alertmanager.active] == [matchers("weld-08")]


def test_what_people_made_in_alertmanager_itself_is_left_alone(desk: MemoryDesk, alertmanager: FakeAlertmanager):
    by_hand = [{"name": "station", "value": "weld-07", "isRegex": False, "isEqual": True}]
    alertmanager.held.append({"id": "hand", "matchers": by_hand, "status": {"state": "active"}})
    desk.run("silence", "weld-07", "1h", *WHY)
    desk.run("silence", "weld-07", "--end")
    assert [each["id"] for each in alertmanager.active] == ["hand"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: httpx.Response(503, text="not yet"), "refused it: 503 not yet"),
        (lambda: (_ for _ in ()).throw(httpx.ConnectError("no")), "cannot be reached"),
        (lambda: (_ for _ in ()).throw(httpx.ReadTimeout("slow")), "did not answer in time"),
    ],
)
def test_an_alertmanager_that_is_away_is_told_and_the_silence_holds_all_the_same(
    desk: MemoryDesk, alertmanager: FakeAlertmanager, answer: Callable[[], httpx.Response], said: str
):
    alertmanager.answer = answer
    told = desk.run("silence", "weld-07", "2h", *WHY, "--json")
    assert told.exit_code == 1
    assert said in " ".join(told.stderr.split())
    assert "give the same command again" in told.stderr
    assert "am:9093" not in told.stderr
    assert json.loads(told.stdout)["alertmanager"].startswith("Alertmanager")
    assert written(desk).target == "weld-07"


def test_an_end_that_alertmanager_missed_is_ended_there_the_next_time(desk: MemoryDesk, alertmanager: FakeAlertmanager):
    desk.run("silence", "weld-07", "2h", *WHY)
    alertmanager.answer = lambda: httpx.Response(503)
    assert desk.run("silence", "weld-07", "--end").exit_code == 1
    alertmanager.answer = None
    assert desk.run("silence", "weld-07", "--end").exit_code == 0
    assert alertmanager.active == []


def test_the_token_is_sent_and_never_shown(
    desk: MemoryDesk, alertmanager: FakeAlertmanager, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ANDON_ALERTMANAGER__TOKEN", "t0ken")
    told = desk.run("silence", "weld-07", "2h", *WHY, "--json")
    assert alertmanager.tokens == {"Bearer t0ken"}
    assert "t0ken" not in told.output


def test_silences_show_who_what_until_when_and_why(desk: MemoryDesk):
    desk.run("silence", "weld-07", "2h", *WHY, "--by", "mira")
    desk.run("silence", "*", "1h", "--why", "inventory", "--by", "bo")
    shown = desk.run("silences").stdout
    rows = [line for line in shown.splitlines() if "mira" in line or "bo" in line]
    assert "every station" in rows[0]
    assert "inventory" in rows[0]
    assert "weld-07" in rows[1]
    assert [each["target"] for each in json.loads(desk.run("silences", "--json").stdout)["silences"]] == [
        "*",
        "weld-07",
    ]


def test_silences_that_are_over_are_not_shown(desk: MemoryDesk):
    desk.run("silence", "weld-07", "2h", *WHY)
    desk.run("silence", "weld-07", "--end")
    told = desk.run("silences")
    assert told.exit_code == 0
    assert "nobody has silenced anything" in told.stderr


LINE = """
time zone: UTC
line: body
stations:
  weld-07:
    maintenance: every day 00:00 to 24:00
  weld-08:
    maintenance: ["2090-01-01 00:00 to 2090-01-02 00:00", "2020-01-01 00:00 to 2020-01-02 00:00"]
defaults:
  maintenance: 2090-03-01 00:00 to 2090-03-02 00:00
"""


def test_maintenance_windows_of_the_line_file_are_shown_on_now_then_next(
    desk: MemoryDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "line.yaml"
    path.write_text(LINE)
    monkeypatch.setenv("ANDON_LINE", str(path))
    windows = json.loads(desk.run("silences", "--json").stdout)["maintenance"]
    assert [(each["stations"], each["on"]) for each in windows] == [
        (["weld-07"], True),
        (["weld-08"], False),
        (["every other station"], False),
    ]
    assert windows[1]["begins"].startswith("2090-01-01T00:00")
    shown = desk.run("silences").stdout
    assert "on now" in shown
    assert "2090-01-01 00:00 to 2090-01-02 00:00" in shown


def test_a_weekly_window_names_its_next_beginning():
    from andon.line.windows import window
    from andon_alerting.commands.windows import _begins

    sunday = datetime(2026, 3, 8, 6, 0, tzinfo=UTC)
    assert _begins(window("Sundays 06:00 to 10:00"), NOW) == sunday
    assert _begins(window("Sundays 06:00 to 10:00"), sunday) == sunday + timedelta(days=7)


def test_a_line_file_that_is_wrong_is_told(desk: MemoryDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_LINE", str(tmp_path / "none.yaml"))
    assert isinstance(desk.run("silences").exception, Mistake)

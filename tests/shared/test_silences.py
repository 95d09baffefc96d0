"""Whom nobody is called about, and until when."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from incident_turns import acknowledged, opened

from andon.ids import notice_id
from andon.line import Burst, Plan, Policy, Window
from andon.records import Cause, IncidentEvent, Notice, NoticeKind, Silence, write_event
from andon.silences import quiet_until, table
from andon.stage import Record
from andon.topics import SILENCES

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


def hours(count: float) -> datetime:
    return NOW + timedelta(hours=count)


@dataclass(frozen=True)
class From:
    """A maintenance window, by hours from now."""

    start: float
    end: float

    def until(self, at: datetime) -> datetime | None:
        return hours(self.end) if hours(self.start) <= at < hours(self.end) else None


class Plans:
    """Maintenance by station."""

    def __init__(self, **windows: Window) -> None:
        self._windows = windows

    @property
    def burst(self) -> Burst:
        return Burst()

    @property
    def shortest_silence_s(self) -> float | None:
        return None

    def of(self, station: str) -> Plan:
        window = self._windows.get(station.replace("-", "_").replace("*", "all"))
        return Plan(station, policy=Policy(), maintenance=(window,) if window else ())


def silence(target: str, start: float = -1, end: float = 1) -> Silence:
    return Silence(target=target, since=hours(start), until=hours(end), why="the lamp", by="mira")


def until(about: IncidentEvent | Notice, *silences: Silence, plans: Plans | None = None) -> datetime | None:
    return quiet_until(about, {each.target: each for each in silences}, plans or Plans(), NOW)


def line_wide(*stations: str, cause: Cause = Cause.STATION_DARK) -> IncidentEvent:
    return opened("*", NOW, stations=stations, cause=cause)


def notice(station: str) -> Notice:
    kind = NoticeKind.ONBOARDED
    named = notice_id(kind, station, None, None, "x")
    return Notice(notice_id=named, kind=kind, station=station, sentence="it learned.", at=NOW)


def test_a_station_without_a_silence_may_be_called_about():
    assert until(opened("weld-07", NOW)) is None


def test_a_silence_holds_for_its_own_station_and_no_other():
    assert until(opened("weld-07", NOW), silence("weld-07")) == hours(1)
    assert until(opened("weld-08", NOW), silence("weld-07")) is None


def test_a_silence_of_everything_holds_for_every_station():
    assert until(opened("weld-07", NOW), silence("*")) == hours(1)


@pytest.mark.parametrize(("start", "end"), [(-2, 0), (1, 2), (-3, -1)])
def test_a_silence_that_is_over_or_not_yet_begun_is_none(start: float, end: float):
    assert until(opened("weld-07", NOW), silence("weld-07", start, end)) is None


def test_of_a_silence_and_a_maintenance_window_the_later_end_counts():
    plans = Plans(weld_07=From(-1, 3))
    assert until(opened("weld-07", NOW), silence("weld-07"), plans=plans) == hours(3)
    assert until(opened("weld-07", NOW), silence("weld-07", end=5), plans=plans) == hours(5)


def test_what_follows_without_a_gap_is_one_quiet_time():
    plans = Plans(weld_07=From(0.5, 3))
    assert until(opened("weld-07", NOW), silence("weld-07"), silence("*", 2, 4), plans=plans) == hours(4)


def test_what_comes_after_a_gap_is_another():
    assert until(opened("weld-07", NOW), silence("weld-07"), plans=Plans(weld_07=From(1.5, 3))) == hours(1)


def test_a_window_that_never_ends_is_asked_only_so_often():
    class Always:
        def until(self, at: datetime) -> datetime | None:
            return at + timedelta(minutes=1)

    end = until(opened("weld-07", NOW), plans=Plans(weld_07=Always()))
    assert end is not None
    assert end - NOW < timedelta(hours=1)


def test_an_incident_of_a_line_is_quiet_only_when_all_its_stations_are():
    about = line_wide("weld-07", "weld-08")
    assert until(about, silence("weld-07")) is None
    assert until(about, silence("weld-07"), silence("weld-08", end=2)) == hours(1)
    assert until(about, silence("weld-07"), plans=Plans(weld_08=From(-1, 0.5))) == hours(0.5)


@pytest.mark.parametrize("cause", [Cause.INSPECTOR_BROKEN, Cause.LEDGER_OUT_OF_BALANCE, Cause.EVIDENCE_AT_RISK])
def test_what_is_wrong_with_everything_is_quiet_only_by_a_silence_of_everything(cause: Cause):
    about = line_wide("weld-07", cause=cause)
    assert until(about, silence("weld-07")) is None
    assert until(about, silence("*")) == hours(1)


def test_something_of_no_station_is_quiet_only_by_a_silence_of_everything_and_by_no_window():
    assert until(line_wide(), plans=Plans(all=From(-1, 1))) is None
    assert until(line_wide(), silence("*")) == hours(1)
    assert until(notice("*"), silence("weld-07")) is None


def test_news_of_a_station_are_quiet_with_it():
    assert until(notice("weld-07"), silence("weld-07")) == hours(1)


def test_a_drill_always_rings():
    assert until(replace_drill(opened("weld-07", NOW)), silence("*")) is None
    assert until(notice("drill.weld-07"), silence("*")) is None


def test_that_somebody_has_taken_it_on_is_told_at_once():
    assert until(acknowledged(opened("weld-07", NOW), "mira", NOW), silence("*")) is None


def replace_drill(event: IncidentEvent) -> IncidentEvent:
    return event.model_copy(update={"drill": True})


def test_what_is_no_silence_is_passed_over_and_what_is_newer_waits_for_a_newer_andon():
    newer = write_event(replace_version(silence("weld-08")))
    values = [b"{", newer, b"", write_event(silence("weld-07"))]
    given = [Record(SILENCES, 0, number, b"weld-07", value) for number, value in enumerate(values)]
    assert set(table(given)) == {"weld-07"}


def replace_version(given: Silence) -> Silence:
    return given.model_copy(update={"schema_version": 99})


def test_the_key_of_a_silence_is_its_target():
    assert silence("*").key == b"*"
    assert replace(From(0, 1), end=2).until(NOW) == hours(2)

"""Many stations of a line with the same trouble are one incident; every reason has a row, every story one end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from finding_turns import DARK, PLANS, START, Plans, drift, finding, play, rejects, story
from hypothesis import given
from hypothesis import strategies as st

from andon.line import Plan
from andon.records import Cause, DriftCause, Finding, FindingKind, IncidentEvent, IncidentKind, Severity
from andon_alerting.correlate import Turn, Why, take
from andon_alerting.finding_state import read_watch, write_watch
from andon_alerting.watch import FOUND, OF_LINE, Watch, ended_by_a_person

FOCUS, LIGHT = DriftCause.FOCUS, DriftCause.EXPOSURE
THREE = [finding("+", "weld-01"), finding("+", "weld-02", 10), finding("+", "weld-03", 20)]

ROWS = {
    Why.BEGAN: ([finding("+", "weld-01")], ["opened weld-01"]),
    Why.REPEATED: ([finding("+", "weld-01"), finding("+", "weld-01")], ["opened weld-01"]),
    Why.STILL_OPEN: ([finding("+", "weld-01"), finding("+", "weld-01", 5)], ["opened weld-01"]),
    Why.STILL_FOUND: (
        [finding("+", "weld-01"), finding("+", "weld-01", 5), finding("-", "weld-01")],
        ["opened weld-01"],
    ),
    Why.ENDED: ([finding("+", "weld-01"), finding("-", "weld-01")], ["opened weld-01", "resolved weld-01"]),
    Why.UNKNOWN: ([finding("-", "weld-01")], []),
    Why.BURST: (
        THREE,
        ["opened weld-01", "opened weld-02", "resolved weld-01", "resolved weld-02", "opened weld-01,weld-02,weld-03"],
    ),
    Why.PART_OF_LINE: (THREE, ["resolved weld-01", "resolved weld-02", "opened weld-01,weld-02,weld-03"]),
    Why.JOINED: ([*THREE, finding("+", "weld-04", 900)], ["updated weld-01,weld-02,weld-03,weld-04"]),
    Why.LEFT: ([*THREE, finding("-", "weld-02", 10)], ["updated weld-01,weld-03"]),
    Why.ALSO: ([drift("+", "lone-1", FOCUS), drift("+", "lone-1", LIGHT, 900)], ["opened lone-1", "updated lone-1"]),
    Why.THE_REST: (
        [drift("+", "lone-1", FOCUS), drift("+", "lone-1", LIGHT, 900), drift("-", "lone-1", FOCUS)],
        ["opened lone-1", "updated lone-1", "updated lone-1"],
    ),
    Why.WITH_HARM: (
        [drift("+", "lone-1", FOCUS), rejects("+", "lone-1", 900)],
        ["opened lone-1", "opened lone-1"],
    ),
    Why.DOES_HARM: (
        [
            rejects("+", "weld-04"),
            *(drift("+", f"weld-0{each}", LIGHT) for each in (1, 2, 3)),
            drift("+", "weld-04", LIGHT, 1200),
        ],
        ["resolved weld-01,weld-02,weld-03", "opened weld-01,weld-02,weld-03,weld-04"],
    ),
}


@pytest.mark.parametrize("why", list(Why))
def test_every_reason_is_given_for_what_it_says(why: Why) -> None:
    findings, last = ROWS[why]
    _, turns = play(findings)
    assert why in [each.why for each in turns[-3:]]
    assert story(turns)[len(story(turns)) - len(last) :] == last


def test_the_last_station_ends_the_incident_of_its_line() -> None:
    ends = [finding("-", "weld-02", 10), finding("-", "weld-01"), finding("-", "weld-03", 20)]
    watch, turns = play([*THREE, *ends])
    assert watch.open == ()
    assert story(turns)[-3:] == ["updated weld-01,weld-03", "updated weld-03", "resolved weld-03"]
    last = turns[-1].event
    assert last is not None
    assert (last.reason, last.summary, last.first_action) == (Why.ENDED, "weld-03: station_dark ended", "")


def test_the_incident_of_a_line_says_who_has_it_how_fast_and_where_to_look() -> None:
    watch, _ = play(THREE)
    (whole,) = watch.open
    assert whole.summary == (
        "3 stations of line press-shop went dark within 20 s: weld-01, weld-02, weld-03: "
        "look at the light or power they share."
    )
    assert whole.first_action == "Look at the light or power they share."
    assert (whole.station, whole.site, whole.area, whole.line) == ("*", "north", "body", "press-shop")
    assert (whole.count, whole.opened_at, whole.route) == (3, START, "press")
    assert whole.incident_id not in {each.finding_id for each in THREE}
    watch, _ = play([*THREE, finding("+", "weld-04", 900)])
    assert watch.open[0].summary.startswith(
        "4 stations of line press-shop are dark since 14:00:00 UTC: weld-01, weld-02,"
    )


def test_a_long_list_of_stations_is_cut_short_but_kept_whole_in_the_record() -> None:
    watch, _ = play([finding("+", f"weld-{each:02}") for each in range(12)])
    assert watch.open[0].summary.count("weld-") == 8
    assert "and 4 more" in watch.open[0].summary
    assert len(watch.open[0].stations) == 12


@pytest.mark.parametrize("cause", sorted(FOUND - OF_LINE))
def test_a_cause_that_stations_do_not_share_stays_with_each_of_them(cause: Cause) -> None:
    watch, _ = play([finding("+", f"weld-0{each}", cause=cause) for each in range(5)])
    assert [each.stations for each in watch.open] == [()] * 5


@pytest.mark.parametrize("cause", sorted(OF_LINE))
def test_every_cause_that_stations_share_has_its_words(cause: Cause) -> None:
    watch, _ = play([finding("+", f"weld-0{each}", cause=cause) for each in range(3)])
    assert watch.open[0].stations
    assert watch.open[0].summary.startswith("3 stations of line press-shop ")


def test_stations_that_follow_too_slowly_are_no_burst() -> None:
    watch, _ = play([finding("+", f"weld-0{each}", since_s=each * 31) for each in range(6)])
    assert [each.station for each in watch.open] == [f"weld-0{each}" for each in range(6)]


def test_stations_of_other_lines_or_of_none_do_not_count() -> None:
    names = ["weld-01", "weld-02", "paint-01", "paint-02", "lone-1", "lone-2", "lone-3"]
    watch, _ = play([finding("+", each) for each in names])
    assert [each.station for each in watch.open] == names


def test_a_rehearsal_is_never_mixed_with_real_stations() -> None:
    names = ["weld-01", "weld-02", "drill.weld-01", "drill.weld-02"]
    watch, _ = play([finding("+", each) for each in names])
    assert [(each.station, each.drill) for each in watch.open] == [(each, each.startswith("drill")) for each in names]
    watch, _ = play([finding("+", each) for each in (*names, "drill.weld-03")])
    (whole,) = [each for each in watch.open if each.stations]
    assert whole.drill
    assert whole.stations == ("drill.weld-01", "drill.weld-02", "drill.weld-03")


def test_a_route_or_area_that_not_all_share_is_left_out() -> None:
    watch, _ = play(THREE, Plans(routes=True))
    assert (watch.open[0].route, watch.open[0].area) == (None, "body")


def test_a_finding_about_everything_opens_an_incident_of_its_own() -> None:
    watch, turns = play([finding("+", "*", cause=Cause.EVIDENCE_AT_RISK)])
    assert story(turns) == ["opened *"]
    assert (watch.open[0].stations, watch.open[0].severity) == ((), Severity.WARNING)


def test_an_incident_that_outlived_its_findings_memory_still_ends() -> None:
    watch, _ = play([finding("+", "weld-01")])
    _, turns = take(replace(watch, found=()), finding("-", "weld-01"), PLANS)
    assert [each.why for each in turns] == [Why.ENDED]


def test_severity_follows_the_line_file() -> None:
    @dataclass(frozen=True)
    class Mild(Plans):
        def of(self, station: str) -> Plan:
            return replace(super().of(station), severities={DARK: Severity.INFO} if station == "weld-01" else {})

    watch, _ = play([finding("+", "weld-01")], Mild())
    assert watch.open[0].severity is Severity.INFO
    assert play(THREE, Mild())[0].open[0].severity is Severity.CRITICAL, "of a line, that of the worst"


STATIONS = ["weld-01", "weld-02", "weld-03", "weld-04", "paint-01", "lone-1"]
Occurrence = tuple[str, int, int, str]
occurrences = st.lists(
    st.tuples(st.sampled_from(STATIONS), st.integers(0, 150), st.integers(1, 150), st.sampled_from(["drift", "other"])),
    max_size=12,
    unique_by=lambda each: (each[0], each[1], each[3]),
)


def in_order(found: Sequence[Occurrence]) -> list[Finding]:
    turns = [finding("+", station, since, by=by) for station, since, _, by in found]
    turns += [finding("-", station, since, at_s=since + lasts, by=by) for station, since, lasts, by in found]
    return sorted(turns, key=lambda each: each.at)


def covered(event: IncidentEvent) -> tuple[str, ...]:
    return event.stations or (event.station,)


@given(occurrences, st.data())
def test_no_station_has_two_open_incidents_and_none_beside_that_of_its_line(
    found: list[Occurrence], data: st.DataObject
) -> None:
    watch, lasting = Watch(), set()
    for each in in_order(found):
        for _ in range(data.draw(st.integers(1, 2))):  # said once or twice
            watch, _ = take(watch, each, PLANS)
        (lasting.add if each.kind is FindingKind.BEGAN else lasting.discard)((each.station, each.finding_id))
        told = [station for event in watch.open for station in covered(event)]
        assert sorted(told) == sorted({station for station, _ in lasting})


@given(occurrences)
def test_every_incident_that_opened_is_resolved_once_when_all_findings_ended(found: list[Occurrence]) -> None:
    watch, turns = play(in_order(found))
    assert watch.open == ()
    assert watch.found == ()
    events = [each.event for each in turns if each.event]
    assert len({each.event_id for each in events}) == len(events)
    kinds = Counter((each.incident_id, each.kind) for each in events if each.kind is not IncidentKind.UPDATED)
    assert set(kinds.values()) <= {1}
    assert {each for each, kind in kinds if kind == "opened"} == {each for each, kind in kinds if kind == "resolved"}


@given(st.lists(st.tuples(st.sampled_from(STATIONS), st.integers(0, 90)), unique=True, max_size=8), st.data())
def test_simultaneous_findings_leave_the_same_open_in_whatever_order_they_come(
    found: list[tuple[str, int]], data: st.DataObject
) -> None:
    begun = [finding("+", station, since, at_s=100) for station, since in found]
    ended = [each for each in begun if data.draw(st.booleans())]
    ends = [each.model_copy(update={"kind": FindingKind.ENDED, "at": START + timedelta(seconds=200)}) for each in ended]
    first, other = (
        play([*data.draw(st.permutations(begun)), *data.draw(st.permutations(ends))])[0].open for _ in range(2)
    )
    assert {(each.station, frozenset(each.stations)) for each in first} == {
        (each.station, frozenset(each.stations)) for each in other
    }


@given(occurrences, st.data())
def test_a_tail_that_comes_again_changes_nothing(found: list[Occurrence], data: st.DataObject) -> None:
    said = in_order(found)
    watch, _ = play(said)
    for each in said[data.draw(st.integers(0, len(said))) :]:
        after, turns = take(watch, each, PLANS)
        assert (after, [turn.why for turn in turns]) == (watch, [Why.REPEATED])


@given(occurrences, st.integers(0, 24))
def test_what_redis_keeps_reads_as_it_was_written(found: list[Occurrence], count: int) -> None:
    watch, _ = play(in_order(found)[:count])
    assert read_watch(write_watch(watch)) == watch


def end_all(watch: Watch, at_s: float) -> Watch:
    """A person ends whatever is open."""
    for each in watch.open:
        over = each.model_copy(update={"kind": IncidentKind.RESOLVED, "at": START + timedelta(seconds=at_s)})
        watch = ended_by_a_person(watch, over)
    return watch


def goes_on(watch: Watch, *findings: Finding) -> list[str]:
    turns: list[Turn] = []
    for each in findings:
        watch, more = take(watch, each, PLANS)
        turns += more
    return story(turns)


def test_an_incident_that_a_person_ended_is_neither_opened_nor_ended_by_its_finding() -> None:
    watch = end_all(play([finding("+", "weld-01")])[0], 5)
    assert watch.open == ()
    assert goes_on(watch, finding("+", "weld-01"), finding("-", "weld-01")) == []
    assert goes_on(watch, finding("-", "weld-01"), finding("+", "weld-01", 60)) == ["opened weld-01"]


def test_another_finding_at_the_station_opens_its_own_incident_and_ends_it() -> None:
    watch = end_all(play([finding("+", "weld-01")])[0], 5)
    news = [finding("+", "weld-01", 60), finding("-", "weld-01", 60)]
    assert goes_on(watch, *news) == ["opened weld-01", "resolved weld-01"]


def test_findings_that_a_person_has_seen_to_do_not_make_an_incident_of_the_line() -> None:
    for seen, at_s, new in ((THREE[:2], 15, THREE[2]), (THREE, 25, finding("+", "weld-04", 30))):
        after, turns = take(end_all(play(seen)[0], at_s), new, PLANS)
        assert [each.why for each in turns] == [Why.BEGAN]
        assert [each.station for each in after.open] == [new.station]


def test_a_burst_after_the_end_makes_another_incident_of_the_line() -> None:
    watch = end_all(play(THREE)[0], 25)
    again = [finding("+", f"weld-0{each}", 100 + each) for each in range(1, 4)]
    assert goes_on(watch, *again)[-1] == "opened weld-01,weld-02,weld-03"


def test_the_end_of_another_incident_changes_nothing() -> None:
    watch, _ = play([finding("+", "weld-01")])
    other = watch.open[0].model_copy(update={"incident_id": finding("+", "x").finding_id})
    assert ended_by_a_person(watch, other) is watch

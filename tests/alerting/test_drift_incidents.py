"""What drifts has a name: what is named alike is one event, several names at a station are one incident; and drift with
rejects calls people, once."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import permutations

import pytest
from finding_turns import MORE, PLANS, START, Plans, drift, events, finding, play, rejects, story
from hypothesis import given
from hypothesis import strategies as st

from andon.line import Plan
from andon.records import (
    Cause,
    Drift,
    DriftCause,
    Evidence,
    Finding,
    FindingKind,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Severity,
)
from andon_alerting.correlate import DRIFT_TIMES, Turn, Why, take
from andon_alerting.finding_state import read_watch, write_watch
from andon_alerting.watch import PARTNER, Watch, ended_by_a_person, note

FOCUS, LIGHT, GLARE = DriftCause.FOCUS, DriftCause.EXPOSURE, DriftCause.GLARE


def opened(turns: Sequence[Turn]) -> list[IncidentEvent]:
    return [each for each in events(turns) if each.kind is IncidentKind.OPENED]


def test_drift_alone_is_a_ticket_and_so_are_more_rejects_alone() -> None:
    for alone in (drift("+", "weld-01", FOCUS), rejects("+", "weld-01")):
        (event,) = events(play([alone])[1])
        assert (event.severity, event.reason, event.drift) == (Severity.WARNING, "began", alone.drift)


def test_another_thing_that_drifts_at_the_station_is_told_by_the_same_incident_until_both_are_over() -> None:
    first, second = drift("+", "lone-1", FOCUS), drift("+", "lone-1", LIGHT, 900)
    _, turns = play([first, second, drift("-", "lone-1", FOCUS), drift("-", "lone-1", LIGHT, 900)])
    told = events(turns)
    assert [(each.kind, each.reason, each.summary) for each in told] == [
        ("opened", "began", "lone-1: focus began"),
        ("updated", "also", "lone-1: focus began. Also: exposure began."),
        ("updated", "the_rest", "lone-1: exposure began"),
        ("resolved", "ended", "lone-1: exposure ended"),
    ]
    assert {each.incident_id for each in told} == {first.finding_id}
    assert [each.drift.named for each in told if each.drift] == [FOCUS, LIGHT, LIGHT, LIGHT]
    assert told[1].first_action.startswith("Look at the lamp")


def test_what_is_left_is_shown_when_the_newest_is_over_first() -> None:
    _, turns = play([drift("+", "lone-1", FOCUS), drift("+", "lone-1", LIGHT, 900), drift("-", "lone-1", LIGHT, 900)])
    last = events(turns)[-1]
    assert (last.summary, last.drift and last.drift.named) == ("lone-1: focus began", FOCUS)
    assert last.first_action.startswith("Wipe the lens")


def test_the_same_thing_found_twice_at_a_station_says_nothing_new() -> None:
    _, turns = play([drift("+", "lone-1", FOCUS), drift("+", "lone-1", FOCUS, 5), drift("-", "lone-1", FOCUS)])
    assert [each.why for each in turns] == [Why.BEGAN, Why.STILL_OPEN, Why.STILL_FOUND]


SIX = [drift("+", f"weld-0{each}", LIGHT, each * 8) for each in range(6)]


def test_six_stations_at_once_are_one_event_whose_words_name_what_drifted() -> None:
    watch, _ = play(SIX)
    (whole,) = watch.open
    assert whole.summary == (
        "line press-shop: exposure drifted at 6 stations since 14:00:00 UTC: weld-00, weld-01, weld-02, weld-03, "
        "weld-04, weld-05: look at the light or power they share."
    )
    first = next(each for each in opened(play(SIX)[1]) if each.stations)
    assert first.summary == (
        "line press-shop: exposure drifted at 3 stations within 16 s: weld-00, weld-01, weld-02: "
        "look at the light or power they share."
    )
    assert (whole.severity, whole.drift and whole.drift.named) == (Severity.WARNING, LIGHT)


def test_what_is_named_otherwise_does_not_join() -> None:
    others = [drift("+", f"weld-0{each}", name) for each, name in ((6, FOCUS), (7, DriftCause.PROCESS))]
    for order in ([*SIX, *others], [*others, *SIX]):
        watch, _ = play(order)
        assert sorted(each.station for each in watch.open) == ["*", "weld-06", "weld-07"]


def test_a_drift_may_have_begun_farther_apart_than_a_fault_since_its_onset_is_an_estimate() -> None:
    within_s = PLANS.burst.within_s
    near = [drift("+", f"weld-0{each}", LIGHT, since) for each, since in enumerate((0, within_s * DRIFT_TIMES, 300))]
    far = [drift("+", f"weld-0{each}", LIGHT, since) for each, since in enumerate((0, within_s * DRIFT_TIMES + 1, 300))]
    assert [each.station for each in play(near)[0].open] == ["*"]
    assert "within 10 min" in play(near)[0].open[0].summary
    assert len(play(far)[0].open) == 3


def test_stations_of_no_line_share_a_drift_with_those_of_their_site() -> None:
    hall = [drift("+", f"lone-{each}", LIGHT) for each in range(3)]
    watch, turns = play([*hall, drift("+", "weld-01", LIGHT)])
    whole, welding = watch.open
    assert (whole.station, whole.line, whole.stations) == ("*", "", ("lone-0", "lone-1", "lone-2"))
    assert whole.summary.startswith("exposure drifted at 3 stations within 1 s: lone-0, lone-1, lone-2: look at")
    assert welding.station == "weld-01"
    assert "lone-0 is not alone with it: goes on as one incident of them all." in [e.summary for e in events(turns)]
    _, turns = play([*hall, *(drift("-", f"lone-{each}", LIGHT) for each in range(3))])
    assert story(turns)[-1] == "resolved lone-2"


def test_what_drifts_beside_what_the_line_shares_stays_with_its_station() -> None:
    both = [drift("+", "weld-01", FOCUS), drift("+", "weld-01", LIGHT)]
    others = [drift("+", "weld-02", LIGHT), drift("+", "weld-03", LIGHT)]
    for order in ([*both, *others], [*others, *both], [both[1], *others, both[0]], [both[0], *others, both[1]]):
        watch, turns = play(order)
        own, whole = sorted(watch.open, key=lambda each: len(each.stations))
        assert (own.summary, sorted(whole.stations)) == ("weld-01: focus began", ["weld-01", "weld-02", "weld-03"])
        ends = [drift("-", name, LIGHT) for name in ("weld-01", "weld-02", "weld-03")]
        after, _ = play([*order, *ends])
        assert [each.summary for each in after.open] == ["weld-01: focus began"]
        assert len({each.event_id for each in events(turns)}) == len(events(turns))


def test_pictures_before_and_after_are_among_those_that_are_kept() -> None:
    def frame(number: int) -> Evidence:
        place = FramePlace(topic="camera.frames", partition=0, offset=number)
        return Evidence(frame_id=finding("+", str(number)).finding_id, frame=place, captured_at=START)

    def shown_by(station: str, numbers: Sequence[int]) -> Finding:
        frames = tuple(frame(each) for each in numbers)
        pair = {"before": frames[0].frame_id, "after": frames[-1].frame_id}
        return drift("+", station, LIGHT, **pair).model_copy(update={"evidence": frames})

    many = [shown_by(f"weld-0{each}", range(each * 20, each * 20 + 12)) for each in range(3)]
    (own,) = events(play(many[:1])[1])
    assert {frame(0), frame(11)} <= set(own.evidence)
    (whole,) = play(many)[0].open
    assert whole.drift is not None
    assert {whole.drift.before, whole.drift.after} <= {each.frame_id for each in whole.evidence}
    assert {each.frame.offset // 20 for each in whole.evidence} == {0, 1, 2}, "some of each station"


# Drift and rejects

SAYS = {"rejects": MORE}
BOTH = [
    pytest.param([drift("+", "weld-01", FOCUS), rejects("+", "weld-01", 900)], id="drift, then rejects"),
    pytest.param([rejects("+", "weld-01"), drift("+", "weld-01", FOCUS, 900)], id="rejects, then drift"),
    pytest.param(
        [rejects("+", "weld-01"), drift("+", "weld-01", FOCUS, 900, **SAYS)], id="rejects, then drift that says so"
    ),
    pytest.param(
        [drift("+", "weld-01", FOCUS, **SAYS), rejects("+", "weld-01", drift=Drift(named=FOCUS, since=START))],
        id="both at once, each of the other",
    ),
]


@pytest.mark.parametrize("findings", BOTH)
def test_drift_with_rejects_calls_people_once_in_whatever_order(findings: Sequence[Finding]) -> None:
    _, turns = play(findings)
    calls = [each for each in opened(turns) if each.severity is Severity.CRITICAL]
    assert [each.reason for each in calls] == ["with_harm"]
    assert len(opened(turns)) == 2


def test_a_finding_that_says_both_calls_people_alone() -> None:
    for said in (
        drift("+", "weld-01", FOCUS, **SAYS),
        rejects("+", "weld-01", drift=Drift(named=FOCUS, since=START)),
    ):
        (event,) = events(play([said])[1])
        assert (event.severity, event.reason) == (Severity.CRITICAL, "with_harm")


def test_rejects_are_told_with_what_drifted_before_them() -> None:
    _, turns = play([drift("+", "weld-01", FOCUS), rejects("+", "weld-01", 900)])
    event = opened(turns)[-1]
    assert event.changed is not None
    assert (event.changed.kind, event.changed.at, event.changed.sentence) == ("drift", START, "focus began")
    assert event.drift is not None
    assert event.drift.named is FOCUS
    assert event.first_action.startswith("Look at the called parts. If they are good: wipe the lens; then")
    _, turns = play([rejects("+", "weld-01", 900, drift=Drift(named=LIGHT, since=START))])
    (event,) = opened(turns)
    assert event.changed is not None
    assert event.changed.sentence == "exposure drifted since 14:00 UTC"


@pytest.mark.parametrize("findings", BOTH)
def test_what_comes_again_or_of_another_station_calls_nobody_again(findings: Sequence[Finding]) -> None:
    again = [*findings, *findings, drift("+", "weld-02", GLARE, 900)]
    severe = [each for each in opened(play(again)[1]) if each.severity is Severity.CRITICAL]
    assert len(severe) == 1


def test_another_thing_that_drifts_while_people_know_of_the_harm_calls_them_no_more() -> None:
    known = [drift("+", "weld-01", FOCUS), rejects("+", "weld-01", 900)]
    _, turns = play([*known, drift("+", "weld-01", GLARE, 1800, **SAYS)])
    assert [each.why for each in turns] == [Why.BEGAN, Why.WITH_HARM, Why.ALSO]


def test_rejects_that_come_back_call_people_again() -> None:
    known = [drift("+", "weld-01", FOCUS), rejects("+", "weld-01", 900), rejects("-", "weld-01", 900)]
    _, turns = play([*known, rejects("+", "weld-01", 7200)])
    assert [each.why for each in turns][-1] is Why.WITH_HARM


def test_the_line_file_has_the_last_word_on_severity() -> None:
    @dataclass(frozen=True)
    class Mild(Plans):
        def of(self, station: str) -> Plan:
            told = {Cause.DRIFT: Severity.INFO, Cause.REJECT_RATE: Severity.WARNING}
            return replace(super().of(station), severities=told)

    _, turns = play(
        [drift("+", "weld-01", FOCUS), rejects("+", "weld-01"), drift("+", "weld-01", GLARE, **SAYS)], Mild()
    )
    assert [each.severity for each in opened(turns)] == [Severity.INFO, Severity.WARNING]


def test_a_ticket_of_the_line_goes_on_as_a_page_when_one_of_its_stations_gets_rejects() -> None:
    line = [drift("+", f"weld-0{each}", LIGHT) for each in range(3)]
    watch, turns = play([*line, drift("+", "weld-04", LIGHT, 1200, **SAYS)])
    ticket, page = [each for each in events(turns) if each.reason == "does_harm"]
    assert (ticket.kind, ticket.severity, ticket.stations[-1]) == ("resolved", Severity.WARNING, "weld-02")
    assert (page.kind, page.severity, page.stations[-1]) == ("opened", Severity.CRITICAL, "weld-04")
    assert ticket.incident_id != page.incident_id
    assert page.drift is not None
    assert page.drift.rejects == MORE
    assert watch.open == (page,)


def test_a_stations_rejects_call_people_also_while_it_is_part_of_its_lines_ticket() -> None:
    line = [drift("+", f"weld-0{each}", LIGHT) for each in range(3)]
    _, turns = play([*line, rejects("+", "weld-01", 900)])
    event = opened(turns)[-1]
    assert (event.station, event.severity) == ("weld-01", Severity.CRITICAL)
    assert event.changed is not None
    assert event.changed.sentence == "exposure began"


def person_ends(watch: Watch) -> Watch:
    for each in watch.open:
        watch = ended_by_a_person(watch, each.model_copy(update={"at": START + timedelta(seconds=100)}))
    return watch


def test_rejects_beside_a_drift_that_a_person_has_seen_to_are_a_ticket() -> None:
    watch = person_ends(play([drift("+", "weld-01", FOCUS)])[0])
    _, (turn,) = take(Watch(), rejects("+", "weld-01", 900), PLANS, watch)
    assert turn.why is Why.BEGAN


def test_a_drift_that_a_person_has_seen_to_is_no_part_of_the_next_incident() -> None:
    watch = person_ends(play([drift("+", "lone-1", FOCUS)])[0])
    watch, (begun,) = take(watch, drift("+", "lone-1", LIGHT, 900), PLANS)
    assert begun.why is Why.BEGAN
    watch, (ended,) = take(watch, drift("-", "lone-1", FOCUS), PLANS)
    assert (ended.why, len(watch.open)) == (Why.STILL_FOUND, 1)


def test_a_person_who_ends_what_the_line_shares_ends_nothing_else() -> None:
    watch, _ = play([drift("+", "weld-00", FOCUS), *(drift("+", f"weld-0{each}", LIGHT) for each in range(3))])
    whole = next(each for each in watch.open if each.stations)
    after = ended_by_a_person(watch, whole.model_copy(update={"at": START + timedelta(seconds=100)}))
    assert [each.station for each in after.open] == ["weld-00"]
    assert [(each.station, each.named) for each in after.found if not each.settled] == [("weld-00", FOCUS)]


# Whatever comes, in whatever order

STATIONS = ["weld-01", "weld-02", "weld-03", "weld-04", "lone-1", "lone-2", "lone-3"]
NAMES = [FOCUS, LIGHT, None]  # None: more parts are called
Occurrence = tuple[str, DriftCause | None, int, int]
occurrences = st.lists(
    st.tuples(st.sampled_from(STATIONS), st.sampled_from(NAMES), st.integers(0, 900), st.integers(1, 900)),
    max_size=14,
    unique_by=lambda each: each[:3],
)


def turns_of(found: Sequence[Occurrence]) -> list[Finding]:
    """In the order in which each was seen."""
    said: list[Finding] = []
    for station, name, since, lasts in found:
        for turn, at_s in (("+", since), ("-", since + lasts)):
            made = drift(turn, station, name, since, at_s=at_s) if name else rejects(turn, station, since, at_s=at_s)
            said.append(made)
    return sorted(said, key=lambda each: each.at)


@given(occurrences)
def test_every_drift_that_lasts_is_told_by_exactly_one_open_incident(found: list[Occurrence]) -> None:
    watches = defaultdict[Cause, Watch](Watch)
    lasting: Counter[tuple[str, DriftCause]] = Counter()
    for each in turns_of(found):
        watches[each.cause], _ = take(watches[each.cause], each, PLANS, watches[PARTNER[each.cause]])
        if each.drift:
            lasting[each.station, each.drift.named] += 1 if each.kind is FindingKind.BEGAN else -1
        watch = watches[Cause.DRIFT]
        told = [(one.station, one.named) for event in watch.open for one in watch.told_by(event)]
        assert Counter(told) == +lasting
        assert all(watch.told_by(event) for event in watch.open)
        own = [event.station for event in watch.open if not event.stations]
        assert len(own) == len(set(own))
        assert {s for event in watch.open for s in event.stations or (event.station,)} == {s for s, _ in +lasting}


@given(occurrences)
def test_every_incident_ends_once_and_every_event_has_a_name_of_its_own(found: list[Occurrence]) -> None:
    _, turns = play(turns_of(found))
    told = events(turns)
    assert len({each.event_id for each in told}) == len(told)
    kinds = Counter((each.incident_id, each.kind) for each in told if each.kind is not IncidentKind.UPDATED)
    assert set(kinds.values()) <= {1}
    assert {each for each, kind in kinds if kind == "opened"} == {each for each, kind in kinds if kind == "resolved"}


@given(occurrences)
def test_while_a_station_drifts_and_has_more_rejects_people_were_called_of_it_once(found: list[Occurrence]) -> None:
    watches = defaultdict[Cause, Watch](Watch)
    for each in turns_of(found):
        watches[each.cause], turns = take(watches[each.cause], each, PLANS, watches[PARTNER[each.cause]])
        here = [watches[cause].lasting(each.station) for cause in PARTNER]
        harm = [one for some in here for one in some if one.harm]
        assert len(harm) <= 1
        if each.kind is FindingKind.BEGAN and all(here):
            assert len(harm) == 1
        if each.kind is FindingKind.BEGAN and harm and harm[0].finding == each.finding_id:
            called = [event for event in opened(turns) if event.severity is Severity.CRITICAL]
            held = watches[each.cause].telling(each.station, each.drift.named if each.drift else None)
            assert called or (held and held.severity is Severity.CRITICAL)


@given(
    st.lists(
        st.tuples(st.sampled_from(STATIONS), st.sampled_from([FOCUS, LIGHT]), st.integers(0, 700)),
        unique=True,
        max_size=7,
    ),
    st.data(),
)
def test_simultaneous_drifts_leave_the_same_open_in_whatever_order_they_come(
    found: list[tuple[str, DriftCause, int]], data: st.DataObject
) -> None:
    begun = [drift("+", station, name, since, at_s=1000) for station, name, since in found]
    one, other = (play(data.draw(st.permutations(begun)))[0] for _ in range(2))

    def standing(watch: Watch) -> set[tuple[str, frozenset[str], frozenset[DriftCause | None]]]:
        return {
            (each.station, frozenset(each.stations), frozenset(one.named for one in watch.told_by(each)))
            for each in watch.open
        }

    assert standing(one) == standing(other)


@given(occurrences, st.integers(0, 28))
def test_what_redis_keeps_reads_as_it_was_written(found: list[Occurrence], count: int) -> None:
    watch, _ = play(turns_of(found)[:count])
    assert read_watch(write_watch(watch)) == watch


@given(occurrences)
def test_what_is_noted_again_without_deciding_is_the_same(found: list[Occurrence]) -> None:
    """As when Redis was lost: findings are noted anew, in their order; incidents are read from elsewhere."""
    decided, noted = defaultdict[Cause, Watch](Watch), defaultdict[Cause, Watch](Watch)
    for each in turns_of(found):
        decided[each.cause], _ = take(decided[each.cause], each, PLANS, decided[PARTNER[each.cause]])
        noted[each.cause] = note(noted[each.cause], each, noted[PARTNER[each.cause]])
    for cause in PARTNER:
        assert (noted[cause].found, noted[cause].over) == (decided[cause].found, decided[cause].over)


def test_what_was_kept_by_the_version_before_can_be_read() -> None:
    text = '{"found":[{"finding":"%s","station":"weld-01","since":"2026-03-02T14:00:00Z","settled":false}]}'
    (found,) = read_watch(text % finding("+", "weld-01").finding_id).found
    assert (found.named, found.harm, found.drift) == (None, False, None)


def test_each_order_of_three_kinds_at_a_station_tells_of_all_of_them() -> None:
    for order in permutations((FOCUS, LIGHT, GLARE)):
        watch, _ = play([drift("+", "lone-1", name, number) for number, name in enumerate(order)])
        (own,) = watch.open
        assert all(name in own.summary for name in order)
        assert own.count == 3

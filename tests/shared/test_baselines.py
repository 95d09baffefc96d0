"""The table of references, how places stand, and what is written when one is to be learned anew."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from andon.baselines import Baselines, Known, Place, place_of, read_said
from andon.drift_state import PlaceState, ShownChart, ShownPlace, StationDrift
from andon.errors import Invalid, Mistake
from andon.places import Standing, fullest, share, standings, to_go
from andon.reasons import Reason
from andon.records import Baseline, Chart, Event, Relearn, read_event, write_event
from andon.records.baseline import SIGNALS
from andon.relearning import deed_texts, learned_words, messages, relearns, standing_words
from andon.stage import Record
from andon.testing.baselines import UNTIL, small_baseline
from andon.topics import BASELINES

NOW = UNTIL + timedelta(days=3)
PLACE = Place("weld-07", None, "ab" * 32)


def lying(said: Event, key: str | None = None) -> Record:
    return Record(BASELINES, 0, 0, (key or getattr(said, "key", "")).encode(), write_event(said))


def told(place: Place = PLACE, why: str = "new lamp", at: datetime = NOW) -> Relearn:
    return Relearn(station=place.station, product=place.product, bundle=place.bundle, by="mira", why=why, at=at)


def table(*said: Event) -> Baselines:
    made = Baselines()
    for each in said:
        made.apply(lying(each))
    return made


# The table


def test_a_reference_counts_from_when_it_is_written():
    known = table(small_baseline()).of(PLACE)
    assert known is not None
    assert known.baseline == small_baseline()
    assert known.waits is None


def test_the_first_reference_counts_where_two_processes_froze_one_each():
    known = table(small_baseline(frames=9600), small_baseline(frames=9700)).of(PLACE)
    assert known is not None
    assert known.baseline is not None
    assert known.baseline.frames == 9600


def test_who_wants_it_learned_anew_ends_it_until_another_is_written():
    assert table(small_baseline(), told()).of(PLACE) == Known(relearn=told())
    after = table(small_baseline(frames=5000), told(), small_baseline(frames=7000)).of(PLACE)
    assert after is not None
    assert after.baseline is not None
    assert (after.baseline.frames, after.waits, after.relearn) == (7000, None, told())


def test_places_of_one_station_do_not_meet():
    made = table(small_baseline(), small_baseline(product="lid"), small_baseline(bundle=SIGNALS), told())
    assert [(each.place.product, each.place.sensors, each.waits is None) for each in made.at("weld-07")] == [
        (None, False, False),
        (None, True, True),
        ("lid", False, True),
    ]
    assert made.at("weld-08") == []


def test_an_empty_record_removes_its_place():
    made = table(small_baseline())
    made.apply(Record(BASELINES, 0, 1, PLACE.key.encode(), b""))
    assert made.of(PLACE) is None
    assert made.all() == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", Reason.BAD_RECORD),
        (b'{"record":"baseline"}', Reason.BAD_RECORD),
        (write_event(told()).replace(b'"schema_version":1', b'"schema_version":9'), Reason.SCHEMA_TOO_NEW),
        (write_event(told()).replace(b"Z", b""), Reason.BAD_RECORD),
        (write_event(small_baseline()).replace(b"Z", b""), Reason.BAD_RECORD),
    ],
)
def test_what_is_no_record_of_it_is_refused(value: bytes, reason: Reason):
    with pytest.raises(Invalid) as refused:
        read_said(value)
    assert refused.value.reason is reason


def test_a_record_under_another_key_than_its_own_is_refused():
    with pytest.raises(Invalid, match="under the key"):
        Baselines().apply(lying(small_baseline(), "weld-08//x"))


def test_a_place_is_named_as_people_name_it():
    assert PLACE.words == f"weld-07, bundle {'ab' * 6}"
    assert place_of(small_baseline(product="lid", bundle=SIGNALS)).words == "weld-07, product lid, its sensors"
    assert Place("weld-07", None, "").words == "weld-07, no bundle"


# How places stand


def place(state: PlaceState = PlaceState.ACTIVE, **other: Any) -> ShownPlace:
    given: dict[str, Any] = {"bundle": "ab" * 32, "state": state, "last": NOW, "frames": 9600, "until": UNTIL}
    return ShownPlace.model_validate(given | other)


def station(*places: ShownPlace, name: str = "weld-07") -> StationDrift:
    return StationDrift(station=name, updated=NOW, places=places)


def chart(name: str, of: float, kind: Chart = Chart.CUSUM, **other: Any) -> ShownChart:
    return ShownChart(name=name, chart=kind, statistic=of * 8.0, limit=8.0, **other)


def test_what_drift_shows_and_what_is_frozen_are_one_row():
    (found,) = standings(table(small_baseline()).all(), [station(place())])
    assert (found.state, found.frames, found.learned_at) == ("active", 9600, UNTIL)


def test_a_place_that_drift_shows_nothing_of_is_listed_as_learned():
    (found,) = standings(table(small_baseline()).all(), [])
    assert (found.state, found.learned_at, found.updated) == ("learned", UNTIL, None)


def test_a_place_that_has_frozen_nothing_is_listed_with_what_it_collects():
    (found,) = standings([], [station(place(PlaceState.LEARNING, frames=3100, until=None))])
    assert (found.state, found.frames, found.learned_at) == ("learning", 3100, None)


def test_what_drift_showed_before_the_reference_was_frozen_is_over():
    (found,) = standings(table(small_baseline()).all(), [station(place(PlaceState.LEARNING, frames=5000, until=None))])
    assert (found.state, found.learns, found.frames, found.learned_at) == ("learned", False, 9600, UNTIL)


def test_a_reference_from_inside_a_bundle_tells_when_it_was_learned():
    (found,) = standings([], [station(place())])
    assert found.learned_at == UNTIL


def test_where_the_reference_of_its_bundle_is_newer_than_its_own_that_one_is_told():
    later = UNTIL + timedelta(days=1)
    (found,) = standings(table(small_baseline()).all(), [station(place(until=later))])
    assert found.learned_at == later


def test_until_drift_has_heard_of_it_a_place_waits_to_be_learned_anew():
    waiting = table(small_baseline(), told()).all()
    (found,) = standings(waiting, [station(place())])
    assert (found.state, found.waits, found.learned_at) == ("to be learned anew", told(), None)
    (begun,) = standings(waiting, [station(place(PlaceState.LEARNING, frames=12, until=None))])
    assert (begun.state, begun.waits) == ("learning", None)


def test_drift_that_tells_nothing_for_a_while_is_old():
    (found,) = standings([], [station(place())])
    assert not found.is_old(NOW + timedelta(minutes=4))
    assert found.is_old(NOW + timedelta(minutes=6))
    assert not Standing(PLACE).is_old(NOW)


def test_of_one_station_what_drift_saw_last_stands_first():
    shown = station(place(product="lid"), place(product="cup"))
    known = table(small_baseline(), small_baseline("cast-1"), small_baseline(product="cup")).all()
    assert [(each.place.station, each.place.product) for each in standings(known, [shown])] == [
        ("cast-1", None),
        ("weld-07", "lid"),
        ("weld-07", "cup"),
        ("weld-07", None),
    ]


def test_of_each_number_the_fullest_chart_counts_and_the_fullest_number_stands_first():
    charts = (chart("noise", 0.2), chart("sharpness", 0.5), chart("sharpness", 0.9, Chart.WASSERSTEIN))
    assert [(each.name, each.chart) for each in fullest(charts)] == [
        ("sharpness", Chart.WASSERSTEIN),
        ("noise", Chart.CUSUM),
    ]


def test_a_number_that_is_not_back_yet_is_full_however_low_its_statistic():
    assert share(chart("noise", 0.1, active=True)) == 1.0
    assert share(chart("noise", -0.5)) == 0.5


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"frames": 3100, "wanted": 5000, "period_s": 1.0, "seconds": 3100, "wanted_s": 3600}, timedelta(seconds=1900)),
        (
            {"frames": 4900, "wanted": 5000, "period_s": 1.0, "seconds": 4900, "wanted_s": 28800},
            timedelta(seconds=23900),
        ),
        ({"frames": 6000, "wanted": 5000, "period_s": 1.0, "seconds": 9, "wanted_s": 8}, timedelta(0)),
        ({"frames": 10, "wanted": 5000}, None),
    ],
)
def test_how_long_it_still_learns_is_the_later_of_frames_and_time(given: dict[str, Any], left: timedelta | None):
    assert to_go(place(PlaceState.LEARNING, **given)) == left


def test_what_is_watched_has_nothing_to_go():
    assert to_go(place(wanted=5000, period_s=1.0)) is None


# Learning anew


def test_each_place_is_said_by_whom_and_why():
    (said,) = relearns([PLACE], "mira", "new lamp", NOW)
    assert said == told()
    (message,) = messages([said])
    assert (message.topic, message.key) == (BASELINES, PLACE.key.encode())
    assert read_event(Relearn, message.value) == said


def test_nobody_learns_anew_without_a_reason():
    with pytest.raises(Mistake, match="say why"):
        relearns([PLACE], "mira", "  ", NOW)


def test_the_audit_log_is_told_what_was_given_up():
    known = table(small_baseline()).of(PLACE)
    subject, before, after = deed_texts([PLACE], [learned_words(known)])
    assert subject == PLACE.words
    assert before == "learned from 9,600 frames until 2026-03-02 14:00 UTC"
    assert after == "learns anew from the frames that come"
    assert learned_words(None) == "no reference of its own yet"
    assert learned_words(Known(relearn=told())) == "to be learned anew since 2026-03-05 14:00 UTC (mira)"


def test_a_reference_from_inside_a_bundle_is_told_as_one():
    (found,) = standings([], [station(place())])
    assert standing_words(found) == "learned from 9,600 frames until 2026-03-02 14:00 UTC, inside its bundle"
    (own,) = standings(table(small_baseline()).all(), [])
    assert standing_words(own) == "learned from 9,600 frames until 2026-03-02 14:00 UTC"


def test_a_small_reference_is_one_that_can_be_read():
    assert read_event(Baseline, write_event(small_baseline())) == small_baseline()

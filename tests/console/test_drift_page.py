"""A drift on the page of its incident and of its station, and having it learned anew."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from drifts import AFTER, BEFORE, BUNDLE, chart, drift, drifting, learned, lid, moved, place, station, told
from redis.exceptions import ConnectionError as Unreachable
from troubles import NOW, PART, STATION, event, record, scored
from worlds import PAGE, House, Lying, TestClient, house

from andon.drift_state import PlaceState, StationDrift
from andon.freezing import frozen
from andon.incidents import Incident
from andon.records import (
    Assignment,
    Cause,
    Did,
    DriftCause,
    Event,
    Finding,
    FindingKind,
    IncidentKind,
    Region,
    Relearn,
    read_event,
    write_event,
)
from andon.records.baseline import SIGNALS
from andon.stage import Record
from andon.store import BundleStore
from andon.testing.baselines import small_baseline
from andon.testing.models import proven_bundle
from andon.topics import BASELINES
from andon_console.drifting.act import offer
from andon_console.drifting.learning import stamp
from andon_console.incidents.runbooks import runbook
from andon_console.incidents.strip import strip
from andon_console.live.watched import RETRY_S, Watched
from andon_console.safe.people import Role

HOSTILE = "<img src=x onerror=alert(1)>"


def words(text: str) -> str:
    """What people read of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def read(home: House, incident: Incident, role: Role = Role.VIEWER) -> str:
    answer = home.signed_in(role, headers=PAGE).get(f"/incidents/{incident.id}")
    assert answer.status_code == 200, answer.text
    return answer.text


def says(answer: httpx.Response) -> str:
    """What whoever pressed is told."""
    said = json.loads(answer.headers.get("HX-Trigger-After-Settle", "{}")).get("andon:tell", "")
    assert isinstance(said, str)
    return said


def relearns(home: House) -> list[Relearn]:
    return [read_event(Relearn, each.value) for each in home.sent.on(BASELINES)]


# The incident


def test_the_page_says_what_drifted_and_shows_how_it_looked_and_looks():
    home, incident = drifting()
    text = read(home, incident)
    assert "What drifted" in text
    assert "Drift. Focus: the picture became softer" in words(text)
    before, after = text.index(f"/{BEFORE}/view.jpg"), text.index(f"/{AFTER}/view.jpg")
    assert before < after
    assert text.index("data-compare") < before
    assert "data-over" in text
    assert "about once a month" in words(text)
    assert "Bad frames" not in text


def test_each_number_that_moved_is_told_and_drawn_with_its_limit():
    home, incident = drifting()
    text = read(home, incident)
    assert "sharpness 4.6 → 4.1 5 standard deviations below usual" in words(text)
    assert "12.3 against its limit of 8.4" in words(text)
    assert 'class="usual"' in text
    assert 'class="onset"' in text
    assert re.search(r'<polyline points="0\.0,\d', text)
    assert "usually 4.4 to 4.8" in text


def test_more_than_three_numbers_are_folded():
    four = tuple(moved(name) for name in ("sharpness", "noise", "luminance", "contrast"))
    home, incident = drifting(drift=drift(moved=four))
    assert "1 more that moved" in words(read(home, incident))


def test_a_shift_is_said_and_drawn_over_the_picture_of_now():
    home, incident = drifting(drift=drift(DriftCause.FRAMING, right=-11.0, down=3.0))
    text = read(home, incident)
    assert "Things stand 11 px left and 3 px down of where they stood" in words(text)
    assert text.count('class="compare-marks"') == 1
    assert text.index(f"/{AFTER}/view.jpg") < text.index('class="compare-marks"') < text.index("compare-tools")
    assert "<polygon points=" in text


def test_a_spot_is_framed_on_the_picture_of_now():
    where = Region(x=64, y=96, width=128, height=80, peak=1.0)
    home, incident = drifting(drift=drift(DriftCause.SPOT, where=where))
    assert '<rect x="64" y="96" width="128" height="80"/>' in read(home, incident)


def test_harm_and_readings_that_moved_before_are_told():
    rejects = moved("rejects", 0.004, 0.019, 6.0)
    sensor = moved("spindle_temperature", 311.2, 317.4, 8.0, unit="K")
    home, incident = drifting(drift=drift(rejects=rejects, sensors=(sensor,), retrain=True))
    said = words(read(home, incident))
    assert "It does harm: 1.9 % of the parts are called, usually 0.4 %." in said
    assert "What it does share of called parts 0.4 % → 1.9 %" in said
    assert "Readings that moved with it, or before" in said
    assert "spindle temperature 311 K → 317 K" in said
    assert "Training was asked for a bundle" in said


def test_a_picture_that_was_not_told_is_said_not_to_be_kept():
    home, incident = drifting(drift=drift(before=None))
    text = read(home, incident)
    assert "How it looked before is not kept." in text
    assert "data-compare" not in text


def test_defects_that_came_with_a_drift_show_it():
    home, incident = drifting(cause=Cause.REJECT_RATE)
    text = read(home, incident)
    assert "What drifted with it" in text
    assert "Reject rate:" in text


def test_an_incident_of_another_cause_shows_no_drift(home: House):
    home.world.incidents.take([record(event(name="other"))])
    (found,) = home.world.incidents.open()
    text = read(home, found, Role.ENGINEER)
    assert "What drifted" not in text
    assert "/relearn" not in text


def test_what_else_drifts_at_the_station_is_told_as_long_as_it_does():
    home, incident = drifting()
    also = drift(DriftCause.EXPOSURE, moved=(moved("luminance", 0.41, 0.39),))
    began = Finding(
        finding_id=uuid4(), kind=FindingKind.BEGAN, cause=Cause.DRIFT, station=STATION, sentence="darker", since=NOW,
        at=NOW, drift=also, evidence=incident.evidence,
    )  # fmt: skip
    home.world.findings.take([Record("drift", 0, 0, b"weld-07", write_event(began))])
    text = read(home, incident)
    assert "What drifts there as well exposure Less light on the whole picture" in words(text)
    assert "brightness 41.0 % → 39.0 %" in words(text)
    assert text.count("data-compare ") == 2
    over = began.model_copy(update={"kind": FindingKind.ENDED})
    home.world.findings.take([Record("drift", 0, 1, b"weld-07", write_event(over))])
    assert "What drifts there as well" not in read(home, incident)


def test_the_runbook_is_about_what_drifted_first_and_about_nothing_else_that_may():
    home, incident = drifting()
    heads = re.findall(r"<h3>(.*?)</h3>", read(home, incident))
    assert heads == ["focus", "Meaning", "Impact", "Diagnosis", "Mitigation"]


@pytest.mark.parametrize("named", list(DriftCause))
def test_each_named_cause_has_a_section_of_its_own(named: DriftCause):
    assert f"<h3>{named}</h3>" in runbook(Cause.DRIFT, named)


def test_a_runbook_of_another_cause_is_whole_whatever_drifted_with_it():
    assert runbook(Cause.REJECT_RATE, DriftCause.FOCUS) == runbook(Cause.REJECT_RATE)


def test_the_frames_of_a_drift_stand_by_time_the_newest_first():
    home, incident = drifting()
    frames = strip(incident, home.world.answers.of)
    assert [each.shot.frame_id for each in frames] == [AFTER, BEFORE]
    assert "the newest first" in read(home, incident)


def test_what_sensors_are_called_is_never_markup():
    evil = moved(HOSTILE, unit=HOSTILE[:32])
    home, incident = drifting(drift=drift(moved=(evil,), sensors=(evil,)))
    text = read(home, incident, Role.ENGINEER)
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_the_drift_s_part_changes_only_when_the_drift_does():
    home, incident = drifting()
    browser = home.signed_in(Role.VIEWER, headers=PART)

    def part() -> list[str]:
        return re.findall(r'id="drift" class="part" data-of="(\w+)"', browser.get(f"/incidents/{incident.id}/now").text)

    first = part()
    assert part() == first
    home.world.incidents.take([told(9, kind=IncidentKind.UPDATED, at_s=9, drift=drift(DriftCause.EXPOSURE))])
    assert part() != first


# Learning anew, from the incident


@pytest.fixture
def home() -> House:
    return house()


def pressed(
    home: House, incident: Incident, why: str = "new lamp", seen: str | None = None, **other: Any
) -> httpx.Response:
    offered = offer(home.world, incident)
    data = {"why": why, "seen": offered.stamp if seen is None and offered else seen or ""}
    browser: TestClient = other.pop("browser", None) or home.signed_in(Role.ENGINEER, headers=PART)
    return browser.post(f"/incidents/{incident.id}/relearn", data=data, **other)


def test_an_engineer_has_it_learned_anew_and_everybody_is_told_why():
    home, incident = drifting()
    learned(home, lid())
    answer = pressed(home, incident)
    assert answer.status_code == 200, answer.text
    (said,) = relearns(home)
    assert (said.station, said.product, said.bundle, said.by, said.why) == (STATION, "lid", BUNDLE, "edda", "new lamp")
    assert home.sent.on(BASELINES)[0].key == lid().key.encode()
    assert f"weld-07, product lid, bundle {BUNDLE[:12]}: learns anew" in says(answer)
    (deed,) = home.sent.deeds()
    assert (deed.did, deed.by, deed.station, deed.detail) == (Did.RELEARNED, "edda", STATION, "new lamp")
    assert deed.before == "learned from 9,600 frames until 2026-03-02 14:00 UTC"


def test_the_sheet_says_what_is_given_up():
    home, incident = drifting()
    learned(home, lid())
    text = read(home, incident, Role.ENGINEER)
    assert f'action="/incidents/{incident.id}/relearn"' in text
    assert "learned from 9,600 frames until 2026-03-02 14:00 UTC" in text


def test_pressed_twice_it_counts_once():
    home, incident = drifting()
    learned(home, lid())
    offered = offer(home.world, incident)
    assert offered is not None
    browser = home.signed_in(Role.ENGINEER, headers=PART)
    pressed(home, incident, browser=browser)
    again = pressed(home, incident, seen=offered.stamp, browser=browser)
    assert len(relearns(home)) == 1
    assert says(again) == "It learns anew already; you said so."


def test_who_was_first_is_told_to_the_second():
    home, incident = drifting()
    offered = offer(home.world, incident)
    assert offered is not None
    at = NOW - timedelta(minutes=1)
    learned(home, Relearn(station=STATION, product="lid", bundle=BUNDLE, by="mira", why="x", at=at))
    answer = pressed(home, incident, seen=offered.stamp)
    assert relearns(home) == []
    assert f"mira was first, at {at:%Y-%m-%d %H:%M:%S} UTC" in says(answer)


def test_a_reference_frozen_meanwhile_is_looked_at_again_first():
    home, incident = drifting()
    offered = offer(home.world, incident)
    assert offered is not None
    learned(home, lid())
    assert "has changed meanwhile" in says(pressed(home, incident, seen=offered.stamp))
    assert relearns(home) == []


def test_without_a_reason_nothing_is_learned_anew():
    home, incident = drifting()
    answer = pressed(home, incident, why="  ")
    assert answer.status_code in (400, 422)
    assert "say why" in answer.text
    assert home.sent.messages == []


def test_a_reviewer_sees_no_button_and_is_refused():
    home, incident = drifting()
    assert "/relearn" not in read(home, incident, Role.REVIEWER)
    browser = home.signed_in(Role.REVIEWER, headers=PART)
    assert pressed(home, incident, browser=browser).status_code == 403
    assert relearns(home) == []


def test_without_the_proof_of_our_own_page_nothing_is_written():
    from andon_console.safe.door import PROOF_HEADER

    home, incident = drifting()
    browser = home.signed_in(Role.ENGINEER, headers=PART)
    del browser.headers[PROOF_HEADER]
    assert pressed(home, incident, browser=browser).status_code == 403
    assert relearns(home) == []


def test_while_kafka_is_away_nothing_is_said_to_be_done():
    home, incident = drifting()
    home.sent.away = True
    answer = pressed(home, incident)
    assert answer.status_code == 503
    assert "Nothing was written" in answer.text


def test_a_form_without_script_leads_back_to_the_incident():
    home, incident = drifting()
    browser = home.signed_in(Role.ENGINEER, headers=PAGE)
    answer = pressed(home, incident, browser=browser)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/incidents/{incident.id}")


def test_of_sensors_it_is_the_readings_that_are_learned_anew():
    home, incident = drifting(drift=drift(DriftCause.SENSOR), bundle=None)
    pressed(home, incident)
    assert [(each.product, each.bundle) for each in relearns(home)] == [(None, SIGNALS)]


def test_of_a_whole_line_it_is_what_serves_at_each_station():
    home, incident = drifting(station="*", stations=(STATION, "weld-08", "weld-09"), bundle=None, product=None)
    for name, bundle in ((STATION, "cd" * 32), ("weld-08", "ef" * 32)):
        given = Assignment(station=name, bundle=bundle, at=NOW)
        home.world.models.take([Record("models", 0, 0, given.key, write_event(given))])
    pressed(home, incident)
    assert [(each.station, each.bundle) for each in relearns(home)] == [(STATION, "cd" * 32), ("weld-08", "ef" * 32)]
    assert home.sent.deeds()[0].station == "*"


def test_an_incident_about_no_reference_has_none_to_learn_anew():
    home, incident = drifting(cause=Cause.STATION_DARK)
    answer = pressed(home, incident, seen="none")
    assert "about no reference" in answer.text
    assert relearns(home) == []


# The station


class Redis:
    """What drift shows; `away`: Redis does not answer."""

    def __init__(self, shown: StationDrift | None) -> None:
        self.shown = shown
        self.away = False
        self.asked = 0

    def __call__(self, _name: str) -> StationDrift | None:
        self.asked += 1
        if self.away:
            raise Unreachable("nobody is there")
        return self.shown


def watching(*places: Any, **other: Any) -> tuple[House, Redis]:
    redis = Redis(station(*places))
    return house(watched=Watched(redis), **other), redis


def panel(home: House, role: Role = Role.VIEWER) -> str:
    answer = home.signed_in(role, headers=PART).get(f"/stations/{STATION}/drift")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_station_that_learns_says_how_far_it_is():
    home, _ = watching(
        place(PlaceState.LEARNING, frames=3100, wanted=5000, ratio=0.62, period_s=4.0, wanted_s=28_800, seconds=12_400)
    )
    text = panel(home)
    assert "62 %, 3,100 of 5,000 frames, about 4 h 33 min to go." in words(text)
    assert '<progress max="100" value="62"' in text


def test_a_watched_station_shows_every_number_against_its_limit():
    home, _ = watching(place(charts=(chart(), chart("noise", 9.0, active=True)), false_alarm_days=30.0))
    learned(home, lid())
    said = words(panel(home))
    assert "watched" in said
    assert "9,600 frames" in said
    assert "85 % of its limit 4.40, usually 4.60" in said
    assert "beyond its limit" in said
    assert "about once a month" in said


def test_a_stale_or_resting_or_silent_place_says_why():
    home, _ = watching(place(PlaceState.STALE, why="the reference is 200 days old", resting=True))
    said = words(panel(home))
    assert "stale" in said
    assert "The reference is 200 days old." in said
    assert "A fault of the camera is open" in said
    old = StationDrift(station=STATION, updated=NOW - timedelta(hours=2), places=(place(),))
    assert "told nothing new since" in words(panel(house(watched=Watched(Redis(old)))))


def test_what_was_made_before_is_folded_and_products_by_turns_are_not():
    cup, old = (
        place(product="cup", last=NOW - timedelta(minutes=20)),
        place(product="bin", last=NOW - timedelta(hours=9)),
    )
    sensors = place(product=None, bundle=SIGNALS, last=NOW - timedelta(hours=9))
    home, _ = watching(place(), cup, old, sensors)
    text = panel(home)
    shown, folded = text.split("<details>\n  <summary>1 more")
    assert "product cup" in shown
    assert "its sensors" in shown
    assert "product bin" in folded


def test_a_station_that_nothing_is_known_of_says_who_learns():
    assert "Nothing is known of it yet" in words(panel(house()))


def test_while_redis_is_away_it_says_so_and_shows_what_kafka_tells():
    home, redis = watching(place())
    learned(home, lid())
    redis.away = True
    said = words(panel(home))
    assert "Redis does not answer" in said
    assert "9,600 frames" in said


def test_nobody_waits_twice_for_a_redis_that_is_away():
    now = [0.0]
    redis = Redis(station(place()))
    redis.away = True
    watched = Watched(redis, lambda: now[0])
    assert [watched.at(STATION)[0] for _ in range(3)] == [None] * 3
    assert redis.asked == 1
    redis.away, now[0] = False, RETRY_S
    assert watched.at(STATION) == (redis.shown, "")


def test_the_station_page_asks_for_the_panel():
    lying = Lying()
    home = house(lying=lying)
    home.world.stations.take([scored(1, 0.5)])
    text = home.signed_in(Role.VIEWER, headers=PAGE).get(f"/stations/{STATION}").text
    assert f'hx-get="/stations/{STATION}/drift"' in text
    assert "andon:baselines from:body" in text


def test_one_place_is_learned_anew_from_its_station_s_page():
    home, _ = watching(place(charts=(chart(),)))
    learned(home, lid(), small_baseline(STATION, "cup", BUNDLE))
    seen = stamp((home.world.references.at(STATION)[1],))
    data = {"product": "lid", "bundle": BUNDLE, "why": "new lamp", "seen": seen}
    answer = home.signed_in(Role.ENGINEER, headers=PART).post(f"/stations/{STATION}/relearn", data=data)
    assert answer.status_code == 200, answer.text
    assert [(each.product, each.by) for each in relearns(home)] == [("lid", "edda")]
    assert "edda wants it learned anew since" in words(answer.text)
    assert "of its limit" not in answer.text


def test_a_viewer_may_look_and_not_have_it_learned_anew():
    home, _ = watching(place())
    assert "/relearn" not in panel(home)
    data = {"product": "lid", "bundle": BUNDLE, "why": "x", "seen": "x"}
    assert home.signed_in(Role.VIEWER, headers=PART).post(f"/stations/{STATION}/relearn", data=data).status_code == 403


def test_what_people_wrote_about_it_is_never_markup():
    home, _ = watching(place(why=HOSTILE, product=HOSTILE))
    learned(home, Relearn(station=STATION, product="lid", bundle=BUNDLE, by=HOSTILE, why=HOSTILE, at=NOW))
    assert "<img src=x" not in panel(home, Role.ENGINEER)


def test_a_bundle_s_page_says_what_stations_have_learned_and_under_which_one(tmp_path: Path):
    store, before = BundleStore(str(tmp_path)), proven_bundle()
    carrying = frozen(before, [small_baseline(bundle=before.digest)])
    store.put(carrying)
    answer = house(store=str(tmp_path)).signed_in(Role.VIEWER, headers=PAGE).get(f"/models/{carrying.digest}")
    said = words(answer.text)
    assert "what stations learned weld-07 9,600 frames until 2026-03-02 14:00 UTC" in said.lower().replace("utc", "UTC")
    assert "the same model with what stations have learned" in said
    assert before.digest[:12] in answer.text


def test_pages_are_told_when_a_reference_changes():
    from andon_console.pages.live import versions

    home = house()
    before = versions(home.world)["baselines"]
    learned(home, lid())
    assert versions(home.world)["baselines"] > before


def test_what_is_no_record_of_baselines_is_passed_over():
    home = house()
    said: list[Event] = [lid(), small_baseline("weld-08")]
    records = [Record(BASELINES, 0, at, b"somewhere/else", write_event(each)) for at, each in enumerate(said)]
    home.world.references.take([*records, Record(BASELINES, 0, 9, b"x", b"{")])
    assert home.world.references.at(STATION) == []

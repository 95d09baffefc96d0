"""The station page, browsing, and the page of one frame."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from taken import BEGAN, Camera, bundle, incident, opened, shot
from worlds import PAGE, House, Lying, house

from andon.errors import Mistake
from andon.health import ImageHealth
from andon.manifest import Distribution, DriftReference
from andon.records import (
    Answer,
    Assignment,
    Cause,
    Finding,
    FindingKind,
    FramePlace,
    Swap,
    Told,
    write_event,
)
from andon.stage import Record
from andon.store import BundleStore
from andon_console.frames.health import health_lines
from andon_console.live.findings import Findings
from andon_console.pages.browse import moment
from andon_console.pages.station import partitions_of
from andon_console.safe.people import Role

TWICE = "2.00 \u00d7 threshold"
HEALTH = ImageHealth(
    luminance=0.4, contrast=0.2, clipped_low=0.0, clipped_high=0.02, sharpness=3.1, noise=0.005, red_green=1.0,
    blue_green=1.0,
)  # fmt: skip


@pytest.fixture
def lying() -> Lying:
    return Lying()


@pytest.fixture
def home(lying: Lying, tmp_path: Path) -> House:
    return house(lying=lying, stores={"evidence": str(tmp_path / "evidence"), "bundles": str(tmp_path / "bundles")})


@pytest.fixture
def camera(lying: Lying) -> Camera:
    return Camera(lying)


@pytest.fixture
def digest(tmp_path: Path) -> str:
    return BundleStore(str(tmp_path / "bundles")).put(bundle())


def get(home: House, address: str, role: Role = Role.VIEWER, **headers: str) -> Any:
    return home.signed_in(role).get(address, headers=PAGE | headers)


def words(answer: Any) -> str:
    """What people read of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text))


def serves(home: House, digest: str, **other: Any) -> None:
    given = Assignment(station="weld-07", bundle=digest, at=BEGAN, **other)
    home.world.models.take([Record("models", 0, 0, given.key, write_event(given))])


def test_the_page_shows_the_newest_frame_and_what_was_said_of_it(home: House, camera: Camera) -> None:
    home.world.stations.take([camera.take(0, 0.5)[1], camera.take(1, 2.0, part="P-1", product="door")[1]])
    answer = get(home, "/stations/weld-07")
    assert answer.status_code == 200
    for part in ("weld-07", "call", TWICE, "P-1", "door"):
        assert part in words(answer)
    assert "/frames/camera.frames/2/1/" in answer.text


def test_a_station_nobody_has_heard_of_is_404_and_may_be_browsed(home: House) -> None:
    answer = get(home, "/stations/weld-99")
    assert answer.status_code == 404
    assert "Nobody here has heard of a station called" in words(answer)
    assert "/stations/weld-99/browse" in answer.text


@pytest.mark.parametrize("name", ["Weld 07", "%3Cscript%3E", "-x", "a" * 65])
def test_what_cannot_name_a_station_is_404(home: House, name: str) -> None:
    assert get(home, f"/stations/{name}").status_code == 404


def test_a_station_that_only_sends_nothing_now_is_known(home: House, camera: Camera) -> None:
    opened(home.world, incident(camera.take(1, 2.0)[1]))
    answer = get(home, "/stations/weld-07")
    assert answer.status_code == 200
    assert "Does its camera run" in words(answer)


def test_a_silent_station_says_since_when(home: House, camera: Camera) -> None:
    home.world.stations.take([camera.take(0)[1]])
    assert "Silent: nothing has come since" in words(get(home, "/stations/weld-07"))


def test_text_that_a_camera_sent_is_never_markup(home: House, camera: Camera) -> None:
    record = camera.take(0, part="<img src=x onerror=alert(1)>", subject="<script>alert(2)</script>")[1]
    home.world.stations.take([record])
    for address in ("/stations/weld-07", "/stations/weld-07/frames/3/0", "/stations/weld-07/now.json"):
        assert "<script>alert" not in get(home, address).text
        assert "<img src=x" not in get(home, address).text


def test_image_health_is_said_beside_what_is_usual(home: House, camera: Camera, digest: str) -> None:
    home.world.stations.take([camera.take(0, bundle=digest, health=HEALTH)[1]])
    answer = get(home, "/stations/weld-07/beside")
    assert "sharpness" in words(answer)
    assert "3.10" in words(answer)


def test_a_bundle_that_the_store_has_not_is_said_so(home: House, camera: Camera) -> None:
    home.world.stations.take([camera.take(0, health=HEALTH)[1]])
    serves(home, "ab" * 32)
    said = words(get(home, "/stations/weld-07/beside"))
    assert "What is usual here is not known: the bundle store does not hold its bundle" in said
    assert "not known: the bundle store does not hold it" in said


def test_the_bundle_that_serves_is_shown_with_budget_shadows_and_swap(home: House, digest: str) -> None:
    serves(home, digest, shadows=("cd" * 32,), by="mira", why="fewer false calls")
    swap = Swap(
        station="weld-07", bundle=digest, before="ef" * 32, at=BEGAN,
        frame=FramePlace(topic="camera.frames", partition=2, offset=77),
    )  # fmt: skip
    home.world.models.take([Record("models", 0, 1, swap.key, write_event(swap))])
    said = words(get(home, "/stations/weld-07/beside"))
    for part in (digest[:12], "50 false calls in 1,000", "cdcdcdcdcdcd", "by mira", "fewer false calls", "@ 77"):
        assert part in said


def test_what_drift_has_found_stands_there_until_it_ends(home: House) -> None:
    finding = Finding(
        finding_id=uuid4(), kind=FindingKind.BEGAN, cause=Cause.STATION_BLURRED, station="weld-07",
        sentence="everything is less sharp", since=BEGAN, at=BEGAN,
    )  # fmt: skip
    over = finding.model_copy(update={"kind": FindingKind.ENDED})
    began, ended = (Record("drift", 0, 0, b"weld-07", write_event(each)) for each in (finding, over))
    home.world.findings.take([began])
    assert "everything is less sharp" in words(get(home, "/stations/weld-07/beside"))
    home.world.findings.take([ended, began, Record("drift", 0, 9, b"x", b"{")])
    assert home.world.findings.open_at("weld-07") == []


def test_findings_know_their_station() -> None:
    assert Findings().open_at("weld-07") == []


# -- what follows live --


def test_what_is_known_already_is_not_sent_again(home: House, camera: Camera) -> None:
    home.world.stations.take([camera.take(seq)[1] for seq in range(3)])
    first = get(home, "/stations/weld-07/now.json").json()
    assert len(first["points"]) == 3
    assert first["frame"]["page"] == "/stations/weld-07/frames/3/2"
    known = f"?version={first['version']}&count={first['count']}"
    second = get(home, f"/stations/weld-07/now.json{known}").json()
    assert (second["frame"], second["facts"], second["points"]) == (None, None, [])
    home.world.stations.take([camera.take(3, 2.0)[1]])
    third = get(home, f"/stations/weld-07/now.json{known}").json()
    assert len(third["points"]) == 1
    assert third["frame"]["heat"] == f"/heat/3/3/{third['frame']['frame_id']}.png"


def test_nothing_follows_of_a_station_that_is_silent(home: House) -> None:
    assert get(home, "/stations/weld-07/now.json").json()["frame"] is None


def test_the_curve_comes_part_by_part_until_all_is_there(
    home: House, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("andon_console.pages.station.MOST_READ", 20)
    for seq in range(50):
        camera.take(seq, 2.0 if seq == 0 else 0.5)
    home.world.stations.take([camera.take(50)[1]])
    asked, parts = "/stations/weld-07/scores.json?minutes=60", []
    while True:
        part = get(home, asked).json()
        parts.append(part)
        if not part["rest"]:
            break
        asked = f"/stations/weld-07/scores.json?minutes=60&rest={part['rest']}&begin={part['begin']}"
    assert len(parts) == 3
    assert sum(column[5] for part in parts for column in part["columns"]) == 51
    assert sum(column[3] for part in parts for column in part["columns"]) == 1
    covered = [part["covered"] for part in parts]
    assert covered == sorted(covered)
    assert covered[-1] == 1.0


def test_a_curve_while_kafka_is_away_says_so(home: House, lying: Lying) -> None:
    lying.away = True
    answer = home.signed_in(Role.VIEWER).get("/stations/weld-07/scores.json")
    assert answer.status_code == 503
    assert "cannot reach Kafka" in answer.json()["detail"]


def test_a_stations_scores_are_read_from_its_own_partition(home: House, camera: Camera) -> None:
    assert partitions_of(home.world, "weld-07") == ()
    home.world.stations.take([camera.take(0)[1]])
    assert partitions_of(home.world, "weld-07") == (3,)


# -- browsing --


def test_frames_are_found_by_time(home: House, camera: Camera) -> None:
    for seq in range(100):
        camera.take(seq)
    at = (BEGAN + timedelta(seconds=50)).strftime("%Y-%m-%dT%H:%M:%S")
    found = re.findall(r'href="/stations/weld-07/frames/3/(\d+)"', get(home, f"/stations/weld-07/browse?at={at}").text)
    assert [int(each) for each in found] == list(range(49, 25, -1))
    later = get(home, f"/stations/weld-07/browse?at={at}&order=later").text
    assert [int(each) for each in re.findall(r'frames/3/(\d+)"', later)] == list(range(50, 74))


def test_one_may_go_on_where_a_search_stopped(home: House, camera: Camera) -> None:
    for seq in range(30):
        camera.take(seq)
    first = get(home, "/stations/weld-07/browse").text
    more = re.search(r'class="button" href="([^"]*)"', first)
    assert more
    second = get(home, more[1].replace("&amp;", "&"))
    assert [int(each) for each in re.findall(r'frames/3/(\d+)"', second.text)] == list(range(5, -1, -1))
    assert "That is all" in words(second)


def test_a_search_that_finds_nothing_says_what_to_do(home: House, camera: Camera) -> None:
    camera.take(0)
    assert "a part number must be exact" in words(get(home, "/stations/weld-07/browse?part=P-9"))


def test_browsing_while_kafka_is_away_is_503_in_words(home: House, lying: Lying) -> None:
    lying.away = True
    answer = get(home, "/stations/weld-07/browse")
    assert answer.status_code == 503
    assert "cannot reach Kafka" in words(answer)


@pytest.mark.parametrize("query", ["rest=x", "at=yesterday", "order=odd", "hours=0", "zone=9999"])
def test_a_search_that_cannot_be_understood_is_422(home: House, query: str) -> None:
    assert get(home, f"/stations/weld-07/browse?{query}").status_code == 422


@pytest.mark.parametrize(
    ("text", "zone", "wanted"),
    [
        ("2026-03-02T14:00", 0, datetime(2026, 3, 2, 14, tzinfo=UTC)),
        ("2026-03-02T14:00", -60, datetime(2026, 3, 2, 13, tzinfo=UTC)),
        ("2026-03-02T14:00+01:00", 300, datetime(2026, 3, 2, 13, tzinfo=UTC)),
        (" ", 0, None),
    ],
)
def test_moments_are_typed_in_the_viewers_own_zone(text: str, zone: int, wanted: datetime | None) -> None:
    assert moment(text, zone) == wanted


@pytest.mark.parametrize("text", ["soon", "9999-12-31T23:59", "0001-01-01T00:00+14:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Mistake, match="write one such as"):
        moment(text, 600)


# -- one frame --


def test_a_frames_page_shows_all_that_was_said_and_how_to_make_it_again(
    home: House, camera: Camera, digest: str
) -> None:
    _, scored = camera.take(5, 2.0, bundle=digest)
    answer = get(home, "/stations/weld-07/frames/3/5", Role.REVIEWER)
    assert answer.status_code == 200
    assert f"andon explain {shot(scored).frame_id} --station weld-07" in words(answer)
    assert "50 false calls in 1,000" in words(answer)
    assert 'name="outlines"' in answer.text
    assert "Real defect" in words(answer)


def test_an_ok_frame_can_be_called_a_missed_defect(home: House, camera: Camera) -> None:
    camera.take(5, 0.5)
    assert "Missed defect" in words(get(home, "/stations/weld-07/frames/3/5", Role.REVIEWER))


def test_a_viewer_draws_nothing(home: House, camera: Camera) -> None:
    camera.take(5, 2.0)
    assert 'name="outlines"' not in get(home, "/stations/weld-07/frames/3/5").text


def test_a_score_of_another_station_is_404_here(home: House, camera: Camera) -> None:
    camera.take(5)
    answer = get(home, "/stations/weld-08/frames/3/5")
    assert answer.status_code == 404
    assert "is of weld-07" in words(answer)


def test_a_score_that_is_gone_is_410_and_says_since_when_kafka_keeps(home: House, camera: Camera) -> None:
    camera.take(90)
    answer = get(home, "/stations/weld-07/frames/3/5")
    assert answer.status_code == 410
    assert "Kafka keeps since 20" in words(answer)


def test_a_frame_whose_image_is_gone_still_says_what_was_said_of_it(home: House, camera: Camera, lying: Lying) -> None:
    frame, _ = camera.take(5, 2.0)
    lying.forget(frame)
    answer = get(home, "/stations/weld-07/frames/3/5")
    assert answer.status_code == 200
    assert "The image cannot be shown: expired" in words(answer)
    assert TWICE in words(answer)


def test_a_frame_that_an_answer_tells_of_outlives_its_score(home: House, camera: Camera, lying: Lying) -> None:
    _, scored = camera.take(5, 2.0)
    known = shot(scored)
    home.world.answers.hear(
        Answer(
            frame_id=known.frame_id,
            station="weld-07",
            answer=Told.REAL,
            by="mira",
            at=BEGAN,
            frame=known.frame,
            scored=known.scored,
            score=2.0,
            threshold=1.0,
            verdict=known.verdict,
        )
    )
    lying.forget(scored)
    answer = get(home, "/stations/weld-07/frames/3/5")
    assert answer.status_code == 200
    assert "mira said: Real defect" in words(answer)


def test_a_frame_that_an_incident_shows_outlives_its_score(home: House, camera: Camera, lying: Lying) -> None:
    _, scored = camera.take(5, 2.0)
    opened(home.world, incident(scored))
    lying.forget(scored)
    answer = get(home, "/stations/weld-07/frames/3/5")
    assert answer.status_code == 200
    assert "Incidents that show it" in words(answer)


def test_a_frames_page_while_kafka_is_away_is_503(home: House, lying: Lying) -> None:
    lying.away = True
    assert get(home, "/stations/weld-07/frames/3/5").status_code == 503


@pytest.mark.parametrize(("way", "wanted"), [("previous", 3), ("next", 7)])
def test_one_goes_from_frame_to_frame_of_the_station(
    home: House, camera: Camera, lying: Lying, way: str, wanted: int
) -> None:
    for seq in (3, 5, 7):
        camera.take(seq)
    for seq in (4, 6):
        Camera(lying, "weld-08").take(seq)
    answer = get(home, f"/stations/weld-07/frames/3/5/{way}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/stations/weld-07/frames/3/{wanted}")


def test_frames_of_the_last_minutes_are_gone_through_without_asking_kafka(
    home: House, camera: Camera, lying: Lying
) -> None:
    home.world.stations.take([camera.take(seq)[1] for seq in (3, 5, 7)])
    lying.away = True
    assert get(home, "/stations/weld-07/frames/3/5/next").headers["location"].endswith("/3/7")


@pytest.mark.parametrize("way", ["previous", "next"])
def test_before_the_first_and_after_the_last_there_is_none(home: House, camera: Camera, way: str) -> None:
    camera.take(5)
    assert get(home, f"/stations/weld-07/frames/3/5/{way}").status_code == 404


# -- image health in words --


def distribution(low: float, high: float) -> Distribution:
    return Distribution(quantiles=tuple(low + (high - low) * i / 100 for i in range(101)), mean=low, sd=0.1, n=100)


def reference(**known: Distribution) -> DriftReference:
    return DriftReference(health=known, score=distribution(0, 1))


@pytest.mark.parametrize(
    ("low", "high", "usual", "off"),
    [
        (4.8, 7.2, "4.82 to 7.18", "below usual"),
        (1.0, 2.0, "1.01 to 1.99", "above usual"),
        (3.0, 4.0, "3.01 to 3.99", ""),
    ],
)
def test_a_number_is_said_beside_its_usual_range(low: float, high: float, usual: str, off: str) -> None:
    lines = {each.name: each for each in health_lines(HEALTH, reference(sharpness=distribution(low, high)))}
    assert (lines["sharpness"].value, lines["sharpness"].usual, lines["sharpness"].off) == ("3.10", usual, off)


def test_what_looks_the_same_in_words_is_not_called_unusual() -> None:
    """0.0200001 against 0.02 to 0.02: nobody would understand."""
    lines = health_lines(HEALTH, reference(clipped_high=distribution(0.01999, 0.019995)))
    assert next(each for each in lines if each.name == "white pixels").off == ""


def test_without_a_reference_every_number_stands_alone() -> None:
    assert {(each.usual, each.off) for each in health_lines(HEALTH, None)} == {("", "")}
    assert len(health_lines(HEALTH, None)) == len(ImageHealth.model_fields)

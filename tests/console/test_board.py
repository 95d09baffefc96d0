"""The board: its tiles, what is told of them, and the page."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from worlds import PAGE, House, house, make_world

from andon.ids import frame_id
from andon.line import LineFile
from andon.rates import Standing, quarter_of
from andon.records import (
    Assignment,
    Cause,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Silence,
    Verdict,
    write_event,
)
from andon.settings import KafkaSettings
from andon.stage import Record
from andon_console.board import editions as module
from andon_console.board.board import Board
from andon_console.board.lamp import Colour
from andon_console.board.spark import LIMIT, NOTHING, height, points
from andon_console.live.reachable import Reachable
from andon_console.live.requests import Requests
from andon_console.pages.addresses import picture_address
from andon_console.pages.board import Wanted, headings, since
from andon_console.pages.live_board import events
from andon_console.safe.people import Role
from andon_console.world import World

NOW = datetime.now(UTC).replace(microsecond=0)
SPACE = UUID(int=11)


def scored(station: str, seq: int, ratio: float | None = 0.5, at: datetime = NOW, **other: Any) -> Record:
    verdict = Verdict.UNSCORABLE if ratio is None else Verdict.ANOMALOUS if ratio > 1 else Verdict.OK
    given = {
        "frame_id": frame_id(station, 1, seq), "station": station, "epoch": 1, "seq": seq, "verdict": verdict,
        "captured_at": at, "scored_at": at, "width": 8, "height": 8, "score": ratio, "threshold": 1.0,
        "bundle": "ab" * 32, "frame": FramePlace(topic="camera.frames", partition=2, offset=seq), **other,
    }  # fmt: skip
    return Record("scores", 3, 100 + seq, station.encode(), write_event(Score.model_validate(given)))


def turn(
    station: str,
    kind: IncidentKind = IncidentKind.OPENED,
    severity: Severity = Severity.CRITICAL,
    stations: tuple[str, ...] = (),
    cause: Cause = Cause.DEFECT_SURGE,
    summary: str = "",
) -> Record:
    name = uuid5(SPACE, f"{station}{cause}")
    event = IncidentEvent(
        event_id=uuid5(name, kind), incident_id=name, kind=kind, station=station, cause=cause, severity=severity,
        reason="k_of_n", at=NOW, opened_at=NOW, stations=stations, summary=summary,
    )  # fmt: skip
    return Record("incidents", 0, 0, station.encode(), write_event(event))


def watched(*records: Record, **other: Any) -> tuple[World, Board]:
    world = make_world(**{"requests": Requests()} | other)
    world.stations.take(records)
    return world, Board(world, picture_address)


def news(board: Board, edition: str) -> dict[str, Any]:
    """What the tiles were told since then, the last word on each."""
    found = board.since(edition)
    assert found is not None
    told: dict[str, Any] = {}
    for each in found[1]:
        for station, said in json.loads(each.split(b"data: ", 1)[1])["tiles"].items():
            told.setdefault(station, {}).update(said)
    return told


def colour(board: Board, station: str, now: datetime) -> Colour:
    return next(each.face.colour for each in board.shown(now)[1] if each.station == station)


# The drawing of the last scores


@pytest.mark.parametrize(("ratio", "y"), [(0, 39), (1, LIMIT), (2, 1), (50, 1), (-3, 39), (float("nan"), NOTHING)])
def test_scores_are_drawn_against_the_threshold_in_the_middle(ratio: float, y: int):
    assert height(ratio) == y


def test_the_newest_score_stands_at_the_right_edge_and_what_has_no_score_leaves_a_hole():
    assert points([39, NOTHING, 20]) == "114,39 118,20"
    assert points([]) == ""
    assert points([20] * 60).startswith("0,20 2,20 ")


# Tiles and editions


def test_a_tile_shows_what_its_last_frames_were():
    _, board = watched(scored("weld-07", 1, 1.0), scored("weld-07", 2, 2.0, product="gear"))
    (tile,) = board.shown(NOW)[1]
    assert (tile.station, tile.face.product, tile.face.bundle) == ("weld-07", "gear", "abababab")
    assert (tile.points, tile.at_ms) == ("116,20 118,1", NOW.timestamp() * 1000)
    assert tile.face.picture == f"/frames/camera.frames/2/2/{frame_id('weld-07', 1, 2)}/thumb.jpg"


def test_an_edition_tells_only_what_changed():
    world, board = watched(scored("a", 1), scored("b", 1))
    edition, _ = board.shown(NOW)
    later = NOW + timedelta(seconds=1)
    world.stations.take([scored("a", 2, 1.0, later), scored("a", 3, None, later), scored("a", 4, 0.9, later)])
    board.turn(later)
    assert news(board, edition) == {"a": {"at": later.timestamp() * 1000, "add": [20, -1, 22]}}


def test_everybody_who_watches_is_sent_the_same_bytes_made_once():
    world, board = watched(scored("a", 1))
    edition, _ = board.shown(NOW)
    world.stations.take([scored("a", 2)])
    board.turn(NOW + timedelta(seconds=1))
    board.turn(NOW + timedelta(seconds=1.01))
    first, second = board.since(edition), board.since(edition)
    assert first is not None
    assert second is not None
    assert len(first[1]) == 1
    assert first[1][0] is second[1][0]


def test_nothing_new_is_said_too_so_that_silence_means_a_broken_stream():
    _, board = watched(scored("a", 1))
    edition, _ = board.shown(NOW)
    board.turn(NOW + timedelta(seconds=1))
    assert board.edition == edition
    board.turn(NOW + timedelta(seconds=2.5))
    assert board.edition != edition
    assert news(board, edition) == {}


def test_who_has_missed_too_much_or_comes_from_another_console_asks_for_the_page(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "KEPT", 3)
    _, board = watched(scored("a", 1))
    edition, _ = board.shown(NOW)
    for each in range(1, 4):
        board.turn(NOW + timedelta(seconds=3 * each))
    assert board.since(edition) is not None
    board.turn(NOW + timedelta(seconds=12))
    assert board.since(edition) is None
    for other in ("", "x", "deadbeef-1", f"{edition.split('-')[0]}-99", f"{edition.split('-')[0]}--1"):
        assert board.since(other) is None


def test_the_lamp_turns_with_the_incident_and_back_with_its_end():
    world, board = watched(scored("a", 1), scored("b", 1))
    edition, _ = board.shown(NOW)
    later = NOW + timedelta(seconds=0.5)
    world.incidents.take([turn("a")])
    board.turn(later)
    assert {name: each["face"]["colour"] for name, each in news(board, edition).items()} == {"a": "red"}
    world.incidents.take([turn("a", IncidentKind.RESOLVED)])
    assert colour(board, "a", later + timedelta(seconds=0.5)) is Colour.GREEN


def test_an_incident_of_a_line_lights_every_station_that_has_it():
    world, board = watched(scored("a", 1), scored("b", 1), scored("c", 1))
    world.incidents.take([turn("*", stations=("a", "b"), severity=Severity.WARNING, cause=Cause.STATION_DARK)])
    found = {each.station: each.face.lamp.word for each in board.shown(NOW)[1]}
    assert found == {"a": "station dark", "b": "station dark", "c": "ok"}


def test_a_station_that_nobody_hears_from_turns_grey_by_itself():
    _, board = watched(scored("a", 1))
    assert colour(board, "a", NOW + timedelta(seconds=59)) is Colour.GREEN
    assert colour(board, "a", NOW + timedelta(seconds=61)) is Colour.GREY


def test_a_station_with_an_open_incident_or_a_bundle_has_a_tile_before_it_sends_anything():
    world, board = watched()
    world.incidents.take([turn("lost", cause=Cause.STATION_SILENT), turn("drill.x")])
    assigned = Assignment(station="new", bundle="cd" * 32, at=NOW)
    everybody = Assignment(station="*", bundle="cd" * 32, at=NOW)
    world.models.take([Record("models", 0, n, e.key, write_event(e)) for n, e in enumerate((assigned, everybody))])
    found = {each.station: (each.face.colour, each.at_ms) for each in board.shown(NOW)[1]}
    assert found == {"lost": (Colour.RED, None), "new": (Colour.GREY, None)}


def test_who_watches_is_told_of_a_tile_that_goes():
    world, board = watched(scored("a", 1))
    world.incidents.take([turn("lost", cause=Cause.STATION_SILENT)])
    edition, _ = board.shown(NOW)
    world.incidents.take([turn("lost", IncidentKind.RESOLVED, cause=Cause.STATION_SILENT)])
    board.turn(NOW + timedelta(seconds=1))
    found = board.since(edition)
    assert found is not None
    assert json.loads(found[1][0].split(b"data: ", 1)[1])["gone"] == ["lost"]


def test_silences_and_bundles_that_are_still_learning_are_said():
    world, board = watched(scored("a", 1))
    quiet = Silence(target="a", since=NOW, until=NOW + timedelta(seconds=60))
    world.silences.take([Record("silences", 0, 0, b"a", write_event(quiet))])
    fitted = Assignment(station="a", bundle="ab" * 32, state="learning", at=NOW)
    world.models.take([Record("models", 0, 0, fitted.key, write_event(fitted))])
    assert board.shown(NOW)[1][0].face.lamp.flags == ("silenced", "learning")
    world.stations.take([scored("a", 2, at=NOW + timedelta(seconds=90))])
    assert board.shown(NOW + timedelta(seconds=90))[1][0].face.lamp.flags == ("learning",)


def test_the_picture_changes_every_ten_seconds_and_at_once_to_the_call_when_a_lamp_turns_red():
    world, board = watched(scored("a", 1, 3.0), scored("a", 2))

    def shown(seq: int, after_s: float) -> str:
        at = NOW + timedelta(seconds=after_s)
        world.stations.take([scored("a", seq, at=at)])
        return board.shown(at)[1][0].face.picture

    first = board.shown(NOW)[1][0].face.picture
    assert str(frame_id("a", 1, 2)) in first
    assert shown(3, 1) == shown(4, 9) == first
    assert str(frame_id("a", 1, 5)) in shown(5, 10.5)
    world.incidents.take([turn("a")])
    assert str(frame_id("a", 1, 1)) in shown(6, 11.5)


def test_a_board_that_cannot_be_believed_says_why():
    reachable = Reachable(KafkaSettings())
    _, board = watched(scored("a", 1), reachable=reachable)
    edition, _ = board.shown(NOW)
    reachable.away_since = NOW
    board.turn(NOW + timedelta(seconds=3))
    found = board.since(edition)
    assert found is not None
    assert json.loads(found[1][0].split(b"data: ", 1)[1])["stale"] == {
        "since": NOW.timestamp() * 1000,
        "why": "No answer from Kafka",
    }


@pytest.mark.parametrize(
    ("called", "text", "standing"),
    [(0, "0 / 1,000, budget 2", Standing.WITHIN), (400, "≤ 55 / 1,000, budget 2", Standing.UNCLEAR)],
)
def test_the_false_call_rate_stands_against_its_budget(tmp_path: Path, called: int, text: str, standing: Standing):
    file = tmp_path / "line.yaml"
    file.write_text("stations:\n  a: {budget: 2 per 1000}\n")
    world, board = watched(scored("a", 1), line=LineFile(file))
    world.rates.tally({("a", None, quarter_of(NOW)): (8000, called)}, NOW)
    rate = board.shown(NOW)[1][0].face.rate
    assert rate is not None
    assert (rate.text, rate.standing) == (text, standing)


def test_without_tallies_no_rate_is_invented():
    _, board = watched(scored("a", 1))
    assert board.shown(NOW)[1][0].face.rate is None


# The stream


class Welcome:
    def __init__(self, looks: int) -> None:
        self.looks = looks

    def is_welcome(self) -> bool:
        self.looks -= 1
        return self.looks >= 0


def heard(world: World, board: Board, edition: str, between: Callable[[], None] = lambda: None) -> list[str]:
    """The events of a stream that looks three times: the second look may come too soon after the first."""

    async def listen() -> str:
        said: AsyncIterator[bytes] = events(world, board, Welcome(3), edition)  # type: ignore[arg-type]
        first = await anext(said)
        between()
        return (first + b"".join([each async for each in said])).decode()

    return re.findall(r"event: (\w+)", asyncio.run(listen()))


def test_the_stream_says_how_kafka_fares_and_what_changed_and_every_edition():
    world, board = watched(scored("a", 1))
    edition, _ = board.shown(world.now())

    def between() -> None:
        world.incidents.take([turn("a")])

    said = heard(world, board, edition, between)
    assert said[0] == "standing"
    assert sorted(said[1:]) == ["board", "changed"]


def test_a_stream_from_an_edition_that_is_not_kept_asks_for_the_page_and_goes_on():
    world, board = watched(scored("a", 1))
    board.shown(world.now() - timedelta(seconds=9))

    def between() -> None:
        world.stations.take([scored("a", 2)])

    assert heard(world, board, "deadbeef-7", between) == ["again", "standing", "board"]


def test_a_stream_ends_with_the_console():
    world, board = watched()
    world.end()
    assert asyncio.run(_all(events(world, board, Welcome(9), "x"))) == []  # type: ignore[arg-type]


async def _all(said: AsyncIterator[bytes]) -> list[bytes]:
    return [each async for each in said]


# The page


@pytest.fixture
def hall(tmp_path: Path) -> House:
    file = tmp_path / "line.yaml"
    halls = "  press-*: {area: hall 1, line: body}\n  weld-*: {area: hall 1}\n  lost: {area: hall 2}\n"
    file.write_text(f"site: north\nstations:\n{halls}")
    made = house(line=LineFile(file))
    made.world.stations.take(
        [scored(name, 1, at=made.world.now()) for name in ("press-1", "press-2", "weld-7", "lost")]
    )
    made.world.incidents.take([turn("press-2")])
    return made


def test_stations_stand_under_their_site_area_and_line_with_counts(hall: House):
    board = Board(hall.world, picture_address)
    found = headings(board.shown(hall.world.now())[1])
    assert [(each.level, each.name, dict(each.counts), len(each.tiles)) for each in found] == [
        (2, "north", {"green": 3, "red": 1}, 0),
        (3, "hall 1", {"green": 2, "red": 1}, 1),
        (4, "body", {"green": 1, "red": 1}, 2),
        (3, "hall 2", {"green": 1}, 1),
    ]
    assert [each.worst for each in found] == ["red", "red", "red", "green"]


def test_where_no_place_is_named_there_is_no_heading():
    _, board = watched(scored("b", 1), scored("a", 1))
    (only,) = headings(board.shown(NOW)[1])
    assert (only.name, [each.station for each in only.tiles]) == ("", ["a", "b"])


def visible(text: str) -> list[str]:
    return re.findall(r'<li class="\w+" data-station="([^"]+)"', text)


@pytest.mark.parametrize(
    ("query", "stations"),
    [
        ("", ["weld-7", "press-1", "press-2", "lost"]),
        ("?q=PRESS", ["press-1", "press-2"]),
        ("?q=hall+2", ["lost"]),
        ("?lamp=red", ["press-2"]),
        ("?lamp=red&lamp=amber&q=weld", []),
    ],
)
def test_the_address_says_which_tiles_are_shown(hall: House, query: str, stations: list[str]):
    answer = hall.signed_in(Role.VIEWER).get(f"/{query}", headers=PAGE)
    assert answer.status_code == 200
    assert sorted(visible(answer.text)) == sorted(stations)
    assert answer.text.count("data-station=") == 4
    assert (' id="none" hidden' in answer.text) == bool(stations)


def test_an_odd_address_is_told_and_no_crash(hall: House):
    assert hall.signed_in(Role.VIEWER).get("/?lamp=purple", headers=PAGE).status_code == 422


def test_the_wall_is_the_same_page_for_a_screen_above_the_line(hall: House):
    assert 'class="board wall"' in hall.signed_in(Role.VIEWER).get("/?wall=1", headers=PAGE).text


def test_an_empty_board_says_what_will_come():
    assert "No station has sent a frame" in house().signed_in(Role.VIEWER).get("/", headers=PAGE).text


def test_what_people_and_cameras_wrote_is_escaped(hall: House):
    evil = '"><script>alert(1)</script>'
    hall.world.stations.take([scored("press-1", 2, product=evil, at=hall.world.now())])
    hall.world.incidents.take([turn("*", cause=Cause.EVIDENCE_AT_RISK, summary=evil)])
    browser = hall.signed_in(Role.VIEWER)
    for address in (f"/?q={evil}", "/board/everywhere"):
        text = browser.get(address, headers=PAGE).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_what_is_wrong_everywhere_stands_above_the_tiles_and_lights_none(hall: House):
    hall.world.incidents.take([turn("*", cause=Cause.EVIDENCE_AT_RISK, summary="Kafka forgets too soon.")])
    text = hall.signed_in(Role.VIEWER).get("/board/everywhere", headers=PAGE).text
    assert "Kafka forgets too soon." in text
    assert not_green(hall) == {"press-2": "red"}


def not_green(hall: House) -> dict[str, str]:
    """Stations whose lamp is not green."""
    tiles = Board(hall.world, picture_address).shown(hall.world.now())[1]
    return {each.station: each.face.colour for each in tiles if each.face.colour is not Colour.GREEN}


def test_nobody_sees_the_board_without_signing_in(hall: House):
    browser = hall.browser()
    assert browser.get("/", headers=PAGE).status_code == 303
    for address in ("/live/board", "/board/everywhere"):
        assert browser.get(address).status_code == 401


@pytest.mark.parametrize(
    ("ago_s", "text"),
    [(0, "now"), (3, "3 s"), (89, "89 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d"), (-5, "now")],
)
def test_an_age_is_told_as_the_browser_tells_it(ago_s: float, text: str):
    assert since(round((NOW.timestamp() - ago_s) * 1000), NOW) == text


def test_a_tile_without_a_frame_has_no_age():
    assert since(None, NOW) == "-"


def test_a_filter_of_spaces_shows_all(hall: House):
    tiles = Board(hall.world, picture_address).shown(hall.world.now())[1]
    assert all(Wanted("  ").has(each) for each in tiles)

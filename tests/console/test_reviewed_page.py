"""Reviewed frames in the browser: what there is, a ZIP of it, and false calls for a bundle's memory."""

import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from shelves import Shelf, own_id
from worlds import PAGE, House, TestClient, house

from andon.errors import Broken
from andon.records import Assignment, Did, Request, Told, Wish, read_event, write_event
from andon.stage import Record
from andon.topics import MODELS, REQUESTS
from andon_console.live.shelved import Shelved
from andon_console.safe.people import Role

BUNDLE = "ab" * 32


@pytest.fixture
def home(tmp_path: Path) -> House:
    shelf = Shelf(str(tmp_path))
    shelf.put(1, Told.FALSE_CALL)
    shelf.put(2, Told.FALSE_CALL)
    shelf.put(3, Told.REAL, outlined=True, defect="scratch")
    shelf.put(4, Told.GOOD, station="weld-08", product="lid")
    home = house(shelved=Shelved(shelf.store))
    home.world.models.take([assigned("weld-07")])
    return home


@pytest.fixture
def edda(home: House) -> TestClient:
    return home.signed_in(Role.ENGINEER, headers=PAGE)


def assigned(station: str) -> Record:
    given = Assignment(station=station, bundle=BUNDLE, by="x", at=datetime.now(UTC))
    return Record(MODELS, 0, 0, given.key, write_event(given))


def wishes(home: House) -> list[Request]:
    return [read_event(Request, each.value) for each in home.sent.on(REQUESTS)]


def memory(*numbers: int, **said: Any) -> dict[str, Any]:
    return {"frame": [str(own_id(each)) for each in numbers], "station": "weld-07", "asked": "now", **said}


# -- what there is ---------------------------------------------------------------------------------------------------


def test_what_was_reviewed_is_counted_by_answer_and_station_and_shown(edda: TestClient):
    text = edda.get("/reviewed").text
    assert ">4</b> frames" in text
    assert "2 false call" in text
    assert "scratch" in text
    assert text.count('class="shot"') == 4


def test_only_what_is_wanted_is_shown(edda: TestClient):
    assert ">2</b> frames" in edda.get("/reviewed?station=weld-07&answer=false_call").text
    assert ">1</b> frames" in edda.get("/reviewed?product=lid").text
    assert "None of these." in edda.get("/reviewed?since=24h").text


def test_the_command_lines_are_there_to_copy(edda: TestClient):
    text = edda.get("/reviewed?station=weld-07").text
    assert "andon reviewed export ./reviewed --station weld-07 --format" in text
    assert "andon fit --reviewed weld-07" in text


def test_a_viewer_sees_them_and_is_offered_nothing(home: House):
    text = home.signed_in(Role.VIEWER, headers=PAGE).get("/reviewed").text
    assert ">4</b> frames" in text
    assert "Download a ZIP" not in text


def test_a_store_that_is_away_is_told_and_what_was_read_before_still_shown(
    home: House, edda: TestClient, monkeypatch: pytest.MonkeyPatch
):
    edda.get("/reviewed")

    def away(_store: object) -> Any:
        raise Broken("store: refused")

    monkeypatch.setattr("andon_console.live.shelved.read_reviewed", away)
    home.world.shelved.look_again()
    text = edda.get("/reviewed").text
    assert "The evidence store does not answer: store: refused" in text
    assert ">4</b> frames" in text


def test_an_empty_store_says_how_frames_come_there(tmp_path: Path):
    empty = house(shelved=Shelved(Shelf(str(tmp_path)).store))
    assert "Nothing has been reviewed and kept yet" in empty.signed_in(Role.VIEWER, headers=PAGE).get("/reviewed").text


# -- a ZIP of it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("mvtec", "metadata.csv"),
        ("folder", "metadata.csv"),
        ("coco", "annotations.json"),
        ("labelstudio", "tasks.json"),
    ],
)
def test_each_format_comes_as_a_zip_that_can_be_opened(format: str, name: str, edda: TestClient):
    answer = edda.post("/reviewed/export", data={"format": format})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert f"andon-reviewed-{format}-" in answer.headers["content-disposition"]
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert any(each.endswith(name) for each in archive.namelist()), archive.namelist()


def test_who_took_what_stands_in_the_audit_log(home: House, edda: TestClient):
    edda.post("/reviewed/export", data={"format": "coco", "station": "weld-07"})
    last = home.sent.deeds()[-1]
    assert (last.did, last.by, last.station, last.subject) == (Did.EXPORTED, "edda", "weld-07", "coco")
    assert last.detail.startswith("3 reviewed frames")


def test_nothing_is_sent_that_the_audit_log_cannot_tell_of(home: House, edda: TestClient):
    home.sent.away = True
    answer = edda.post("/reviewed/export", data={"format": "coco"})
    assert answer.status_code == 503
    home.sent.away = False
    assert edda.post("/reviewed/export", data={"format": "coco"}).status_code == 200


def test_only_engineers_take_them_away(home: House):
    assert home.signed_in(Role.REVIEWER).post("/reviewed/export", data={"format": "coco"}).status_code == 403


def test_an_export_of_nothing_is_a_mistake(edda: TestClient):
    assert edda.post("/reviewed/export", data={"format": "coco", "station": "weld-99"}).status_code == 422


def test_however_often_it_is_taken_there_is_room_for_the_next(edda: TestClient):
    for _ in range(5):
        assert edda.post("/reviewed/export", data={"format": "mvtec"}).status_code == 200


# -- false calls for a memory ----------------------------------------------------------------------------------------


def test_training_is_asked_for_a_bundle_that_knows_these_false_calls(home: House, edda: TestClient):
    answer = edda.post("/reviewed/memory", data=memory(1, 2, why="dust, not dents"))
    assert answer.status_code == 303
    (wish,) = wishes(home)
    assert (wish.wish, wish.station, wish.bundle, wish.by, wish.why) == (
        Wish.MEMORY, "weld-07", BUNDLE, "edda", "dust, not dents",
    )  # fmt: skip
    assert wish.frames == (own_id(1), own_id(2))
    assert home.sent.on(REQUESTS)[0].key == b"weld-07"
    assert home.sent.deeds()[-1].did is Did.REQUESTED


def test_pressed_twice_it_is_the_same_request_and_asked_anew_another(home: House, edda: TestClient):
    for asked in ("now", "now", "later"):
        edda.post("/reviewed/memory", data=memory(1, asked=asked))
    ids = [each.request_id for each in wishes(home)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (memory(3), "it is: Real defect at weld-07"),
        (memory(9), "nobody has said anything of it"),
        (memory(1, station="weld-08"), "is no confirmed false call of weld-08"),
    ],
)
def test_only_confirmed_false_calls_of_the_station_are_remembered(
    data: dict[str, Any], says: str, home: House, edda: TestClient
):
    answer = edda.post("/reviewed/memory", data=data)
    assert answer.status_code == 422
    assert says in answer.text
    assert wishes(home) == []


def test_where_no_bundle_serves_there_is_no_memory(tmp_path: Path):
    shelf = Shelf(str(tmp_path))
    shelf.put(1, Told.FALSE_CALL)
    home = house(shelved=Shelved(shelf.store))
    answer = home.signed_in(Role.ENGINEER).post("/reviewed/memory", data=memory(1))
    assert answer.status_code == 422
    assert "no bundle serves weld-07" in answer.text


def test_only_engineers_ask_training(home: House):
    assert home.signed_in(Role.REVIEWER).post("/reviewed/memory", data=memory(1)).status_code == 403


def test_a_part_of_a_page_is_told_what_was_asked(home: House):
    edda = home.signed_in(Role.ENGINEER, headers={"HX-Request": "true"})
    assert (
        "Asked training to add 1 false call to the memory of abababab"
        in edda.post("/reviewed/memory", data=memory(1)).text
    )

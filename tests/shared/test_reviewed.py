"""Reviewed frames in a store: written whole, read proven, gone when the answer is taken back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from andon.errors import Broken, Invalid
from andon.folder import Folder
from andon.reasons import Reason
from andon.records import Answer, FramePlace, Outline, Score, Told, Verdict, write_event
from andon.reviewed import (
    ANSWER,
    PLACE,
    Reviewed,
    read_reviewed,
    remove,
    reviewed_of,
    rewrite_answer,
    stations,
    unfinished,
    write_reviewed,
)

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
JPEG, PNG, NPY, OTHER = b"\xff\xd8\xff a", b"\x89PNG\r\n\x1a\n a", b"\x93NUMPY a", b"a"
HEAT = b"\x89PNG\r\n\x1a\n heat"


def answer(number: int = 1, station: str = "weld-07", said: Told = Told.REAL, s: int = 0, **other: object) -> Answer:
    fields = {"frame_id": UUID(int=number), "station": station, "answer": said, "at": NOW + timedelta(seconds=s)}
    return Answer.model_validate(fields | other)


def score(number: int = 1) -> bytes:
    made = Score(
        frame_id=UUID(int=number), station="weld-07", epoch=1, seq=number, captured_at=NOW, scored_at=NOW,
        verdict=Verdict.ANOMALOUS, width=8, height=8, frame=FramePlace(topic="camera.frames", partition=0, offset=1),
    )  # fmt: skip
    return write_event(made)


@pytest.fixture(params=["folder", "remote"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return Folder(str(tmp_path) if request.param == "folder" else f"memory://reviewed-{uuid4()}")


@pytest.fixture
def local(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path))


def names(store: Folder, station: str = "weld-07") -> set[str]:
    return {each.name.partition(".")[2] for each in store.listed(f"{PLACE}/{station}")}


def test_what_was_kept_comes_back_byte_for_byte(store: Folder):
    said = answer(defect="scratch", outlines=(Outline(points=((0, 0), (4, 0), (4, 4))),))
    write_reviewed(store, said, JPEG, HEAT, score())
    (frame,) = read_reviewed(store)
    assert (frame.answer, frame.image(), frame.heat()) == (said, JPEG, HEAT)
    found = frame.score()
    assert found is not None
    assert write_event(found) == score()


@pytest.mark.parametrize(("image", "ending"), [(JPEG, "jpg"), (PNG, "png"), (NPY, "npy"), (OTHER, "bin")])
def test_an_image_is_called_after_what_it_is(store: Folder, image: bytes, ending: str):
    write_reviewed(store, answer(), image)
    assert names(store) == {ending, "answer.json"}
    (frame,) = read_reviewed(store)
    assert (frame.image(), frame.heat(), frame.score()) == (image, b"", None)


def test_frames_are_read_by_station_and_id(store: Folder):
    for number in range(130, 0, -1):
        write_reviewed(store, answer(number, "weld-07" if number % 2 else "press-1"), JPEG)
    assert stations(store) == ["press-1", "weld-07"]
    assert [each.answer.frame_id.int for each in read_reviewed(store, "weld-07")] == list(range(1, 131, 2))
    assert len(list(read_reviewed(store))) == 130


def test_a_store_where_nothing_was_reviewed_has_no_stations_and_no_frames(store: Folder):
    store.write(f"{UUID(int=4)}/incident.json", b"{}")
    assert stations(store) == []
    assert list(read_reviewed(store)) == []
    assert list(read_reviewed(store, "weld-07")) == []


def test_a_later_answer_rewrites_what_was_said_and_nothing_else(local: Folder):
    kept = write_reviewed(local, answer(), JPEG, HEAT, score())
    image = Path(local.url, PLACE, "weld-07", kept.name)
    before = image.stat().st_mtime_ns
    later = answer(said=Told.FALSE_CALL, s=9)
    rewrite_answer(local, kept, later)
    (frame,) = read_reviewed(local)
    assert (frame.answer, frame.image(), image.stat().st_mtime_ns) == (later, JPEG, before)


def test_a_withdrawn_frame_leaves_nothing_but_that_it_was_withdrawn(store: Folder):
    write_reviewed(store, answer(), JPEG, HEAT, score())
    taken_back = answer(said=Told.WITHDRAWN, s=9)
    for _ in range(2):
        remove(store, taken_back)
        assert names(store) == {"answer.json"}
        assert list(read_reviewed(store)) == []
    known = reviewed_of(store, "weld-07", taken_back.frame_id)
    assert known is not None
    assert known.withdrawn
    assert known.answer == taken_back


def test_a_removal_that_was_cut_short_shows_nothing_of_the_frame(local: Folder, monkeypatch: pytest.MonkeyPatch):
    write_reviewed(local, answer(), JPEG, HEAT)

    def cut(_self: Folder, _name: str) -> None:
        raise Broken("killed here")

    monkeypatch.setattr(Folder, "remove", cut)
    with pytest.raises(Broken):
        remove(local, answer(said=Told.WITHDRAWN, s=9))
    assert list(read_reviewed(local)) == []


def test_an_image_without_its_answer_is_finished_not_lost(store: Folder):
    said = answer()
    write_reviewed(store, said, JPEG, HEAT, score())
    store.remove(f"{PLACE}/weld-07/{said.frame_id}{ANSWER}")
    assert list(read_reviewed(store)) == []
    assert unfinished(store, said) is not None
    (frame,) = read_reviewed(store)
    assert (frame.image(), frame.heat(), frame.score() is None) == (JPEG, HEAT, False)
    assert unfinished(store, answer(2)) is None


def test_an_image_that_was_changed_is_not_given_out(local: Folder):
    kept = write_reviewed(local, answer(), JPEG)
    (frame,) = read_reviewed(local)
    place = Path(local.url, PLACE, "weld-07", kept.name)
    for spoilt in (JPEG[:-1] + b"b", JPEG + b"b", JPEG[:-1]):
        place.write_bytes(spoilt)
        with pytest.raises(Invalid) as told:
            frame.image()
        assert told.value.reason is Reason.CHECKSUM_MISMATCH
    place.unlink()
    with pytest.raises(Invalid) as told:
        frame.image()
    assert told.value.reason is Reason.MISSING_DATA


def test_the_score_of_another_frame_is_not_its_own(local: Folder):
    write_reviewed(local, answer(), JPEG, b"", score(2))
    (frame,) = read_reviewed(local)
    assert frame.score() is None


DAMAGES: dict[str, Callable[[Reviewed], bytes]] = {
    "cut short": lambda it: write_event(it)[:40],
    "of another frame": lambda it: write_event(it.model_copy(update={"answer": answer(2)})),
    "of another station": lambda it: write_event(it.model_copy(update={"answer": answer(1, "press-1")})),
    "naming a file outside": lambda it: write_event(it.model_copy(update={"name": "../../../etc/passwd"})),
    "naming another's file": lambda it: write_event(it.model_copy(update={"name": f"{UUID(int=2)}.jpg"})),
    "naming its own answer": lambda it: write_event(it.model_copy(update={"name": f"{UUID(int=1)}{ANSWER}"})),
    "naming no file": lambda it: write_event(it.model_copy(update={"name": ""})),
    "of a newer Andon": lambda it: write_event(it.model_copy(update={"schema_version": 99})),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_answer_is_passed_over_and_the_rest_is_read(store: Folder, damage: str):
    kept = write_reviewed(store, answer(), JPEG)
    write_reviewed(store, answer(3), PNG)
    store.write(f"{PLACE}/weld-07/{UUID(int=1)}{ANSWER}", DAMAGES[damage](kept))
    assert [each.image() for each in read_reviewed(store)] == [PNG]
    assert reviewed_of(store, "weld-07", UUID(int=1)) is None


@pytest.mark.parametrize("hostile", ["../x", "..", "a/b", "", "Weld", ".hidden", "a\0b"])
def test_a_hostile_station_never_becomes_a_folder(local: Folder, hostile: str):
    said = answer().model_copy(update={"station": hostile})
    for call in (
        lambda: write_reviewed(local, said, JPEG),
        lambda: remove(local, said),
        lambda: reviewed_of(local, hostile, said.frame_id),
        lambda: list(read_reviewed(local, hostile)),
    ):
        with pytest.raises(Invalid) as told:
            call()
        assert told.value.reason is Reason.BAD_STATION
    assert list(Path(local.url).iterdir()) == []


def test_foreign_files_and_folders_are_no_reviewed_frames(local: Folder):
    write_reviewed(local, answer(), JPEG)
    for name in ("weld-07/notes.txt", f"weld-07/{UUID(int=7)}.jpg", "Not A Station/x.jpg", "weld-07/x.answer.json"):
        local.write(f"{PLACE}/{name}", b"x")
    assert len(list(read_reviewed(local))) == 1
    assert stations(local) == ["weld-07"]

"""Data sets of reviewed frames: what each format holds, and that nothing pretends to be what it is not."""

import csv
import json
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
from shelves import HEIGHT, REGION, SQUARE, WIDTH, Shelf, jpeg, npy, own_id, png

from andon.errors import Invalid
from andon.ids import sha256_hex
from andon.records import Outline, Told
from andon.reviewed import ReviewedFrame
from andon_console.reviewed import File, Format, Options, Outlines, exported, zipped
from andon_console.reviewed.coco import area
from andon_console.reviewed.names import category, defect_name, slug

Files = dict[str, bytes]
MODEL = Options(outlines=Outlines.MODEL)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path))


@pytest.fixture
def mixed(shelf: Shelf) -> Shelf:
    """Ten good frames, a defect outlined, one with regions only, one with neither, one unsure."""
    for number in range(10):
        shelf.put(number, Told.FALSE_CALL if number % 2 else Told.GOOD)
    shelf.put(20, Told.REAL, outlined=True, regions=(REGION,), defect="Scratch")
    shelf.put(21, Told.REAL, regions=(REGION,), defect="scratch", image=jpeg())
    shelf.put(22, Told.MISSED)
    shelf.put(23, Told.UNSURE, regions=(REGION,))
    return shelf


def read(shelf: Shelf, format: Format, options: Options | None = None) -> Files:
    return {each.name: each.read() for each in exported(shelf.frames(), format, options or Options())}


def rows(files: Files) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(files["metadata.csv"].decode())))


def is_frame(name: str) -> bool:
    return name.endswith((".png", ".jpg", ".npy")) and not {"ground_truth", "mask"} & set(name.split("/"))


def drawn(data: bytes) -> np.ndarray[Any, Any]:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found)


@pytest.mark.parametrize("format", Format)
def test_images_are_written_byte_for_byte_and_the_same_frames_give_the_same_files(mixed: Shelf, format: Format):
    files = read(mixed, format)
    images = {name.rpartition("/")[2]: data for name, data in files.items() if is_frame(name)}
    assert images[f"{own_id(20)}.png"] == png(20)
    assert files == read(mixed, format)
    assert list(files) == list(read(mixed, format))


@pytest.mark.parametrize("format", Format)
def test_the_sheet_names_every_file_with_its_checksum(mixed: Shelf, format: Format):
    files = read(mixed, format)
    for row in rows(files):
        if row["file"]:
            assert sha256_hex(files[row["file"]]) == row["sha256"]
    assert {row["file"] for row in rows(files)} - {""} == {name for name in files if is_frame(name)}


def test_mvtec_sorts_by_what_people_said_and_leaves_out_what_they_are_unsure_of(mixed: Shelf):
    files = read(mixed, Format.MVTEC)
    folders = {name.rpartition("/")[0] for name in files if "/" in name}
    assert folders == {
        "weld-07/train/good", "weld-07/test/good", "weld-07/test/scratch", "weld-07/test/defect",
        "weld-07/ground_truth/scratch",
    }  # fmt: skip
    assert not any(str(own_id(23)) in name for name in files)
    assert sum("/good/" in name for name in files) == 10


def test_a_mask_shows_what_a_person_drew_and_nothing_stands_where_nobody_did(mixed: Shelf):
    files = read(mixed, Format.MVTEC)
    (mask,) = [name for name in files if "ground_truth" in name]
    assert mask == f"weld-07/ground_truth/scratch/{own_id(20)}_mask.png"
    found = drawn(files[mask])
    assert (found.shape, found.dtype) == ((HEIGHT, WIDTH), np.uint8)
    assert set(np.unique(found)) == {0, 255}
    assert np.argwhere(found).min(0).tolist() == [8, 8]
    assert np.argwhere(found).max(0).tolist() == [15, 23]
    assert (found > 0).sum() == 16 * 8
    by = {row["frame_id"]: row["outlined_by"] for row in rows(files)}
    assert (by[str(own_id(20))], by[str(own_id(21))], by[str(own_id(22))]) == ("person", "", "")


def test_the_models_regions_are_taken_when_asked_for_and_said_to_be_the_models(mixed: Shelf):
    files = read(mixed, Format.MVTEC, MODEL)
    by = {row["frame_id"]: (row["outlined_by"], bool(row["mask"])) for row in rows(files)}
    assert by[str(own_id(20))] == ("person", True)
    assert by[str(own_id(21))] == ("model", True)
    assert by[str(own_id(22))] == ("", False)
    found = drawn(files[f"weld-07/ground_truth/scratch/{own_id(21)}_mask.png"])
    assert (found > 0).sum() == REGION.width * REGION.height
    assert "1 are outlined by a person, 1 only by the model" in files["README.txt"].decode()


def test_which_good_frames_are_set_apart_depends_on_their_ids_alone(shelf: Shelf):
    for number in range(400):
        shelf.put(number, Told.GOOD)
    before = {name for name in read(shelf, Format.MVTEC) if "/test/" in name}
    assert 50 <= len(before) <= 110  # 80 of 400, give or take four standard deviations
    for number in range(400, 420):
        shelf.put(number, Told.GOOD)
    assert before <= {name for name in read(shelf, Format.MVTEC) if "/test/" in name}
    wider = {name for name in read(shelf, Format.MVTEC, Options(test_share=0.5)) if "/test/" in name}
    assert before <= wider
    assert not any("/test/" in name for name in read(shelf, Format.MVTEC, Options(test_share=0)))


def test_the_folder_format_has_a_mask_of_every_defect_beside_those_without(mixed: Shelf):
    files = read(mixed, Format.FOLDER)
    assert {name.split("/")[1] for name in files if "/" in name} == {
        "good", "good_test", "defect", "defect_no_mask", "mask"
    }  # fmt: skip
    stems: dict[str, set[str]] = {}
    for name in files:
        if name.count("/") == 3:
            stems.setdefault(name.split("/")[1], set()).add(name.split("/", 2)[2].rpartition(".")[0])
    assert stems["defect"] == stems["mask"] == {f"scratch/{own_id(20)}"}
    assert stems["defect_no_mask"] == {f"scratch/{own_id(21)}", f"defect/{own_id(22)}"}


def album(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files["annotations.json"])
    return found


def test_coco_keeps_the_formats_rules(mixed: Shelf):
    """As pycocotools reads it: ids are unique, every reference leads somewhere, a box is x, y, width, height."""
    files = read(mixed, Format.COCO, MODEL)
    found = album(files)
    assert set(found) == {"info", "licenses", "images", "annotations", "categories"}
    images = {each["id"]: each for each in found["images"]}
    categories = {each["id"]: each["name"] for each in found["categories"]}
    assert len(images) == len(found["images"]) == 12
    assert all(each["file_name"] in files for each in images.values())
    assert all((each["width"], each["height"]) == (WIDTH, HEIGHT) for each in images.values())
    assert {each["license"] for each in images.values()} == {each["id"] for each in found["licenses"]}
    assert categories == {1: "scratch"}
    assert [each["id"] for each in found["annotations"]] == [1, 2]
    for each in found["annotations"]:
        x, y, width, height = each["bbox"]
        assert 0 <= x < x + width <= WIDTH
        assert 0 <= y < y + height <= HEIGHT
        assert 0 < each["area"] <= width * height
        assert each["iscrowd"] == 0
        assert images[each["image_id"]]
        assert categories[each["category_id"]]
        (polygon,) = each["segmentation"]
        assert len(polygon) % 2 == 0
        assert len(polygon) >= 6
    person, model = sorted(found["annotations"], key=lambda each: str(each["attributes"]), reverse=True)
    assert person["segmentation"] == [[value for point in SQUARE for value in point]]
    assert person["bbox"] == [8, 8, 16, 8]
    assert model["bbox"] == [REGION.x, REGION.y, REGION.width, REGION.height]
    assert [each["attributes"]["outlined_by"] for each in (person, model)] == ["person", "model"]


def test_a_defect_that_nobody_outlined_never_becomes_a_good_image_in_coco(mixed: Shelf):
    files = read(mixed, Format.COCO)
    names = {each["file_name"].rpartition("/")[2] for each in album(files)["images"]}
    assert f"{own_id(20)}.png" in names
    assert not {f"{own_id(21)}.jpg", f"{own_id(22)}.png", f"{own_id(23)}.png"} & names
    assert [row["file"] for row in rows(files) if row["frame_id"] in {str(own_id(21)), str(own_id(22))}] == ["", ""]


def test_the_area_of_a_polygon_is_the_shoelace_formulas():
    assert area([(0, 0), (10, 0), (10, 5), (0, 5)]) == 50
    assert area([(0, 0), (10, 0), (0, 10)]) == 50
    assert area([(3, 3), (3, 3), (3, 3)]) == 1


def test_label_studio_gets_what_people_drew_as_annotations_and_the_models_regions_as_predictions(mixed: Shelf):
    files = read(mixed, Format.LABELSTUDIO, Options(image_url="/data/local-files/?d=andon/"))
    tasks = {each["data"]["frame_id"]: each for each in json.loads(files["tasks.json"])}
    assert len(tasks) == 14
    outlined = tasks[str(own_id(20))]
    assert outlined["data"]["image"] == f"/data/local-files/?d=andon/images/weld-07/{own_id(20)}.png"
    chosen, polygon = outlined["annotations"][0]["result"]
    assert chosen["value"] == {"choices": ["real"]}
    assert polygon["value"]["points"][0] == [12.5, pytest.approx(16.6667)]
    assert polygon["value"]["polygonlabels"] == ["scratch"]
    assert (polygon["original_width"], polygon["original_height"]) == (WIDTH, HEIGHT)
    (region,) = outlined["predictions"][0]["result"]
    expected = {"x": 25.0, "y": 8.3333, "width": 50.0, "height": 16.6667, "rotation": 0}
    assert region["value"] == expected | {"rectanglelabels": ["anomalous"]}
    unsure = tasks[str(own_id(23))]
    assert (unsure["annotations"], len(unsure["predictions"])) == ([], 1)


def test_the_labelling_interface_knows_every_label_that_the_tasks_use(shelf: Shelf):
    shelf.put(1, Told.REAL, outlined=True, defect='crack "A" <b>&')
    files = read(shelf, Format.LABELSTUDIO)
    interface = ElementTree.fromstring(files["labels.xml"])  # noqa: S314  our own
    known = {each.get("value") for each in interface.iter() if each.get("value")}
    names = {each.get("name") for each in interface if each.tag != "Image"}
    for task in json.loads(files["tasks.json"]):
        for result in task["annotations"][0]["result"]:
            assert result["from_name"] in names
            value = result["value"]
            assert set(value.get("choices", []) + value.get("polygonlabels", [])) <= known


@pytest.mark.parametrize("format", Format)
def test_images_of_many_planes_are_written_as_they_are_and_said_so(shelf: Shelf, format: Format):
    shelf.put(1, Told.REAL, outlined=True, image=npy())
    shelf.put(2, Told.GOOD)
    files = read(shelf, format)
    (name,) = [each for each in files if each.endswith(".npy")]
    assert files[name] == npy()
    assert "1 images are .npy" in files["README.txt"].decode()
    for mask in [each for each in files if "mask" in each and each.endswith(".png")]:
        assert drawn(files[mask]).shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize("format", Format)
def test_a_frame_whose_image_is_damaged_is_in_no_list_and_said_to_be_left_out(mixed: Shelf, format: Format):
    path = Path(mixed.store.url, "reviewed", "weld-07", f"{own_id(20)}.png")
    path.write_bytes(path.read_bytes()[:-1])
    told: list[str] = []

    def note(frame: ReviewedFrame, why: str) -> None:
        told.append(f"{frame.answer.frame_id}: {why}")

    files: Files = {}
    for each in exported(mixed.frames(), format, Options(), note):
        try:
            files[each.name] = each.read()
        except Invalid:
            continue
    assert not any(str(own_id(20)) in name for name in files)
    assert not any(str(own_id(20)).encode() in data for data in files.values())
    assert [each.split(":")[0] for each in told] == [str(own_id(20))]


@pytest.mark.parametrize("format", Format)
def test_what_is_no_image_is_left_out_and_said(shelf: Shelf, format: Format):
    shelf.put(1, Told.GOOD, image=b"no image")
    shelf.put(2, Told.GOOD)
    told: list[str] = []
    files = {each.name for each in exported(shelf.frames(), format, Options(), lambda _, why: told.append(why))}
    assert not any(str(own_id(1)) in name for name in files)
    assert told == ["it is no image that Andon knows"]


@pytest.mark.parametrize(
    "hostile", ["../../etc/passwd", "..", "/", "good", "Good ", "con", "a/b\\c", "\0", "x" * 128, "=cmd|' /C calc'!A0"]
)
@pytest.mark.parametrize("format", Format)
def test_what_people_wrote_never_leads_out_of_the_export_nor_into_the_good_ones(
    shelf: Shelf, format: Format, hostile: str
):
    shelf.put(1, Told.REAL, outlined=True, defect=hostile, note=hostile, by=hostile, product=hostile)
    for name, data in read(shelf, format, Options(names=True)).items():
        parts = name.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert all(len(part.encode()) < 200 for part in parts)
        assert "good" not in parts[1:-1]
        assert data
    (row,) = rows(read(shelf, format, Options(names=True)))
    assert not any(row[each].startswith(("=", "+", "-", "@")) for each in ("note", "defect", "answered_by", "product"))


def test_outlines_beyond_the_edge_end_at_the_edge(shelf: Shelf):
    beyond = Outline(points=((0, 0), (1_000_000, 0), (1_000_000, 1_000_000), (0, 1_000_000)))
    shelf.put(1, Told.REAL, outlines=(beyond,), width=1_000_000, height=1_000_000)
    mask = next(data for name, data in read(shelf, Format.MVTEC).items() if "ground_truth" in name)
    assert drawn(mask).shape == (HEIGHT, WIDTH)
    assert drawn(mask).all()
    (note,) = album(read(shelf, Format.COCO))["annotations"]
    assert note["bbox"] == [0, 0, WIDTH, HEIGHT]


def test_outlines_on_a_frame_that_is_good_are_no_defect(shelf: Shelf):
    shelf.put(1, Told.FALSE_CALL, outlined=True)
    assert not any("ground_truth" in name for name in read(shelf, Format.MVTEC))
    assert album(read(shelf, Format.COCO))["annotations"] == []


def test_who_answered_is_left_out_unless_asked_for(mixed: Shelf):
    assert "mira" not in read(mixed, Format.MVTEC)["metadata.csv"].decode()
    assert "mira" in read(mixed, Format.MVTEC, Options(names=True))["metadata.csv"].decode()


@pytest.mark.parametrize(
    ("text", "name"),
    [("Deep Scratch", "deep-scratch"), ("划痕", "划痕"), ("Kratzer/Riß", "kratzer-riss"), ("...", ""), ("nul", "nul-")],
)
def test_words_become_names_of_folders(text: str, name: str):
    assert slug(text) == name


def test_a_defect_is_never_called_good():
    assert [defect_name(each) for each in ("good", "GOOD!", None, "")] == [
        "good-defect",
        "good-defect",
        "defect",
        "defect",
    ]


def test_two_products_are_never_one_category():
    names = {category("weld-07", each) for each in ("cup", "Cup", "cup ", "c/up", "c-up", "", None, "划痕", "!", "?")}
    assert len(names) == 9  # "" and None are both no product
    assert category("weld-07", "cup") == "weld-07+cup"


@pytest.mark.parametrize("format", Format)
def test_a_zip_holds_the_same_files(mixed: Shelf, format: Format):
    data = b"".join(zipped(exported(mixed.frames(), format)))
    with ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == read(mixed, format)
    assert data == b"".join(zipped(exported(mixed.frames(), format)))


def test_a_zip_leaves_out_what_cannot_be_read():
    def gone() -> bytes:
        raise Invalid("missing_data", "gone")  # type: ignore[arg-type]

    data = b"".join(zipped([File("a.png", gone), File("b.png", lambda: b"b")]))
    assert ZipFile(BytesIO(data)).namelist() == ["b.png"]


def test_a_zip_is_sent_while_it_is_made_one_file_in_memory():
    held: list[int] = []

    def files() -> Iterator[File]:
        for number in range(200):
            held.append(number)
            yield File(f"{number}.png", lambda: bytes(100_000))

    parts = zipped(files())
    first = next(parts)
    assert len(held) == 1
    assert 100_000 < len(first) < 100_200
    assert max(map(len, parts)) < 100_200

"""A bundle is held against labelled frames, and nothing is left out or made up in silence."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from andon.bundle import Bundle, write_bundle
from andon.errors import Invalid, Mistake
from andon.images.prepare import prepare
from andon.preparation import Box, Preparation
from andon.testing.models import LOG_OF_BRIGHTEST, proven_bundle, swapped_model, tiny_model
from andon_training.commands.evaluate import evaluate
from andon_training.commands.verify import verify
from andon_training.evaluate.labelled import labelled_frames
from andon_training.evaluate.masks import read_mask
from andon_training.evaluate.run import evaluate_bundle

SIDE = 32
GREY = Preparation(width=SIDE, height=SIDE, channels=1)
SPOT = (slice(8, 12), slice(20, 24))


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def frame(brightest: int, ground: int = 20) -> bytes:
    """A grey frame whose score, by the tiny model, is `brightest`: a spot on a darker ground."""
    image = np.full((SIDE, SIDE), ground, np.uint8)
    image[SPOT] = brightest
    return png(image)


def spot_mask(level: int = 255) -> bytes:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[SPOT] = level
    return png(mask)


def put(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


@pytest.fixture
def bundle() -> Bundle:
    """Anomalous is what is brighter than 128."""
    return proven_bundle(preparation=GREY)


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """20 good frames, one of them too bright; 6 holes of which 2 escape; 4 scratches, all found; masks of holes."""
    files = {f"test/good/{i:02}.png": frame(60 + i) for i in range(19)} | {"test/good/glare.png": frame(150)}
    for i, level in enumerate([70, 100, 140, 160, 180, 200]):
        files |= {f"test/hole/{i}.png": frame(level), f"ground_truth/hole/{i}_mask.png": spot_mask()}
    files |= {f"test/scratch/{i}.png": frame(170 + i) for i in range(4)}
    return put(tmp_path / "weld", files)


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    commands = typer.Typer()
    commands.command("evaluate")(evaluate)
    commands.command("verify")(verify)
    return commands


def run(app: typer.Typer, *args: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, args)], catch_exceptions=False)


def written(bundle: Bundle, folder: Path) -> Path:
    path = folder / "weld.andon"
    write_bundle(bundle, path)
    return path


# Frames and masks on disk


def test_frames_and_masks_are_found_in_mvtec_layout(tmp_path: Path) -> None:
    names = ["test/good/b.png", "test/good/a.JPG", "test/hole/1.jpeg", "test/hole/2.png", "test/hole/3.png"]
    masks = ["ground_truth/hole/1_mask.png", "ground_truth/hole/2.png"]
    listed = labelled_frames(put(tmp_path, dict.fromkeys(names + masks, b"x")))
    assert [each.name for each in listed.frames] == [
        "good/a.JPG",
        "good/b.png",
        "hole/1.jpeg",
        "hole/2.png",
        "hole/3.png",
    ]
    assert [each.mask and each.mask.name for each in listed.frames] == [None, None, "1_mask.png", "2.png", None]
    assert (listed.skipped, listed.stray_masks) == ((), ())


def test_another_split_has_its_own_frames_and_masks(tmp_path: Path) -> None:
    names = [
        "test/good/a.png",
        "drift/hole/1.png",
        "ground_truth/hole/1_mask.png",
        "drift_ground_truth/hole/1_mask.png",
    ]
    listed = labelled_frames(put(tmp_path, dict.fromkeys(names, b"x")), "drift")
    assert [each.mask for each in listed.frames] == [tmp_path / "drift_ground_truth" / "hole" / "1_mask.png"]


def test_what_is_no_frame_is_named_and_hidden_files_are_not_looked_at(tmp_path: Path) -> None:
    names = ["test/good/a.png", "test/good/b.bmp", "test/good/deep/c.png", "test/d.png", "test/hole/.DS_Store"]
    listed = labelled_frames(put(tmp_path, dict.fromkeys(names, b"x")))
    assert [each.name for each in listed.frames] == ["good/a.png"]
    assert [name.split(":")[0] for name in listed.skipped] == ["d.png", "good/b.bmp", "good/deep"]


def test_a_mask_of_no_frame_is_told(tmp_path: Path) -> None:
    names = ["test/hole/1.png", "ground_truth/hole/1_mask.png", "ground_truth/hole/7_mask.png"]
    assert labelled_frames(put(tmp_path, dict.fromkeys(names, b"x"))).stray_masks == ("hole/7_mask.png",)


def test_a_name_fit_for_no_terminal_is_made_fit(tmp_path: Path) -> None:
    listed = labelled_frames(put(tmp_path, {"test/good/a\x1b[2J.png": b"x"}))
    assert listed.frames[0].name == "good/a\N{REPLACEMENT CHARACTER}[2J.png"


@pytest.mark.parametrize(
    ("names", "split", "said"),
    [
        ([], "test", "not a folder"),
        (["train/good/a.png", "drift/good/a.png"], "test", "has no folder 'test', but drift, train"),
        (["test/a.png"], "test", "no JPEG, PNG or .npy images in good/ .*a.png: lies beside the folders"),
        (["test/good/a.tif"], "test", "no JPEG, PNG or .npy images .*good/a.tif: not a JPEG, PNG or .npy"),
        (["a.png"], "", "has no folder ''"),
    ],
)
def test_without_frames_the_mistake_says_where_they_were_looked_for(
    tmp_path: Path, names: list[str], split: str, said: str
) -> None:
    folder = put(tmp_path / "weld", dict.fromkeys(names, b"x"))
    with pytest.raises(Mistake, match=said):
        labelled_frames(folder, split)


def drawn_in(mask: np.ndarray, preparation: Preparation, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """The mask's pixels, of an image of `size` (width, height)."""
    image = prepare(png(np.zeros(size[::-1], np.uint8)), preparation)
    return read_mask(png(mask), image, preparation).pixels


def test_a_mask_is_cropped_and_resized_as_its_image() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[32:48, 16:24] = 255
    preparation = GREY.model_copy(update={"crop": Box(x=16, y=32, width=32, height=32), "width": 16, "height": 16})
    expected = np.zeros((16, 16), bool)
    expected[0:8, 0:4] = True
    np.testing.assert_array_equal(drawn_in(mask, preparation), expected)


def test_a_mask_of_another_size_is_brought_to_its_image() -> None:
    mask = np.zeros((16, 16), np.uint8)
    mask[4:8, 8:16] = 255
    found = read_mask(png(mask), prepare(png(np.zeros((64, 64), np.uint8)), GREY), GREY)
    expected = np.zeros((SIDE, SIDE), bool)
    expected[8:16, 16:32] = True
    np.testing.assert_array_equal(found.pixels, expected)
    assert not found.same_size


def test_a_region_too_thin_for_the_grid_is_not_lost() -> None:
    mask = np.zeros((640, 640), np.uint8)
    mask[100, 50:400] = 255
    mask[300:340, 300:340] = 255
    found = drawn_in(mask, GREY, (640, 640))
    assert found[5, 2:20].all()
    assert found[15:17, 15:17].all()
    assert found.sum() == 18 + 4


@pytest.mark.parametrize("mask", [np.eye(64, dtype=np.uint8), np.eye(64, dtype=np.uint16)])
def test_whatever_is_not_black_is_defect(mask: np.ndarray) -> None:
    assert drawn_in(mask, GREY).any()


def test_a_blanked_place_has_no_defect() -> None:
    blanked = GREY.model_copy(update={"masks": (((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),)})
    found = drawn_in(np.full((64, 64), 255, np.uint8), blanked)
    assert found[:, 18:].all()
    assert not found[:, :15].any()


def test_a_mask_that_is_no_image_is_refused() -> None:
    with pytest.raises(Invalid):
        read_mask(b"hello", prepare(png(np.zeros((64, 64), np.uint8)), GREY), GREY)


# The whole evaluation


def test_an_evaluation_counts_escapes_and_false_calls(app: typer.Typer, bundle: Bundle, station: Path) -> None:
    result = run(app, written(bundle, station), station, "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["digest"] == bundle.digest
    assert told["frames"] == {"good": 20, "defective": 10, "with_mask": 6, "skipped": 0}
    assert (told["false_calls"], told["false_call_rate"]) == (1, 0.05)
    assert (told["escapes"], told["escape_rate"]) == (2, 0.2)
    low, high = told["false_call_interval"]
    assert low == pytest.approx(0.00127, abs=1e-5)
    assert high == pytest.approx(0.24873, abs=1e-5)
    assert told["f1"] == pytest.approx(2 * 8 / (2 * 8 + 1 + 2))
    assert told["best_f1"] >= told["f1"]
    beaten = (
        10 * 20 - (20 - 11) - 1 - 1
    )  # 70 beats 10 good, ties with one and loses to 9; 100 and 140 lose to the glare
    assert told["image_auroc"] == pytest.approx((beaten - 0.5) / 200, abs=1e-9)
    assert {kind: of["escapes"] for kind, of in told["defects"].items()} == {"hole": 2, "scratch": 0}
    assert told["calibration"] | {"within": True, "compatible": True} == told["calibration"]
    assert (told["missing"], told["skipped"]) == ({}, [])
    assert 0 < told["ms_median"] <= told["ms_p99"]
    assert told["cpu_ms"] > 0
    assert "ms_median_batch_8" in told


def test_defects_are_looked_for_where_they_are_drawn(bundle: Bundle, station: Path) -> None:
    """The tiny model's map is the frame itself. 26 frames are known: 20 good ones with a spot each, and 6 holes."""
    pixels = evaluate_bundle(bundle, station).pixels
    assert pixels is not None
    assert (pixels.frames, pixels.regions) == (26, 6)
    assert pixels.at_threshold.found == pytest.approx(4 / 6)
    assert pixels.at_threshold.false_blobs == pytest.approx(1 / 26)
    assert pixels.froc.at(0.5).found > 0.8
    assert pixels.auroc is not None
    assert pixels.auroc > 0.98


def test_frames_with_no_mask_among_others_that_have_one_are_told(bundle: Bundle, station: Path) -> None:
    warnings = evaluate_bundle(bundle, station).warnings
    assert [w for w in warnings if w.startswith("4 defective frames have no mask")]


def test_without_masks_no_pixel_figure_is_made_up(app: typer.Typer, bundle: Bundle, station: Path) -> None:
    shutil.rmtree(station / "ground_truth")
    told = json.loads(run(app, written(bundle, station), station, "--json").stdout.splitlines()[-1])
    assert {told[name] for name in ("pixel_auroc", "aupro", "froc", "boxes_found_at_2")} == {None}
    assert told["missing"]["aupro"].startswith("no masks")
    assert told["image_auroc"] > 0.9


@pytest.mark.parametrize(
    ("gone", "told", "untold"),
    [("good", "escape_rate", "false_call_rate"), ("hole", "false_call_rate", "escape_rate")],
)
def test_frames_of_one_sort_tell_half(
    app: typer.Typer, bundle: Bundle, station: Path, gone: str, told: str, untold: str
) -> None:
    shutil.rmtree(station / "test" / gone)
    shutil.rmtree(station / "test" / "scratch")
    found = json.loads(run(app, written(bundle, station), station, "--json").stdout.splitlines()[-1])
    assert found[told] is not None
    assert found[untold] is None
    assert found["image_auroc"] is None
    assert set(found["missing"]) >= {untold, "image_auroc", "average_precision", "f1"}


def test_frames_that_cannot_be_read_are_named_and_no_figure_counts_them(
    app: typer.Typer, bundle: Bundle, station: Path
) -> None:
    before = json.loads(run(app, written(bundle, station), station, "--json").stdout.splitlines()[-1])
    put(station, {"test/good/torn.png": frame(255)[:60], "test/hole/note.jpg": b"hello", "test/hole/old/1.png": b"x"})
    result = run(app, written(bundle, station), station, "--json")
    told = json.loads(result.stdout.splitlines()[-1])
    assert [name.split(":")[0] for name in told["skipped"]] == ["hole/old", "good/torn.png", "hole/note.jpg"]
    assert told["frames"]["skipped"] == 3
    assert "torn.png" in result.stderr
    assert [told[name] for name in ("escape_rate", "false_call_rate", "image_auroc")] == [
        before[name] for name in ("escape_rate", "false_call_rate", "image_auroc")
    ]


def test_when_no_frame_can_be_read_the_mistake_names_some(bundle: Bundle, tmp_path: Path) -> None:
    put(tmp_path, {"test/good/torn.png": b"hello"})
    with pytest.raises(Mistake, match=r"none of 1 images gets a score: good/torn\.png"):
        evaluate_bundle(bundle, tmp_path)


def test_a_frame_the_model_cannot_score_is_named(tmp_path: Path) -> None:
    blind = proven_bundle(preparation=GREY, model=tiny_model(GREY.shape, LOG_OF_BRIGHTEST))
    put(tmp_path, {"test/good/black.png": frame(9, ground=0), "test/good/grey.png": frame(9, ground=3)})
    found = evaluate_bundle(blind, tmp_path)
    assert [each.frame.name for each in found.frames] == ["good/grey.png"]
    assert found.skipped == ("good/black.png: the model gives no score: not_finite",)


def test_masks_that_are_torn_empty_or_of_another_size_are_told(bundle: Bundle, station: Path) -> None:
    small = png(np.full((8, 8), 255, np.uint8))
    torn, empty = spot_mask()[:50], spot_mask(0)
    put(station / "ground_truth/hole", {"0_mask.png": torn, "1_mask.png": empty, "2_mask.png": small})
    found = evaluate_bundle(bundle, station)
    told = [w for w in found.warnings if w.startswith("hole/")]
    words = ("cannot be read", "is empty", "another size")
    assert all(word in warning for word, warning in zip(words, told, strict=True))
    assert sum(each.mask is not None for each in found.frames) == 4


def test_a_bundle_that_gives_other_scores_here_is_told(bundle: Bundle, station: Path) -> None:
    other = swapped_model(bundle, tiny_model(GREY.shape, LOG_OF_BRIGHTEST))
    assert "does not give here what it gave" in evaluate_bundle(other, station).warnings[0]


def test_a_broken_promise_is_told(app: typer.Typer, bundle: Bundle, station: Path) -> None:
    """The bundle's calibration says at most 14 % of good frames; here half of them are called."""
    put(station, {f"test/good/bright-{i:02}.png": frame(150 + i) for i in range(20)})
    result = run(app, written(bundle, station), station, "--json")
    calibration = json.loads(result.stdout.splitlines()[-1])["calibration"]
    assert (calibration["within"], calibration["compatible"]) == (False, False)
    assert "NOT kept" in result.stderr


def test_words_for_people_go_to_stderr_and_stdout_stays_empty_without_json(
    app: typer.Typer, bundle: Bundle, station: Path
) -> None:
    result = run(app, written(bundle, station), station)
    assert result.stdout == ""
    assert "escapes" in result.stderr


def test_an_unknown_device_is_a_mistake(app: typer.Typer, bundle: Bundle, station: Path) -> None:
    with pytest.raises(Mistake, match="device 'gpu': cpu, cuda or auto"):
        run(app, written(bundle, station), station, "--device", "gpu")


@pytest.mark.factory
@pytest.mark.parametrize(("split", "good", "defective", "regions"), [("test", 93, 126, 151), ("drift", 91, 68, 88)])
def test_real_frames_and_masks_are_all_used(
    factory_images: Path, split: str, good: int, defective: int, regions: int
) -> None:
    bundle = proven_bundle(preparation=Preparation(width=256, height=256, channels=1))
    found = evaluate_bundle(bundle, factory_images / "magtile", split)
    assert (len(found.good), len(found.defective)) == (good, defective)
    assert (found.skipped, found.warnings) == ((), ())
    assert found.pixels is not None
    assert found.pixels.frames == good + defective
    assert found.pixels.regions == regions

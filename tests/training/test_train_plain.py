"""What `andon train` decides without PyTorch: where frames lie, which are held out, how long, how they are shown."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from andon.calibration import MIN_FRAMES
from andon.errors import Mistake
from andon.preparation import Preparation
from andon_training.anomalib_models.frames import channels_of, held_out_rows, parted, read_frames, sizes_told
from andon_training.anomalib_models.layouts import training_frames
from andon_training.anomalib_models.length import batch_of, length_of
from andon_training.anomalib_models.registry import Parameter
from andon_training.anomalib_models.resume import ASKED, Work
from andon_training.anomalib_models.trained import front_for
from andon_training.commands.train import check_installed
from andon_training.progress import silent

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMALL = Preparation(width=32, height=32)


def written(folder: Path, count: int, side: int = 32) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(count)
    files = [folder / f"{at:03d}.png" for at in range(count)]
    for file in files:
        cv2.imwrite(str(file), random.integers(0, 255, (side, side, 3), np.uint8))
    return files


def test_a_colour_frame_is_normalised_as_imagenet_is() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), np.uint8)
    expected = (frames / 255 - IMAGENET[0]) / IMAGENET[1]
    assert np.allclose(front_for(3, *IMAGENET)(frames), expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_a_grey_frame_is_the_same_as_the_colour_frame_of_its_grey() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 1), np.uint8)
    colour = np.repeat(grey, 3, axis=3)
    assert np.allclose(front_for(1, *IMAGENET)(grey), front_for(3, *IMAGENET)(colour), atol=1e-5)


@pytest.mark.parametrize("channels", [2, 4, 6, 8, 16])
def test_many_planes_are_averaged_in_three_runs_that_keep_a_flat_frame_flat(channels: int) -> None:
    flat = np.full((1, 2, 2, channels), 51, np.uint8)
    front = front_for(channels, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert np.allclose(front(flat), 0.2)
    assert (front.weight.any(axis=0)).all() or channels == 2


@pytest.mark.parametrize("n", [40, 41, 57, 100, 1000])
def test_a_fifth_is_held_out_but_never_fewer_than_a_threshold_needs(n: int) -> None:
    rows = held_out_rows(n)
    assert rows.sum() == max(MIN_FRAMES, round(n / 5))
    assert (~rows).sum() >= MIN_FRAMES
    assert np.diff(rows.astype(int)).clip(0).sum() == 5  # in five blocks, so that neighbours lie together


def test_what_a_model_tunes_on_it_does_not_learn_from() -> None:
    frames = np.arange(40, dtype=np.uint8)[:, None, None, None]
    learned, tuned = parted(frames, tunes=True)
    assert len(tuned) == 4
    assert not set(learned.ravel()) & set(tuned.ravel())
    assert len(parted(frames, tunes=False)[0]) == 40


def test_too_few_frames_are_told_with_how_many_are_missing(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="Take 10 more"):
        read_frames(written(tmp_path / "few", 30), SMALL, silent)


def test_a_folder_with_too_many_broken_images_is_refused(tmp_path: Path) -> None:
    files = written(tmp_path / "frames", 44)
    for file in files[:5]:
        file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(Mistake, match="5 of 44 images cannot be read"):
        read_frames(files, SMALL, silent)


def test_the_same_picture_counts_once_and_frames_are_told_by_their_pixels(tmp_path: Path) -> None:
    files = written(tmp_path / "frames", 44)
    frames = read_frames([*files, files[0]], SMALL, silent)
    assert (len(frames.frames), frames.offered) == (44, 45)
    assert frames.digest != read_frames(files[1:], SMALL, silent).digest


def test_mixed_sizes_are_said_and_one_size_is_not(tmp_path: Path) -> None:
    alike = written(tmp_path / "alike", 4)
    assert sizes_told(alike, SMALL) == ""
    assert "2 sizes" in sizes_told([*alike, *written(tmp_path / "other", 2, side=48)], SMALL)


def test_frames_of_many_planes_are_shown_as_they_are_and_do_not_mix_with_colour(tmp_path: Path) -> None:
    six = tmp_path / "six.npy"
    np.save(six, np.zeros((8, 8, 6), np.uint8))
    assert channels_of([six], None) == 6
    with pytest.raises(Mistake, match="3, 6 channels"):
        channels_of([six, *written(tmp_path / "colour", 1)], None)


@pytest.mark.parametrize("layout", ["train/good", "good", "normal", "train/normal", "."])
def test_the_layouts_people_have_are_found(layout: str, tmp_path: Path) -> None:
    files = written(tmp_path / layout, 3)
    (tmp_path / "test" / "scratch").mkdir(parents=True)
    if layout == ".":
        (tmp_path / "test" / "scratch").rmdir()
        (tmp_path / "test").rmdir()
    assert training_frames(tmp_path, None) == files


def test_two_folders_of_good_frames_are_not_guessed_between(tmp_path: Path) -> None:
    written(tmp_path / "good", 1)
    chosen = written(tmp_path / "normal", 2)
    with pytest.raises(Mistake, match="--normal"):
        training_frames(tmp_path, None)
    assert training_frames(tmp_path, Path("normal")) == chosen


def test_a_model_that_looks_once_takes_no_epochs() -> None:
    assert length_of("padim", 1, None, None, 10).batches(10) == 10
    with pytest.raises(Mistake, match="once"):
        length_of("padim", 1, 5, None, 10)


def test_steps_and_epochs_end_it_whichever_is_first() -> None:
    assert length_of("stfpm", None, None, 25, 10).batches(10) == 25
    assert length_of("stfpm", None, 2, 25, 10).batches(10) == 20
    assert length_of("efficient_ad", None, None, None, 100).batches(100) == 70_000


def test_efficient_ad_takes_one_frame_at_a_time() -> None:
    assert batch_of("efficient_ad", None) == 1
    with pytest.raises(Mistake, match="1 frame at a time"):
        batch_of("efficient_ad", 8)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (float, "0.01", 0.01),
        (bool, "true", True),
        (str, "resnet18", "resnet18"),
        (list[str], "layer1,layer2", ["layer1", "layer2"]),
        (list[list[int]] | None, "[[0,1],[2]]", [[0, 1], [2]]),
        (int | None, "none", None),
    ],
)
def test_a_parameter_is_read_by_its_kind(kind: object, text: str, value: object) -> None:
    assert Parameter("it", kind, None).read(text) == value


def test_a_parameter_of_the_wrong_kind_is_refused_with_its_default() -> None:
    with pytest.raises(Mistake, match="its default is 9"):
        Parameter("num_neighbors", int, 9).read("many")


def test_a_work_folder_goes_on_only_for_the_command_and_frames_it_began_with(tmp_path: Path) -> None:
    work = Work(tmp_path / "work", {"seed": 0})
    assert not work.begin()
    work.same_frames("abc")
    (work.folder / "last.ckpt").write_bytes(b"learned")
    assert work.begin()
    with pytest.raises(Mistake, match="seed: 0, now 1"):
        Work(work.folder, {"seed": 1}).begin()
    with pytest.raises(Mistake, match="not those"):
        work.same_frames("other")
    assert json.loads((work.folder / ASKED).read_bytes()) == {"seed": 0, "frames": "abc"}
    work.end()
    assert not work.folder.exists()


def test_what_failed_before_anything_was_learned_stands_in_nobodys_way(tmp_path: Path) -> None:
    Work(tmp_path / "work", {"seed": 0}).begin()
    assert not Work(tmp_path / "work", {"seed": 1}).begin()


def test_without_anomalib_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("andon_training.commands.train.find_spec", lambda _name: None)
    with pytest.raises(Mistake, match=r"andon-training\[anomalib\]"):
        check_installed()

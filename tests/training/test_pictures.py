"""Generated pictures: the same for the same seed, of every kind, grey and coloured, with defects that are small."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "services" / "training"))

from distil import camera, defects, fields, parts
from distil.pictures import GROUP, group, picture, scene

SEEDS = range(24)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.concatenate([group(seed, 96) for seed in SEEDS])


def test_a_seed_names_its_picture() -> None:
    assert np.array_equal(picture(7), picture(7))
    assert not np.array_equal(picture(7), picture(8))


def test_a_group_is_the_same_on_every_run_and_no_two_of_its_pictures_are_equal() -> None:
    first, again = group(3), group(3)
    assert np.array_equal(first, again)
    assert len({view.tobytes() for view in first}) == GROUP


@pytest.mark.parametrize("size", [64, 192, 256])
def test_pictures_are_square_of_three_channels_in_eight_bits(size: int) -> None:
    assert picture(1, size).shape == (size, size, 3)
    assert picture(1, size).dtype == np.uint8


def test_about_half_of_the_pictures_are_grey(pictures: np.ndarray) -> None:
    grey = np.mean([np.ptp(view.astype(int), axis=2).max() == 0 for view in pictures])
    assert 0.3 < grey < 0.7


def test_pictures_are_dark_and_bright_flat_and_busy(pictures: np.ndarray) -> None:
    mean, spread = pictures.mean((1, 2, 3)), pictures.std((1, 2, 3))
    assert np.quantile(mean, 0.05) < 60
    assert np.quantile(mean, 0.95) > 180
    assert np.quantile(spread, 0.1) < 12
    assert np.quantile(spread, 0.9) > 40


def test_no_two_scenes_look_alike(pictures: np.ndarray) -> None:
    small = pictures[::GROUP, ::12, ::12].reshape(len(SEEDS), -1).astype(float)
    likeness = np.corrcoef(small) - np.eye(len(SEEDS))
    assert np.quantile(np.abs(likeness), 0.9) < 0.6


def test_the_first_two_of_a_group_differ_by_a_defect_alone(pictures: np.ndarray) -> None:
    """Most of the view is the same; the defect is somewhere, mostly small."""
    good, defective = (pictures[at::GROUP].astype(int) for at in (0, 1))
    changed = (np.abs(good - defective).max(3) > 24).mean((1, 2))
    assert np.median(changed) < 0.1
    assert np.mean(changed > 0) > 0.5


@pytest.mark.parametrize("draw", [*fields.PLAIN, fields.motif, fields.warped, fields.smooth], ids=lambda f: f.__name__)
def test_every_field_is_a_texture_within_0_and_1(draw: fields.Field) -> None:
    for seed in range(4):
        drawn = draw(np.random.default_rng(seed), 128)
        assert drawn.shape == (128, 128)
        assert drawn.dtype == np.float32
        assert drawn.min() >= 0
        assert drawn.max() <= 1
        assert np.ptp(drawn) > 0.01


@pytest.mark.parametrize("draw", sorted(set(parts.EVERY), key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_every_part_is_an_outline_on_an_empty_ground(draw: parts.Part) -> None:
    covered = [(draw(np.random.default_rng(seed), 96) > 0).mean() for seed in range(6)]
    assert min(covered) > 0.002
    assert np.median(covered) < 0.95


@pytest.mark.parametrize("spoil", sorted(set(defects.EVERY), key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_every_defect_changes_a_copy_and_only_in_places(spoil: defects.Defect) -> None:
    view = camera.framed(np.random.default_rng(0), scene(4), 128)
    kept = view.copy()
    changed = [(spoil(np.random.default_rng(seed), view) != view).any(2).mean() for seed in range(20)]
    assert np.array_equal(view, kept)
    assert max(changed) > 0
    assert np.median(changed) < 0.6


def test_a_fixed_camera_takes_the_same_picture_twice() -> None:
    view = camera.framed(np.random.default_rng(0), scene(4), 96)
    first, again = (camera.taken(np.random.default_rng(9), view) for _ in range(2))
    assert np.array_equal(first, again)

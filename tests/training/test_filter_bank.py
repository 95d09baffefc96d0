"""The filter bank says what the same filters say in NumPy and OpenCV, and is a backbone like any other."""

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest

from andon.onnxfile import check_model
from andon_training.backbones import parse_backbone, read_backbone
from andon_training.filter_bank import (
    DEPTH,
    ENERGY_FLOOR,
    LEVELS,
    LUMA,
    NAME,
    ORIENTATIONS,
    RANGE_FLOOR,
    filter_bank,
    gabor_pair,
)
from andon_training.options import Pixels

RANGES = LEVELS * ORIENTATIONS  # where the local ranges begin
BRIGHTNESS = RANGES + LEVELS
COLOURS = BRIGHTNESS + 2
COLOUR_RANGES = COLOURS + 2


@cache
def session() -> Any:
    return onnxruntime.InferenceSession(filter_bank(), providers=["CPUExecutionProvider"])


def noise(height: int = 64, width: int = 96, seed: int = 0) -> np.ndarray:
    """Brightness in 0..1, float32 [height, width], as cameras give it: in 256 steps."""
    levels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    return levels.astype(np.float32) / 255


def features(image: np.ndarray) -> np.ndarray:
    """float32 [rows, columns, DEPTH] of brightness [h, w] or R, G, B [h, w, 3]."""
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    (found,) = session().run(None, {"input": np.ascontiguousarray(colour.transpose(2, 0, 1)[None])})
    return np.asarray(found[0].transpose(1, 2, 0))


def pooled(image: np.ndarray, cell: int, how: str) -> np.ndarray:
    rows, columns = image.shape[0] // cell, image.shape[1] // cell
    return np.asarray(getattr(image.reshape(rows, cell, columns, cell), how)(axis=(1, 3)))


def energy(image: np.ndarray, orientation: int) -> np.ndarray:
    pair = gabor_pair(np.pi * orientation / ORIENTATIONS)
    answers = [cv2.filter2D(image, cv2.CV_32F, taps, borderType=cv2.BORDER_REFLECT_101) for taps in pair]
    return np.sum(np.square(answers), axis=0)


def local_range(image: np.ndarray) -> np.ndarray:
    box = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(image, box) - cv2.erode(image, box))


def test_a_filter_answers_nothing_to_evenness_and_at_most_one_to_a_wave() -> None:
    pair = gabor_pair(0.7)
    np.testing.assert_allclose(pair.sum(axis=(1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(pair.clip(0).sum(axis=(1, 2)), 1, rtol=1e-6)


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_an_orientations_energy_is_that_of_its_filter_pair(orientation: int) -> None:
    expected = np.log(pooled(energy(noise(), orientation), 8, "mean") + ENERGY_FLOOR)
    np.testing.assert_allclose(features(noise())[..., orientation], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", range(1, LEVELS))
def test_a_further_scale_is_the_first_of_the_halved_image(scale: int) -> None:
    smaller = pooled(noise(), 2**scale, "mean")
    expected = np.log(pooled(energy(smaller, 0), 8 >> scale, "mean") + ENERGY_FLOOR)
    np.testing.assert_allclose(features(noise())[..., scale * ORIENTATIONS], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", range(LEVELS))
def test_the_local_range_is_greatest_minus_least(scale: int) -> None:
    smaller = pooled(noise(), 2**scale, "mean")
    expected = np.log(pooled(local_range(smaller), 8 >> scale, "max") + RANGE_FLOOR)
    np.testing.assert_allclose(features(noise())[..., RANGES + scale], expected, rtol=1e-4, atol=1e-4)


def test_brightness_is_the_mean_of_the_cell_and_of_those_around_it() -> None:
    near = pooled(noise(), 8, "mean")
    wide = cv2.blur(np.pad(near, 1), (3, 3))[1:-1, 1:-1] / cv2.blur(np.pad(np.ones_like(near), 1), (3, 3))[1:-1, 1:-1]
    found = features(noise())
    np.testing.assert_allclose(found[..., BRIGHTNESS], near, atol=1e-5)
    np.testing.assert_allclose(found[..., BRIGHTNESS + 1], wide, atol=1e-5)


def test_brightness_of_a_colour_is_bt_601() -> None:
    pure = (np.full((32, 32, 3), colour, np.float32) for colour in np.eye(3))
    red, green, blue = (features(image)[2, 2, BRIGHTNESS] for image in pure)
    np.testing.assert_allclose((red, green, blue), LUMA, atol=1e-5)


def test_opponent_colours_are_red_less_green_and_yellow_less_blue() -> None:
    image = np.stack([noise(seed=1), noise(seed=2), noise(seed=3)], axis=2)
    red, green, blue = image.transpose(2, 0, 1)
    found = features(image)
    for at, opponent in enumerate((red - green, (red + green) / 2 - blue)):
        np.testing.assert_allclose(found[..., COLOURS + at], pooled(opponent, 8, "mean"), atol=1e-4)
        expected = np.log(pooled(local_range(opponent), 8, "max") + RANGE_FLOOR)
        np.testing.assert_allclose(found[..., COLOUR_RANGES + at], expected, rtol=1e-4, atol=1e-4)


def test_a_grey_frame_has_no_colour() -> None:
    found = features(noise())
    np.testing.assert_allclose(found[..., COLOURS:COLOUR_RANGES], 0, atol=1e-6)
    np.testing.assert_allclose(found[..., COLOUR_RANGES:], np.log(RANGE_FLOOR), rtol=1e-4)


def test_a_change_of_colour_alone_is_seen() -> None:
    """Equal brightness by BT.601, other hue."""
    red, green = (np.full((64, 64, 3), rgb, np.float32) / 255 for rgb in ((150, 73, 80), (40, 130, 77)))
    apart = np.abs(features(red) - features(green))
    assert apart[..., COLOURS:].max() > 0.5
    assert apart[..., BRIGHTNESS].max() < 0.01


def test_it_is_a_backbone_like_any_other_of_stride_8_alone() -> None:
    backbone = parse_backbone(filter_bank(), "mine.onnx")
    assert [(output.stride, output.depth) for output in backbone.outputs] == [(8, DEPTH)]
    assert backbone.pixels is Pixels.UNIT
    check_model(filter_bank())


def test_it_is_had_by_name_and_is_always_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_backbone(Path(NAME)).digest == parse_backbone(filter_bank(), "other").digest

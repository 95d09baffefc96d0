"""Each number moves with the one thing it is named after."""

import cv2
import numpy as np
import pytest

from andon.health import ImageHealth
from andon.images.health import mean_of_planes, measure
from andon.testing import hostile

SMOOTH = cv2.GaussianBlur(hostile.photo(256, 256), (0, 0), 4)


def with_noise(sigma: float, picture: np.ndarray = SMOOTH) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, sigma, picture.shape[:2])
    levels = np.rint(picture.astype(float).mean(axis=2) * 0.5 + 60 + noise)
    return np.clip(levels, 0, 255).astype(np.uint8)


def test_luminance_and_contrast_are_mean_and_deviation_in_0_to_1() -> None:
    halves = np.full((100, 100), 51, np.uint8)
    halves[:, 50:] = 153
    health = measure(halves)
    assert (health.luminance, health.contrast) == pytest.approx((0.4, 0.2), abs=1e-6)


def test_clipping_counts_pixels_at_either_end() -> None:
    picture = np.full((100, 100), 128, np.uint8)
    picture[:10], picture[10:30] = 2, 253
    health = measure(picture)
    assert (health.clipped_low, health.clipped_high) == pytest.approx((0.1, 0.2))


def test_a_blurred_lens_is_less_sharp() -> None:
    sharpness = [measure(cv2.GaussianBlur(with_noise(5), (0, 0), sigma)).sharpness for sigma in (0.5, 1, 2, 4)]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[0] > sharpness[-1] + 2


@pytest.mark.parametrize("sigma", [2, 4, 8, 16])
def test_noise_is_the_sigma_that_was_added(sigma: int) -> None:
    assert measure(with_noise(sigma)).noise * 255 == pytest.approx(sigma, rel=0.1)


def test_edges_do_not_pass_for_noise() -> None:
    """A mean of the same answers would call this board of squares noisy."""
    board = np.kron(np.indices((16, 16)).sum(axis=0) % 2, np.ones((16, 16))).astype(np.uint8) * 200 + 20
    assert measure(board).noise == 0


def test_colour_balance_follows_the_colour_of_the_light() -> None:
    grey = np.full((64, 64, 3), 100, np.uint8)
    warm = grey.copy()
    warm[..., 0], warm[..., 2] = 80, 120
    assert (measure(grey).red_green, measure(grey).blue_green) == (1, 1)
    assert measure(warm).red_green == pytest.approx(121 / 101)
    assert measure(warm).blue_green == pytest.approx(81 / 101)


def test_a_grey_image_is_balanced() -> None:
    health = measure(SMOOTH[..., 0])
    assert (health.red_green, health.blue_green) == (1, 1)


@pytest.mark.parametrize("count", [2, 4, 16])
def test_of_many_planes_the_mean_is_measured_as_a_grey_image(count: int) -> None:
    planes = hostile.planes(count, 256, 256)
    mean = np.floor(planes.mean(axis=2) + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(mean_of_planes(planes), mean)
    assert measure(planes) == measure(mean)


def test_the_brightest_planes_do_not_overflow_their_mean() -> None:
    assert measure(np.full((64, 64, 16), 255, np.uint8)).luminance == 1


def test_a_large_image_is_measured_on_a_small_copy() -> None:
    large = cv2.resize(SMOOTH, (1024, 512), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(large, (256, 128), interpolation=cv2.INTER_AREA)
    assert measure(large) == measure(small)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2, 3), (1, 5000)])
@pytest.mark.parametrize("level", [0, 255])
def test_the_smallest_the_darkest_and_the_brightest_have_finite_numbers(shape: tuple[int, ...], level: int) -> None:
    health = measure(np.full(shape, level, np.uint8))
    assert (health.contrast, health.sharpness, health.noise) == (0, 0, 0)
    assert health.luminance == level / 255


def test_health_travels_as_json() -> None:
    health = measure(with_noise(3))
    assert ImageHealth.model_validate_json(health.model_dump_json()) == health
    assert len(health.model_dump_json()) < 250

"""Measures image health: 0.2 ms of one core for a 256x256 colour image."""

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.health import ImageHealth
from andon.images.header import many

Pixels8 = NDArray[np.uint8]
Shares = NDArray[np.float64]

MAX_SIDE = 256
BLACK, WHITE = 2, 253
DIGITS = 6
LEVELS = np.arange(256, dtype=np.float64)

# The difference of two Laplacians: blind to a plane and to a straight edge, so what is left is mostly noise.
# J. Immerkaer, "Fast Noise Variance Estimation", Computer Vision and Image Understanding 64(2), 1996.
NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
MASK_NORM = 6.0  # the root of the sum of squares of NOISE_MASK
MAD_TO_SIGMA = 1 / 0.6745  # median of |x| to sigma, for a Gaussian


def measure(image: Pixels8) -> ImageHealth:
    """The health of `image`: uint8, [h, w] grey, [h, w, 3] BGR or [h, w, planes]; of a small copy above 256 a side."""
    small = small_copy(image)
    return measure_small(small, grey_of(small))


def small_copy(image: Pixels8) -> Pixels8:
    """[h, w] or [h, w, 3] BGR, at most 256 a side; of many planes their mean."""
    return _shrunk(mean_of_planes(image) if image.ndim == 3 and many(image.shape[2]) else image)


def grey_of(small: Pixels8) -> Pixels8:
    """A small copy in grey, [h, w]."""
    return small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)


def measure_small(small: Pixels8, grey: Pixels8) -> ImageHealth:
    """As `measure`, of a small copy and the same in grey."""
    histogram = _histogram(grey)
    mean = float(histogram @ LEVELS)
    red_green, blue_green = _balance(small)
    return ImageHealth(
        luminance=round(mean / 255, DIGITS),
        contrast=round(float(np.sqrt(histogram @ (LEVELS - mean) ** 2)) / 255, DIGITS),
        clipped_low=round(float(histogram[: BLACK + 1].sum()), DIGITS),
        clipped_high=round(float(histogram[WHITE:].sum()), DIGITS),
        sharpness=round(_sharpness(grey), DIGITS),
        noise=round(_noise(grey), DIGITS),
        red_green=round(red_green, DIGITS),
        blue_green=round(blue_green, DIGITS),
    )


def mean_of_planes(image: Pixels8) -> Pixels8:
    """[h, w, planes] as grey [h, w], rounded."""
    count = image.shape[2]
    total = np.full(image.shape[:2], count // 2, np.uint16)
    for i in range(count):  # fifteen times faster than numpy's mean along so short an axis
        total += image[..., i]
    mean: Pixels8 = (total // count).astype(np.uint8)
    return mean


def _shrunk(image: Pixels8) -> Pixels8:
    longest = max(image.shape[:2])
    if longest <= MAX_SIDE:
        return image
    height, width = (max(1, round(side * MAX_SIDE / longest)) for side in image.shape[:2])
    small: Pixels8 = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return small


def _histogram(grey: Pixels8) -> Shares:
    """The share of pixels at each of the 256 levels."""
    counts: Shares = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    return counts / grey.size


def _balance(image: Pixels8) -> tuple[float, float]:
    """Red over green, blue over green. One level is added to each mean, so that black is balanced."""
    if image.ndim == 2:
        return 1.0, 1.0
    blue, green, red, _ = cv2.mean(image)
    return (red + 1) / (green + 1), (blue + 1) / (green + 1)


def _sharpness(grey: Pixels8) -> float:
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return float(np.log1p(deviation[0, 0] ** 2))


def _noise(grey: Pixels8) -> float:
    """Immerkaer's mask, but the median of its answers, not their mean: texture passes less for noise."""
    answers = cv2.convertScaleAbs(cv2.filter2D(grey, cv2.CV_16S, NOISE_MASK))
    return _median(_histogram(answers)) * MAD_TO_SIGMA / MASK_NORM / 255


def _median(histogram: Shares) -> float:
    """The median of whole levels, interpolated inside its level to move smoothly; 0 when most are 0."""
    below = np.cumsum(histogram)
    level = int(np.searchsorted(below, 0.5))
    if level == 0:
        return 0.0
    return level - 0.5 + (0.5 - float(below[level - 1])) / float(histogram[level])

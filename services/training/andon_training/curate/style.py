"""What a picture is made of, wherever it lies in it: structure by size, edge directions, brightness, colour."""

import cv2
import numpy as np
from numpy.typing import NDArray

SIZES = 4
REBLUR = 9  # pixels
DIRECTIONS = 6
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEAST_ENERGY = 0.05  # squared grey levels: below the rounding of 8 bits nothing is told apart
LEAST_EDGE = 0.25  # mean grey levels a pixel: fainter edges have no direction

Pixels8 = NDArray[np.uint8]
Singles = NDArray[np.float32]


def detail(grey: Pixels8) -> Singles:
    """float32 [4]: ln of the mean energy of each octave of a Laplacian pyramid, finest first, of uint8 [h, w].

    P. J. Burt, E. H. Adelson, "The Laplacian Pyramid as a Compact Image Code", IEEE Trans. Communications 31(4), 1983.
    """
    image = grey.astype(np.float32)
    energies = []
    for _ in range(SIZES):
        smooth = cv2.GaussianBlur(image, (5, 5), 1.0)
        energies.append(cv2.norm(image, smooth, cv2.NORM_L2SQR) / image.size)
        image = smooth[::2, ::2]
    return np.log(np.array(energies) + LEAST_ENERGY).astype(np.float32)


def crispness(grey: Pixels8) -> float:
    """The share of all differences between neighbours that another blur, 9 pixels long, takes: 0 of a blurred image.

    1 less the metric of F. Crete et al., "The blur effect: perception and estimation with a new no-reference perceptual
    blur metric", Human Vision and Electronic Imaging XII, SPIE 6492, 2007; of the way, across or down, that keeps more.
    """
    image = grey.astype(np.float32)
    return min(_taken(image), _taken(np.ascontiguousarray(image.T)))


def _taken(image: Singles) -> float:
    blurred = cv2.blur(image, (REBLUR, 1))
    before, after = (cv2.absdiff(half[:, 1:], half[:, :-1]) for half in (image, blurred))
    total = float(before.sum()) + LEAST_EDGE
    return float(np.maximum(before - after, 0).sum()) / total


def levels(grey: Pixels8) -> NDArray[np.float64]:
    """[5]: the brightness, of white, that 5, 25, 50, 75 and 95 % of the pixels stay under."""
    found: NDArray[np.float64] = np.quantile(grey[::2, ::2], QUANTILES) / 255
    return found


def style(rgb: Pixels8, grey: Pixels8, by_size: Singles, brightness: NDArray[np.float64]) -> Singles:
    """float32 [19] of uint8 [h, w, 3], its [h, w], its detail and levels: those, directions, colours.

    Each is scaled so that a difference of 1 is one a person would remark on.
    """
    return np.concatenate([by_size, 4 * _directions(grey), 2 * brightness, 20 * _colours(rgb)]).astype(np.float32)


def _directions(grey: Pixels8) -> NDArray[np.float64]:
    """[6]: the share of all gradient that points each way, modulo half a turn."""
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    x, y = cv2.Sobel(half, cv2.CV_32F, 1, 0), cv2.Sobel(half, cv2.CV_32F, 0, 1)
    size, angle = cv2.cartToPolar(x, y)
    sector = (angle * (2 * DIRECTIONS / (2 * np.pi))).astype(np.int32) % DIRECTIONS
    found = np.bincount(sector.ravel(), size.ravel(), DIRECTIONS)
    shares: NDArray[np.float64] = found / (found.sum() + LEAST_EDGE * half.size)
    return shares


def _colours(rgb: Pixels8) -> NDArray[np.float64]:
    """[4]: mean and deviation of the two colour axes of CIE Lab, 0 to 1."""
    small = cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA)
    mean, deviation = cv2.meanStdDev(cv2.cvtColor(small, cv2.COLOR_RGB2Lab))
    colours: NDArray[np.float64] = np.concatenate([mean[1:, 0], deviation[1:, 0]]) / 255
    return colours

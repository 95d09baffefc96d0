"""Where on the part: the places above the threshold, in pixels of the original image."""

import base64
import time
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from andon.records import Region
from andon.where import MAX_REGIONS, heat_map_png, peak, regions


def map_of(*rows: str) -> NDArray[np.float32]:
    """One digit a pixel."""
    return np.array([[float(digit) for digit in row] for row in rows], np.float32)


SAME = (0, 0, 4, 4)


def test_each_connected_place_is_one_region_the_highest_peak_first() -> None:
    found = regions(map_of("5500", "5000", "0000", "0097"), 4, SAME)
    assert found == (Region(x=2, y=3, width=2, height=1, peak=9), Region(x=0, y=0, width=2, height=2, peak=5))


def test_places_that_touch_at_a_corner_are_one() -> None:
    assert regions(map_of("9000", "0900", "0090", "0009"), 4, SAME) == (Region(x=0, y=0, width=4, height=4, peak=9),)


def test_the_threshold_itself_is_not_above() -> None:
    assert len(regions(map_of("4005", "0000"), 4, (0, 0, 4, 2))) == 1


def test_where_no_place_is_above_the_peak_is_named() -> None:
    assert regions(map_of("1111", "1131", "1111"), 8, (0, 0, 4, 3)) == (Region(x=2, y=1, width=1, height=1, peak=3),)


def test_at_most_a_few_regions_are_named_and_they_are_the_highest() -> None:
    anomaly_map = np.zeros((32, 32), np.float32)
    anomaly_map[::2, ::2] = 1 + np.arange(256).reshape(16, 16)
    found = regions(anomaly_map, 0.5, (0, 0, 32, 32))
    assert [region.peak for region in found] == [256 - n for n in range(MAX_REGIONS)]


@pytest.mark.parametrize(
    ("crop", "expected"),
    [
        ((0, 0, 40, 40), (20, 10, 10, 20)),
        ((7, 9, 40, 40), (27, 19, 10, 20)),
        ((0, 0, 400, 4), (200, 1, 100, 2)),
        ((0, 0, 6, 6), (3, 1, 2, 4)),  # 1.5 pixels each: rounded outwards
        ((0, 0, 2, 2), (1, 0, 1, 2)),
    ],
)
def test_a_region_lies_in_the_original_image(crop: tuple[int, int, int, int], expected: tuple[int, ...]) -> None:
    (region,) = regions(map_of("0000", "0090", "0090", "0000"), 4, crop)
    assert (region.x, region.y, region.width, region.height) == expected


@given(
    npst.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(0, 9, width=32)),
    st.tuples(*[st.integers(0, 5000)] * 2, *[st.integers(1, 5000)] * 2),
    st.floats(0, 9, width=32),
)
def test_regions_lie_within_the_crop_and_the_highest_place_is_among_them(
    anomaly_map: NDArray[np.float32], crop: tuple[int, int, int, int], threshold: float
) -> None:
    found = regions(anomaly_map, threshold, crop)
    x, y, width, height = crop
    assert 1 <= len(found) <= MAX_REGIONS
    assert found[0].peak == anomaly_map.max()
    for region in found:
        assert region.width >= 1
        assert region.height >= 1
        assert x <= region.x <= region.x + region.width <= x + width
        assert y <= region.y <= region.y + region.height <= y + height
        assert anomaly_map.max() >= region.peak


@pytest.mark.parametrize(
    ("crop", "expected"),
    [
        ((0, 0, 40, 40), (25, 15)),
        ((7, 9, 40, 40), (32, 24)),
        ((0, 0, 400, 4), (250, 1)),
        ((100, 50, 6, 60), (104, 72)),
        ((0, 0, 1, 1), (0, 0)),
    ],
)
def test_the_highest_place_lies_in_the_original_image(
    crop: tuple[int, int, int, int], expected: tuple[int, int]
) -> None:
    assert peak(map_of("0000", "0092", "0010", "0000"), crop) == expected


def test_of_several_highest_places_the_first_is_named() -> None:
    assert peak(map_of("0009", "9000"), (0, 0, 4, 2)) == (3, 0)
    assert peak(map_of("9000", "0009"), (0, 0, 4, 2)) == (0, 0)


@pytest.mark.parametrize("flat", [map_of("11", "11"), map_of("7"), np.full((3, 5), -2.5, np.float32)])
def test_a_map_without_relief_has_no_highest_place(flat: NDArray[np.float32]) -> None:
    assert peak(flat, (0, 0, 100, 100)) is None


@given(
    npst.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(0, 9, width=32)),
    st.tuples(*[st.integers(0, 5000)] * 2, *[st.integers(1, 5000)] * 2),
)
def test_the_highest_place_lies_in_the_region_of_the_highest_place(
    anomaly_map: NDArray[np.float32], crop: tuple[int, int, int, int]
) -> None:
    """Above everything else there is one place alone."""
    anomaly_map[anomaly_map.shape[0] // 2, anomaly_map.shape[1] // 3] = 10
    (region,) = regions(anomaly_map, 9.5, crop)
    found = peak(anomaly_map, crop)
    assert (found is None) == (anomaly_map.size == 1)
    if found is not None:
        assert region.x <= found[0] < region.x + region.width
        assert region.y <= found[1] < region.y + region.height


def test_a_map_full_of_specks_costs_little() -> None:
    """A mask for each speck would take seconds."""
    anomaly_map = np.zeros((512, 512), np.float32)
    anomaly_map[::2, ::2] = 9
    started = time.process_time()
    assert len(regions(anomaly_map, 4, (0, 0, 512, 512))) == MAX_REGIONS
    assert time.process_time() - started < 0.5


def decoded(png: str) -> NDArray[np.uint8]:
    grey: Any = cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), cv2.IMREAD_UNCHANGED)
    assert grey.dtype == np.uint8
    decoded: NDArray[np.uint8] = grey
    return decoded


@pytest.mark.parametrize("threshold", [0.1, 0.3, 1.0, 7.7, 4096.0, 1e-6])
def test_the_heat_map_shows_the_threshold_as_128(threshold: float) -> None:
    shares = np.array([[0, 0.5, 1], [1.5, 2, 50]], np.float32)
    assert decoded(heat_map_png(shares * np.float32(threshold), threshold)).tolist() == [[0, 64, 128], [192, 255, 255]]


def test_the_heat_map_is_as_large_as_the_map() -> None:
    assert decoded(heat_map_png(np.ones((5, 9), np.float32), 1.0)).shape == (5, 9)


def test_without_a_positive_threshold_the_heat_map_shows_the_raw_map() -> None:
    assert decoded(heat_map_png(map_of("05", "90"), 0.0)).tolist() == [[0, 5], [9, 0]]


def test_a_large_map_is_kept_small_and_its_one_hot_pixel_stays_hot() -> None:
    anomaly_map = np.zeros((300, 200), np.float32)
    anomaly_map[299, 7] = 1.0
    picture = decoded(heat_map_png(anomaly_map, 1.0))
    assert picture.shape == (60, 40)
    assert picture[59, 1] == 128
    assert np.count_nonzero(picture) == 1

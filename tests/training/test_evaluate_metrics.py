"""Figures are those of anomalib and of the textbooks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from andon.rates.intervals import rate
from andon_training.evaluate.froc import Froc, Places, Point, froc, places, point_at
from andon_training.evaluate.metrics import best_f1, image_figures, kind_figures, separation
from andon_training.evaluate.pixels import PixelTally, bins_between, upsampled

VECTORS: dict[str, Any] = json.loads((Path(__file__).with_name("vectors") / "anomalib.json").read_text())
EXACT = 1e-6  # anomalib reckons in float32
# anomalib adds up regions' shares in float32, one pixel at a time; neither side bins these vectors (each of their
# values has a bin of its own here), so rounding is the only difference.
AUPRO_EXACT = 1e-6


@pytest.mark.parametrize("case", VECTORS["image"], ids=lambda case: case["name"])
def test_image_figures_are_anomalibs(case: dict[str, Any]) -> None:
    scores, labels = np.array(case["scores"]), np.array(case["labels"], bool)
    found = separation(scores[~labels].tolist(), scores[labels].tolist(), case["threshold"])
    expected = case["expected"]
    assert found.auroc == pytest.approx(expected["image_auroc"], abs=EXACT)
    assert found.average_precision == pytest.approx(expected["average_precision"], abs=EXACT)
    assert found.f1 == pytest.approx(expected["f1"], abs=EXACT)
    assert found.best_f1 == pytest.approx(expected["best_f1"], abs=EXACT)


def tally(maps: np.ndarray, masks: np.ndarray) -> PixelTally:
    counted = PixelTally(bins_between(float(maps.min()), float(maps.max())))
    for each, mask in zip(maps, masks, strict=True):
        counted.add(each, mask)
    return counted


@pytest.mark.parametrize("case", VECTORS["pixel"], ids=lambda case: case["name"])
def test_pixel_figures_are_anomalibs(case: dict[str, Any]) -> None:
    counted = tally(np.array(case["maps"], np.float32), np.array(case["masks"], bool))
    assert counted.auroc() == pytest.approx(case["expected"]["pixel_auroc"], abs=EXACT)
    assert counted.aupro() == pytest.approx(case["expected"]["aupro"], abs=AUPRO_EXACT)


def test_a_coarse_map_is_enlarged_as_anomalib_does() -> None:
    case = VECTORS["grown"]
    grown = np.array(case["grown"])
    found = upsampled(np.array(case["map"], np.float32), (grown.shape[0], grown.shape[1]))
    np.testing.assert_allclose(found, grown, atol=1e-6)


@pytest.mark.parametrize("outlier", [0.0, 1e6, -1e6])
def test_counting_pixels_in_bins_changes_no_figure(outlier: float) -> None:
    random = np.random.default_rng(0)
    maps = random.gamma(4, 0.3, (3, 64, 64)).astype(np.float32)
    masks = np.zeros(maps.shape, bool)
    masks[:, 10:20, 10:30] = True
    maps[masks] += 0.4
    maps[0, 0, 0] += outlier
    exact = roc_auc_score(masks.ravel(), maps.ravel())
    assert tally(maps, masks).auroc() == pytest.approx(exact, abs=1e-5)


def test_negative_scores_are_counted_in_their_order() -> None:
    maps = np.array([[[-3.0, -2.0], [-0.0, 5.0]]], np.float32)
    assert tally(maps, np.array([[[False, False], [False, True]]])).auroc() == 1.0
    assert tally(maps, np.array([[[True, False], [False, False]]])).auroc() == 0.0


def test_a_map_that_says_nothing_gets_what_chance_gives() -> None:
    flat, mask = np.ones((1, 8, 8), np.float32), np.zeros((1, 8, 8), bool)
    mask[0, 2:4, 2:4] = True
    assert tally(flat, mask).auroc() == pytest.approx(0.5)
    assert tally(flat, mask).aupro() == pytest.approx(0.15)  # half of the false positive rate's limit


def test_a_small_region_counts_as_much_as_a_large_one() -> None:
    mask = np.zeros((1, 20, 20), bool)
    mask[0, 0:10, 0:10] = mask[0, 15, 15] = True
    only_large = np.where(mask, 1, 0).astype(np.float32)
    only_large[0, 15, 15] = -1
    found = tally(only_large, mask).aupro()
    assert found is not None
    assert found == pytest.approx(0.5 + 0.5 * 0.15, abs=0.08)
    assert tally(only_large, mask).regions == 2


def test_without_a_defect_pixel_there_is_no_pixel_figure() -> None:
    counted = tally(np.ones((1, 4, 4), np.float32), np.zeros((1, 4, 4), bool))
    assert counted.auroc() is None
    assert counted.aupro() is None


def test_the_best_threshold_gives_the_best_f1() -> None:
    random = np.random.default_rng(3)
    scores, labels = random.normal(0, 1, 80) + np.repeat([0, 1], 40), np.repeat([False, True], 40)
    best, threshold = best_f1(scores, labels)
    assert f1_score(labels, scores > threshold) == pytest.approx(best)
    assert all(f1_score(labels, scores > other) <= best + 1e-12 for other in scores)


def test_the_best_threshold_may_be_below_every_score() -> None:
    scores, labels = np.array([0.1, 0.2, 0.3]), np.array([True, True, True])
    best, threshold = best_f1(scores, labels)
    assert best == 1.0
    assert threshold < 0.1


def test_an_interval_is_that_of_clopper_and_pearson() -> None:
    """0 of 93: the rule of three, exactly. 1 of 10: the textbook's 0.25 % to 44.5 %."""
    none = rate(0, 93)
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 93))
    some = rate(1, 10)
    assert (some.low, some.high) == pytest.approx((0.00253, 0.44502), abs=1e-5)
    assert rate(10, 10).high == 1


def test_a_score_at_the_threshold_is_not_called() -> None:
    figures = image_figures([1.0, 2.0, 3.0], [2.0, 4.0], 2.0)
    assert figures.false_calls is not None
    assert figures.escapes is not None
    assert (figures.false_calls.count, figures.escapes.count) == (1, 1)


def test_what_frames_cannot_tell_is_not_told() -> None:
    assert image_figures([1.0], [], 2.0).separation is None
    assert image_figures([1.0], [], 2.0).escapes is None
    assert image_figures([], [1.0], 2.0).false_calls is None
    assert kind_figures("hole", [1.0], [], 2.0).auroc is None


def drawn(*marks: tuple[int, int, float], shape: tuple[int, int] = (12, 12)) -> np.ndarray:
    """A dark map with bright cells."""
    anomaly_map = np.zeros(shape, np.float32)
    for row, column, value in marks:
        anomaly_map[row, column] = value
    return anomaly_map


def mask_at(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (12, 12)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def three_frames() -> list[Places]:
    """Regions with peaks 9, 5 and 1; false blobs of 8, 7 (two cells that touch at a corner), 4 and 2."""
    return [
        places(drawn((2, 2, 9.0), (8, 8, 8.0)), mask_at((1, 1, 4, 4))),
        places(drawn((2, 2, 5.0), (10, 2, 1.0), (6, 6, 7.0), (7, 7, 6.5)), mask_at((1, 1, 4, 4), (9, 1, 11, 4))),
        places(drawn((4, 4, 4.0), (9, 9, 2.0)), None),
    ]


def test_a_region_is_found_where_a_blob_overlaps_it_and_a_blob_on_none_is_false() -> None:
    at_six = point_at(three_frames(), 6.0)
    assert at_six.found == pytest.approx(1 / 3)
    assert at_six.false_blobs == pytest.approx(2 / 3)
    at_half = point_at(three_frames(), 0.5)
    assert at_half.found == 1
    assert at_half.false_blobs == pytest.approx(4 / 3)
    assert at_half.area == pytest.approx(8 / 3 / 144)


def test_the_froc_says_what_is_found_at_so_many_false_blobs_a_frame() -> None:
    curve = froc(three_frames())
    assert curve is not None
    assert curve.regions == 3
    assert curve.at(0.0).found == pytest.approx(1 / 3)
    assert curve.at(1.0).found == pytest.approx(2 / 3)
    assert curve.at(2.0).found == 1


def test_one_blob_over_everything_finds_nothing() -> None:
    """Below its one peak a dome is one blob, which overlaps the defect and is never false."""
    y, x = np.mgrid[0:12, 0:12]
    dome = (20 - np.hypot(y - 9, x - 9)).astype(np.float32)
    curve = froc([places(dome, mask_at((1, 1, 3, 3)))] * 4)
    assert curve is not None
    assert curve.at(8.0).found == 0


def test_a_fine_mask_lies_over_a_coarse_map() -> None:
    frame = places(drawn((1, 1, 3.0), (3, 3, 2.0), shape=(4, 4)), mask_at((10, 10, 14, 14), shape=(32, 32)))
    assert frame.peaks.tolist() == [3.0]
    assert point_at([frame], 1.0).false_blobs == 1


def test_without_a_drawn_region_there_is_no_froc() -> None:
    assert froc([places(drawn((1, 1, 3.0)), None)]) is None
    assert froc([]) is None


def test_a_lower_level_counts_only_if_no_higher_one_has_too_many_false_blobs() -> None:
    """Blobs that run together make false ones fewer; that is no better inspection."""
    blobs, found = (0.0, 3.0, 1.0, 4.0), (0.0, 0.2, 0.6, 0.9)
    curve = Froc(tuple(Point(-i, b, f, 0.1) for i, (b, f) in enumerate(zip(blobs, found, strict=True))), 10)
    assert curve.at(2.0).found == 0.0
    assert curve.at(3.0).found == 0.6

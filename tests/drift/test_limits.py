"""Where the limits lie, and what is told of the first picture beyond them."""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
import pytest

from andon.framing import write_framing
from andon.manifest import BundleManifest, Distribution, DriftReference
from andon.preparation import Box
from andon.records import Cause, Score
from andon_drift.limits import Limits, limits_of, quantile
from andon_drift.look import look

Make = Callable[..., Any]


def flat(value: float) -> Distribution:
    return Distribution(quantiles=(value, value), mean=value, sd=0, n=100)


def between(low: float, high: float) -> Distribution:
    return Distribution(quantiles=(low, high), mean=(low + high) / 2, sd=1, n=100)


def test_a_quantile_is_read_between_the_points() -> None:
    assert quantile(Distribution(quantiles=(0, 1, 4), mean=1, sd=1, n=9), 0.75) == 2.5


def test_where_good_frames_are_all_alike_a_quarter_more_or_less_light_is_too_much(
    reference: Make, manifest: BundleManifest
) -> None:
    limits = limits_of(manifest, reference(luminance=flat(0.4)))
    assert (limits.dark, limits.bright) == pytest.approx((0.3, 0.5))


def test_where_good_frames_differ_much_nearly_all_of_them_are_within(reference: Make, manifest: BundleManifest) -> None:
    limits = limits_of(manifest, reference(luminance=between(0.1, 0.9)))
    assert (limits.dark, limits.bright) == pytest.approx((0.116, 0.884))


def test_a_dark_field_is_not_called_dark_or_bright_for_a_grey_level(reference: Make, manifest: BundleManifest) -> None:
    limits = limits_of(manifest, reference(luminance=flat(0.01)))
    assert limits.dark < 0
    assert limits.bright == pytest.approx(0.03)


def test_white_is_counted_from_what_good_frames_have(reference: Make, manifest: BundleManifest) -> None:
    assert limits_of(manifest, reference(clipped_high=flat(0.5))).white == pytest.approx(0.6)


def test_softer_is_a_step_of_the_logarithm_unless_good_frames_are_softer_yet(
    reference: Make, manifest: BundleManifest
) -> None:
    assert limits_of(manifest, reference(sharpness=flat(5))).blurred == pytest.approx(4)
    assert limits_of(manifest, reference(sharpness=between(1, 9))).blurred == pytest.approx(1.16)


def test_where_there_is_nothing_sharp_nothing_is_blurred(reference: Make, manifest: BundleManifest) -> None:
    assert limits_of(manifest, reference(sharpness=flat(0.4))).blurred < 0


def test_parts_that_lie_anywhere_are_never_called_moved(
    reference: Make, manifest: BundleManifest, score: Callable[..., Score]
) -> None:
    framing = reference().framing.model_copy(update={"right": between(-0.1, 0.1)})
    limits = limits_of(manifest, reference(framing=framing))
    assert limits.right is not None
    assert limits.right.allowed == inf
    assert limits.down is not None
    shown = look(score("l", 1), limits)
    assert shown is not None
    assert shown.right is not None
    assert shown.right.pixels == pytest.approx(-40, abs=1), "many of them may yet tell that things moved"
    assert not shown.sights[Cause.CAMERA_MOVED].bad


def test_where_parts_lie_anywhere_both_ways_no_picture_is_asked_whether_it_moved(
    reference: Make, manifest: BundleManifest, score: Callable[..., Score]
) -> None:
    anywhere = {"right": between(-0.1, 0.1), "down": between(-0.1, 0.1)}
    framing = reference().framing.model_copy(update=anywhere)
    shown = look(score("l", 1), limits_of(manifest, reference(framing=framing)))
    assert shown is not None
    assert shown.right is not None
    assert Cause.CAMERA_MOVED not in shown.sights


def test_an_older_bundle_knows_nothing_of_framing(
    reference: Make, manifest: BundleManifest, score: Callable[..., Score]
) -> None:
    limits = limits_of(manifest, reference(framing=None))
    shown = look(score("l", 1), limits)
    assert shown is not None
    assert shown.sights.keys() == {Cause.STATION_DARK, Cause.STATION_BRIGHT, Cause.STATION_BLURRED}


def test_a_shift_is_told_in_pixels_of_what_is_inspected(
    reference: Make, manifest: BundleManifest, score: Callable[..., Score]
) -> None:
    preparation = manifest.preparation.model_copy(update={"crop": Box(x=0, y=0, width=320, height=240)})
    cropped = manifest.model_copy(update={"preparation": preparation})
    whole, part = (look(score("l", 1), limits_of(each, reference())) for each in (manifest, cropped))
    assert whole is not None
    assert part is not None
    assert whole.right is not None
    assert part.right is not None
    assert whole.right.pixels == pytest.approx(-40, abs=1)
    assert part.right.pixels == pytest.approx(-20, abs=0.5)
    assert whole.down is not None
    assert abs(whole.down.pixels) < 1


def test_another_picture_altogether_has_not_moved(limits: Limits, score: Callable[..., Score]) -> None:
    """A part turned round, or none: what is found elsewhere must be what was looked for."""
    strange = write_framing(np.arange(256, 0, -2).astype(np.uint8).reshape(2, 64))
    shown = look(score("o", 1, framing=strange), limits)
    assert shown is not None
    assert Cause.CAMERA_MOVED not in shown.sights


@pytest.mark.parametrize("letter", "dbwD")
def test_in_the_wrong_light_neither_focus_nor_framing_is_judged(
    letter: str, limits: Limits, score: Callable[..., Score]
) -> None:
    shown = look(score(letter, 1), limits)
    assert shown is not None
    assert shown.sights.keys() == {Cause.STATION_DARK, Cause.STATION_BRIGHT}


def test_a_reference_without_a_number_is_no_reference(reference: Make, manifest: BundleManifest) -> None:
    bare: DriftReference = reference()
    with pytest.raises(KeyError):
        limits_of(manifest, bare.model_copy(update={"health": {}}))

"""Every fault's picture: what a drill does to a good one, and nothing else."""

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from andon.errors import Invalid
from andon.images.health import measure
from andon_ingest.drill.faults import Fault
from andon_ingest.drill.pictures import (
    blurred,
    dimmed,
    read_picture,
    scarred,
    shift_of,
    shifted,
    spoilt,
    write_picture,
)
from andon_ingest.generator import draw_part, encode_jpeg

Image = NDArray[np.uint8]
Spoil = Callable[[Image, float, np.random.Generator], Image]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(params=["colour", "grey"])
def part(request: pytest.FixtureRequest, rng: np.random.Generator) -> Image:
    image = draw_part(rng, 0, size=(320, 240)).image
    return image if request.param == "colour" else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def test_a_blurred_picture_is_far_less_sharp_and_as_bright(part: Image, rng: np.random.Generator) -> None:
    before, after = measure(part), measure(blurred(part, 1, rng))
    assert after.sharpness < before.sharpness - 1.0, "less than drift takes for out of focus"
    assert after.luminance == pytest.approx(before.luminance, abs=0.01)


def test_a_dimmed_picture_has_half_the_light(part: Image, rng: np.random.Generator) -> None:
    assert measure(dimmed(part, 1, rng)).luminance == pytest.approx(measure(part).luminance / 2, rel=0.02)
    assert measure(dimmed(part, 2, rng)).luminance == pytest.approx(measure(part).luminance / 4, rel=0.04)


def test_a_shifted_picture_shows_everything_so_many_pixels_farther_right_and_down(
    part: Image, rng: np.random.Generator
) -> None:
    down, right = shift_of(part, 1)
    assert (down, right) == (round(0.04 * 240), round(0.06 * 320))
    out = shifted(part, 1, rng)
    assert (out[down:, right:] == part[:-down, :-right]).all()
    assert not (out == part).all()


def test_twice_the_strength_shifts_twice_as_far(part: Image) -> None:
    assert shift_of(part, 2) == pytest.approx([2 * by for by in shift_of(part, 1)], abs=1)


def test_a_scar_is_seen_by_anybody_and_lies_near_the_middle(part: Image, rng: np.random.Generator) -> None:
    before = part.copy()
    changed = cv2.absdiff(scarred(part, 1, rng), part)
    strong = (changed if changed.ndim == 2 else changed.max(axis=2)) > 40
    assert 0.005 < strong.mean() < 0.35, "more than a speck, less than another part"
    assert strong[60:180, 80:240].sum() > 0.4 * strong.sum()
    assert (part == before).all(), "what is spoilt is a copy"


def test_no_two_scars_are_alike_and_the_same_seed_gives_the_same(part: Image) -> None:
    one, two = np.random.default_rng(1), np.random.default_rng(1)
    first, again, second = scarred(part, 1, one), scarred(part, 1, two), scarred(part, 1, one)
    assert (first == again).all()
    assert not (first == second).all()


@pytest.mark.parametrize("spoil", [blurred, dimmed, shifted, scarred])
def test_a_spoilt_picture_is_of_the_same_kind(spoil: Spoil, part: Image, rng: np.random.Generator) -> None:
    out = spoil(part, 1, rng)
    assert (out.shape, out.dtype) == (part.shape, np.uint8)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_pictures_are_encoded_as_they_came(part: Image, suffix: str) -> None:
    data = cv2.imencode(suffix, part)[1].tobytes()
    image = read_picture(data)
    assert image.shape == part.shape
    assert write_picture(image, data)[:4] == data[:4]


def test_what_is_not_altered_keeps_its_look_through_encoding(part: Image) -> None:
    data = encode_jpeg(part)
    again = write_picture(read_picture(data), data)
    assert measure(read_picture(again)).sharpness == pytest.approx(measure(read_picture(data)).sharpness, abs=0.2)


def test_a_frozen_camera_sends_one_picture_and_silence_none(part: Image, rng: np.random.Generator) -> None:
    good = [encode_jpeg(part), encode_jpeg(dimmed(part, 1, rng))]
    assert spoilt(Fault.FROZEN, good, 5, 1, rng) == [good[0]] * 5
    assert spoilt(Fault.SILENCE, good, 5, 1, rng) == []


@pytest.mark.parametrize("fault", [Fault.BLUR, Fault.DIM, Fault.SHIFT, Fault.DEFECT])
def test_no_picture_repeats_the_one_before_it_so_that_nothing_else_looks_frozen(
    fault: Fault, part: Image, rng: np.random.Generator
) -> None:
    good = [encode_jpeg(part), encode_jpeg(dimmed(part, 0.1, rng)), encode_jpeg(dimmed(part, 0.2, rng))]
    made = spoilt(fault, good, 7, 1, rng)
    assert len(made) == 7
    assert all(one != two for one, two in pairwise(made))
    assert not set(made) & set(good)


@pytest.mark.parametrize(
    "data",
    [
        cv2.imencode(".png", np.zeros((32, 32), np.uint16))[1].tobytes(),
        b"\x93NUMPY\x01\x00",
        b"no picture",
        cv2.imencode(".jpg", np.zeros((32, 32), np.uint8))[1].tobytes()[:-9],
    ],
)
def test_what_a_drill_cannot_alter_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_picture(data)

"""Framing: what stands where in a picture, and how far it moved since."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from andon.errors import Invalid
from andon.framing import BINS, REACH, Template, mean_profiles, read_framing, write_framing
from andon.images.framing import measure_framing
from andon.images.prepare import prepare
from andon.preparation import Preparation
from andon.records import Frame, PreparedFrame, Score, prepared_headers, read_prepared
from andon.stage import Record
from andon.testing.hostile import jpeg, photo

Image = NDArray[np.uint8]


def part(right: int = 0, down: int = 0, side: int = 256) -> Image:
    """A bracket with two holes on a grey ground, moved by so many pixels."""
    image = np.full((side, side), 60, np.uint8)
    x, y = side * 3 // 10 + right, side * 2 // 5 + down
    cv2.rectangle(image, (x, y), (x + side * 2 // 5, y + side // 4), 180, -1)
    for hole in (side // 12, side * 3 // 10):
        cv2.circle(image, (x + hole, y + side // 8), side // 24, 20, -1)
    return image


def found(image: Image, reference: Image) -> tuple[float, float]:
    """How far right and down `image` lies of `reference`, in shares of a side."""
    columns, rows = (Template(profile) for profile in mean_profiles([measure_framing(reference)]))
    across, along = read_framing(measure_framing(image))
    return columns.find(across)[0], rows.find(along)[0]


@pytest.mark.parametrize(("right", "down"), [(0, 0), (5, 0), (-13, 3), (30, -21), (0, 50)])
def test_a_part_is_found_where_it_moved_to_within_a_pixel(right: int, down: int) -> None:
    across, along = found(part(right, down), part())
    assert across * 256 == pytest.approx(right, abs=1)
    assert along * 256 == pytest.approx(down, abs=1)


def test_the_light_does_not_move_it() -> None:
    dim = (part(8) * 0.5 + 20).astype(np.uint8)
    assert found(dim, part())[0] * 256 == pytest.approx(8, abs=1)


def test_a_little_blur_and_noise_do_not_move_it() -> None:
    noisy = cv2.GaussianBlur(part(-6), (0, 0), 3) + np.random.default_rng(1).integers(0, 20, (256, 256), np.uint8)
    assert found(noisy, part())[0] * 256 == pytest.approx(-6, abs=1)


@pytest.mark.parametrize("side", [8, 63, 64, 100])
def test_small_pictures_have_a_framing_too(side: int) -> None:
    assert read_framing(measure_framing(part(side=max(side, 32))[:side, :side])).shape == (2, BINS)


def test_where_nothing_stands_out_nothing_is_found() -> None:
    flat = np.full((64, 64), 90, np.uint8)
    assert found(flat, part()) == (0, 0)
    assert found(part(9), flat) == (0, 0)


def test_in_a_grid_the_nearest_tooth_counts() -> None:
    comb = np.tile(np.repeat(np.array([40, 200], np.uint8), 32), (256, 4))
    assert abs(found(np.roll(comb, 4, axis=1), comb)[0] * 256) == pytest.approx(4, abs=1)


def test_farther_than_a_quarter_of_the_side_is_not_looked_for() -> None:
    profile = np.zeros(BINS, np.uint8)
    profile[5:9] = 200
    shift, _ = Template(profile.astype(float)).find(np.roll(profile, 40))
    assert abs(shift) <= REACH / BINS


def test_what_is_prepared_has_its_framing_and_it_survives_the_journey() -> None:
    made = prepare(jpeg(photo(120, 90)), Preparation(width=64, height=64, channels=3))
    assert read_framing(made.framing).max() == 255
    prepared = _prepared(made.framing)
    record = Record("frames.prepared", 0, 0, b"weld-07", bytes(12), prepared_headers(prepared))
    assert read_prepared(record).framing == made.framing


def test_a_frame_without_framing_is_as_good_as_before() -> None:
    record = Record("frames.prepared", 0, 0, b"weld-07", bytes(12), prepared_headers(_prepared(None)))
    assert record.header("ce_framing") is None
    assert read_prepared(record).framing is None


@pytest.mark.parametrize("text", ["", "abc", "A" * 172, "A" * 171 + "= ", "é" * 171 + "="])
def test_what_is_no_framing_is_a_bad_header(text: str) -> None:
    record = Record("frames.prepared", 0, 0, b"weld-07", bytes(12), prepared_headers(_prepared(text)))
    with pytest.raises(Invalid, match="bad_header"):
        read_prepared(record)


def test_a_score_takes_no_other_text_for_a_framing() -> None:
    (pattern,) = [each.pattern for each in Score.model_fields["framing"].metadata if hasattr(each, "pattern")]
    assert len(write_framing(np.zeros((2, BINS), np.uint8))) == 172
    assert pattern == r"^[A-Za-z0-9+/]{171}=$"


def _prepared(framing: str | None) -> PreparedFrame:
    from datetime import UTC, datetime
    from uuid import UUID

    from andon.health import ImageHealth

    at = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
    frame = Frame("weld-07", 1, 0, UUID(int=1), at, topic="camera.frames", partition=0, offset=0)
    health = ImageHealth(**dict.fromkeys(ImageHealth.model_fields, 0.0))
    made = PreparedFrame(frame, (2, 2, 3), "p", 4, 4, (0, 0, 4, 4), health)
    return replace(made, framing=framing)

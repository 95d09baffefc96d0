"""Which frames of a good set repeat others, which do not belong, and that a good set is left alone."""

import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from andon_training.curate import DROPPED, Curation, Kind, Look, Unreadable, curate, look, look_at
from andon_training.curate.repeats import find_repeats
from andon_training.curate.robust import limits

SIDE = 160
FRAMES = 60
STRANGE = 4  # frames of a set that are made strange

Image = np.ndarray


def part(seed: int, at: tuple[int, int] = (80, 80), colour: bool = False) -> Image:
    """A drawn good part: a disc with a hub, of its own texture, never in quite the same place or light."""
    random = np.random.default_rng(seed)
    image = np.full((SIDE, SIDE), 90.0, np.float32)
    x, y = (np.array(at) + random.integers(-1, 2, 2)).tolist()
    cv2.circle(image, (x, y), 44, 170.0, -1, cv2.LINE_AA)
    cv2.rectangle(image, (x - 18, y - 10), (x + 18, y + 10), 60.0, -1)
    image *= random.uniform(0.95, 1.05)
    texture = cv2.GaussianBlur(random.normal(0, 40, image.shape).astype(np.float32), (0, 0), 1.5)
    image = image + texture + random.normal(0, 3, image.shape)
    grey = np.clip(image, 0, 255).astype(np.uint8)
    return cv2.applyColorMap(grey, cv2.COLORMAP_BONE) if colour else grey


def other_product(seed: int) -> Image:
    """Stripes, of its own spacing and phase."""
    random = np.random.default_rng(seed)
    stripes = (
        128
        + 60 * np.sin(np.arange(SIDE) / random.uniform(2, 3) + random.uniform(0, 6))[:, None]
        + random.normal(0, 3, (SIDE, SIDE))
    )
    return np.clip(stripes, 0, 255).astype(np.uint8)


def png(image: Image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def jpeg(image: Image, quality: int) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def seen(name: str, data: bytes) -> Look:
    found = look(name, data)
    assert isinstance(found, Look)
    return found


def looks(images: list[Image], prefix: str = "good") -> list[Look]:
    return [seen(f"{prefix}{i:03}", png(image)) for i, image in enumerate(images)]


@pytest.fixture(scope="module")
def good() -> list[Look]:
    return looks([part(seed) for seed in range(FRAMES)])


def kinds(curation: Curation, frame: str) -> set[Kind]:
    return {finding.kind for finding in curation.findings if finding.frame == frame}


def flagged(curation: Curation) -> set[str]:
    return {finding.frame for finding in curation.findings}


def with_strange(good: list[Look], change: Callable[[Image], Image]) -> tuple[Curation, list[str]]:
    """The set with its first frames changed, and their names."""
    strange = looks([change(part(seed)) for seed in range(STRANGE)], "strange")
    return curate([*strange, *good[STRANGE:]]), [look.name for look in strange]


def gaussian(image: Image) -> Image:
    return cv2.GaussianBlur(image, (0, 0), 1.5)


def motion(image: Image) -> Image:
    return cv2.blur(image, (9, 1))


def dark(image: Image) -> Image:
    return (image * 0.4).astype(np.uint8)


def bright(image: Image) -> Image:
    return np.clip(image * 2.2, 0, 255).astype(np.uint8)


def moved(image: Image) -> Image:
    """15 % of a side, down and to the left."""
    far = 0.15 * SIDE / np.sqrt(2)
    return cv2.warpAffine(image, np.array([[1, 0, -far], [0, 1, far]]), (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)


def cut(image: Image) -> Image:
    changed = image.copy()
    changed[:, : SIDE // 2] = image[:, :1]
    return changed


def another(_image: Image) -> Image:
    return other_product(7)


def test_a_good_set_is_left_alone(good: list[Look]) -> None:
    curation = curate(good)
    assert curation.findings == ()
    assert curation.notes == ()
    assert curation.kept == curation.frames == tuple(look.name for look in good)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (gaussian, Kind.BLURRED),
        (motion, Kind.BLURRED),
        (dark, Kind.DARK),
        (bright, Kind.OVEREXPOSED),
        (moved, Kind.MISFRAMED),
        (cut, Kind.MISFRAMED),
    ],
)
def test_a_strange_frame_is_named_by_its_cause_and_kept(
    good: list[Look], change: Callable[[Image], Image], kind: Kind
) -> None:
    curation, strange = with_strange(good, change)
    assert all(kind in kinds(curation, name) for name in strange)
    assert flagged(curation) == set(strange)
    assert curation.kept == curation.frames


def test_every_finding_is_beyond_its_limit_and_says_so(good: list[Look]) -> None:
    for change in (gaussian, dark, bright, moved, cut):
        curation, _ = with_strange(good, change)
        for finding in curation.findings:
            assert finding.measure is not None
            below = finding.measure.value < finding.measure.limit
            assert below == (finding.kind in {Kind.BLURRED, Kind.DARK} or finding.measure.unit == "correlation")
            assert finding.measure.unit
            assert any(digit in finding.says for digit in "0123456789")


def test_a_shift_is_told_with_its_way_and_size(good: list[Look]) -> None:
    curation, strange = with_strange(good, moved)
    says = {finding.says for finding in curation.of(Kind.MISFRAMED) if finding.frame == strange[0]}
    assert says & {
        f"mis-framed: lies {left}% left and {down}% down of where the others do" for left in (9, 12) for down in (9, 12)
    }


def test_a_frame_of_another_product_is_odd(good: list[Look]) -> None:
    stranger = seen("stranger", png(other_product(1)))
    curation = curate([*good, stranger])
    assert Kind.ODD in kinds(curation, "stranger")
    assert flagged(curation) == {"stranger"}


def test_a_few_frames_of_another_product_are_no_company_for_each_other(good: list[Look]) -> None:
    strangers = looks([other_product(seed) for seed in range(STRANGE)], "stranger")
    curation = curate([*good, *strangers])
    assert all(Kind.ODD in kinds(curation, stranger.name) for stranger in strangers)


@pytest.mark.parametrize("change", [gaussian, dark, bright, moved])
def test_what_all_frames_share_is_no_finding(change: Callable[[Image], Image]) -> None:
    assert curate(looks([change(part(seed)) for seed in range(FRAMES)])).findings == ()


def test_a_shift_is_no_finding_where_parts_lie_anywhere() -> None:
    random = np.random.default_rng(0)
    anywhere = [part(seed, tuple(random.integers(30, 130, 2).tolist())) for seed in range(FRAMES)]
    assert curate(looks(anywhere)).of(Kind.MISFRAMED) == ()


def test_the_same_file_again_repeats_the_first(good: list[Look]) -> None:
    curation = curate([*good, replace(good[3], name="copy")])
    (finding,) = curation.findings
    assert (finding.kind, finding.frame, finding.repeats) == (Kind.REPEAT, "copy", good[3].name)
    assert curation.kept == tuple(look.name for look in good)


@pytest.mark.parametrize("quality", [50, 90])
def test_a_picture_saved_again_is_a_near_duplicate_of_what_it_repeats(good: list[Look], quality: int) -> None:
    saved = [seen(f"saved{seed}", jpeg(part(seed), quality)) for seed in range(STRANGE)]
    curation = curate([*good, *saved])
    assert {finding.kind for finding in curation.findings} == {Kind.NEAR_DUPLICATE}
    assert [(finding.frame, finding.repeats) for finding in curation.findings] == [
        (look.name, good[seed].name) for seed, look in enumerate(saved)
    ]


def test_a_near_duplicate_is_listed_once(good: list[Look]) -> None:
    again = [seen(f"again{quality}", jpeg(part(5), quality)) for quality in (60, 70, 80, 90)]
    found = curate([*good, *again]).findings
    assert [(finding.frame, finding.repeats) for finding in found] == [(look.name, good[5].name) for look in again]


def test_a_frozen_camera_leaves_one_frame_of_its_picture(good: list[Look]) -> None:
    random = np.random.default_rng(0)
    shots = [np.clip(part(9) + random.normal(0, 2, (SIDE, SIDE)), 0, 255).astype(np.uint8) for _ in range(FRAMES)]
    frozen = looks(shots, "frozen")
    curation = curate([*good, *frozen])
    assert {finding.repeats for finding in curation.findings} == {good[9].name}
    assert curation.kept == tuple(look.name for look in good)


def test_a_camera_frozen_for_most_of_the_set_leaves_the_rest(good: list[Look]) -> None:
    frozen = [replace(good[9], name=f"frozen{i}", digest=str(i)) for i in range(600)]
    curation = curate([*good, *frozen])
    assert len(curation.of(Kind.NEAR_DUPLICATE)) == 600
    assert curation.kept == tuple(look.name for look in good)


def test_repeats_do_not_decide_what_is_usual(good: list[Look]) -> None:
    """A dark frame taken two hundred times is still one dark frame."""
    darkened = seen("dark", png(dark(part(1))))
    curation = curate([*good, darkened, *(replace(darkened, name=f"dark{i}") for i in range(200))])
    assert Kind.DARK in kinds(curation, "dark")
    assert len(curation.of(Kind.REPEAT)) == 200


def test_a_slow_drift_is_no_chain_of_repeats(good: list[Look]) -> None:
    """Each step is too small to see, but the last frame is not the first."""
    start, end = good[0], good[1]
    steps = [
        replace(start, name=f"step{i}", digest=str(i), thumb=start.thumb + (end.thumb - start.thumb) * i / 100)
        for i in range(100)
    ]
    found = find_repeats([*good[2:], *steps]).findings
    limit = next(finding.measure.limit for finding in found if finding.measure)
    assert all(finding.measure and finding.measure.value <= limit for finding in found)
    assert len({finding.repeats for finding in found}) > 3


def test_parts_that_always_look_the_same_are_not_dropped(good: list[Look]) -> None:
    """Two pictures, a hundred times each with a trace of noise: a person must tell what that is."""
    random = np.random.default_rng(0)
    shots = [np.clip(part(i % 2) + random.normal(0, 1, (SIDE, SIDE)), 0, 255).astype(np.uint8) for i in range(200)]
    curation = curate(looks(shots))
    assert len(curation.of(Kind.ALIKE)) == 198
    assert curation.kept == curation.frames
    assert "stood still" in curation.notes[0]


def test_a_camera_that_sees_one_part_is_noted() -> None:
    random = np.random.default_rng(0)
    shots = [np.clip(part(0) + random.normal(0, 1, (SIDE, SIDE)), 0, 255).astype(np.uint8) for _ in range(FRAMES)]
    assert any("all frames look the same" in note for note in curate(looks(shots)).notes)


@pytest.mark.parametrize(("level", "kind"), [(2, Kind.BLACK), (120, Kind.FLAT), (253, Kind.FLAT)])
def test_a_frame_with_nothing_to_see_is_dropped(good: list[Look], level: int, kind: Kind) -> None:
    noise = np.random.default_rng(0).normal(level, 1, (SIDE, SIDE))
    curation = curate([*good, seen("empty", png(np.clip(noise, 0, 255).astype(np.uint8)))])
    assert kinds(curation, "empty") == {kind}
    assert "empty" not in curation.kept


def test_a_plain_product_is_not_called_flat() -> None:
    """Foil: hardly any contrast in any frame."""
    foil = [128 + (part(seed).astype(np.float32) - 120) / 30 for seed in range(FRAMES)]
    curation = curate(looks([np.rint(image).astype(np.uint8) for image in foil]))
    assert not curation.of(Kind.FLAT)


def test_an_unreadable_frame_is_dropped_and_says_why(good: list[Look]) -> None:
    broken = look("broken", png(part(1))[:500])
    assert isinstance(broken, Unreadable)
    (finding,) = curate([*good, broken]).findings
    assert finding.kind is Kind.UNREADABLE
    assert finding.measure is None
    assert "truncated" in finding.says


def test_another_size_or_channel_count_is_remarked_on_where_the_rest_agree(good: list[Look]) -> None:
    wide = seen("wide", png(cv2.resize(part(500), (200, 160))))
    coloured = seen("coloured", png(cv2.cvtColor(part(501), cv2.COLOR_GRAY2BGR)))
    curation = curate([*good, wide, coloured])
    assert {finding.frame for finding in curation.of(Kind.OTHER_SIZE)} == {"wide", "coloured"}
    assert "200x160 grey" in curation.of(Kind.OTHER_SIZE)[0].says


def test_another_size_is_no_finding_where_sizes_vary() -> None:
    varied = [cv2.resize(part(seed), (120 + seed, 160)) for seed in range(FRAMES)]
    assert curate(looks(varied)).of(Kind.OTHER_SIZE) == ()


def test_of_few_frames_only_what_is_beyond_doubt_is_told(good: list[Look]) -> None:
    few = [*good[:10], replace(good[0], name="copy"), seen("dark", png(dark(part(20))))]
    curation = curate(few)
    assert [finding.kind for finding in curation.findings] == [Kind.REPEAT]
    assert "fewer than 20" in curation.notes[0]


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_next_to_no_frames_are_no_error(good: list[Look], n: int) -> None:
    assert curate(good[:n]).kept == tuple(look.name for look in good[:n])


def test_typical_frames_are_none_that_something_was_found_about(good: list[Look]) -> None:
    curation, strange = with_strange(good, another)
    assert len(curation.typical) == 6
    assert not set(curation.typical) & set(strange)


def test_the_same_looks_give_the_same_curation(good: list[Look]) -> None:
    some = [*good, seen("dark", png(dark(part(1)))), replace(good[0], name="copy")]
    assert curate(some) == curate(list(some))


def test_colour_frames_are_curated_too() -> None:
    frames = looks([part(seed, colour=True) for seed in range(FRAMES)])
    green = part(99, colour=True)
    green[..., 1] = np.minimum(green[..., 1].astype(int) + 60, 255)
    curation = curate([*frames, seen("green", png(green))])
    assert flagged(curation) == {"green"}


def test_prepared_frames_are_looked_at_without_decoding_them_again() -> None:
    tensors = [part(seed)[..., np.newaxis] for seed in range(FRAMES)]
    frames = [look_at(str(i), tensor) for i, tensor in enumerate(tensors)]
    again = look_at("again", tensors[3].copy())
    curation = curate([*frames, again])
    assert [(finding.kind, finding.repeats) for finding in curation.findings] == [(Kind.REPEAT, "3")]


def test_a_tensor_and_its_file_look_the_same() -> None:
    image = cv2.resize(part(1), (256, 256))
    file, tensor = seen("a", png(image)), look_at("a", image[..., np.newaxis])
    assert np.array_equal(file.thumb, tensor.thumb)
    assert np.array_equal(file.style, tensor.style)
    assert file.health == tensor.health


def test_a_look_is_quick_and_small() -> None:
    tensor = cv2.resize(part(1, colour=True), (512, 512))
    spent = []
    for _ in range(20):
        began = time.process_time()
        found = look_at("a", tensor)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.005
    assert found.thumb.nbytes + found.detail.nbytes + found.style.nbytes < 5000


def test_a_few_strange_values_do_not_move_the_limits() -> None:
    usual = np.random.default_rng(0).normal(10, 1, 500)
    clean = limits(usual, 5, 0.1)
    with_strange = limits(np.concatenate([usual, np.full(25, 1e6)]), 5, 0.1)
    assert clean.low == pytest.approx(5, abs=1)
    assert clean.high == pytest.approx(15, abs=1)
    assert with_strange.high == pytest.approx(clean.high, abs=1)


def test_each_side_has_its_own_limit() -> None:
    skewed = limits(np.random.default_rng(0).exponential(1, 500), 5, 0.01)
    assert skewed.high - skewed.middle > 1.5 * (skewed.middle - skewed.low)


def test_a_set_without_spread_keeps_a_floor() -> None:
    assert limits(np.ones(100), 5, 0.1) == pytest.approx((1 - 5 * 0.1 * 1.05, 1, 1 + 5 * 0.1 * 1.05))


def test_limits_of_few_frames_lie_farther_out() -> None:
    values = np.random.default_rng(0).normal(0, 1, 20)
    assert limits(values, 5, 0.1).high > limits(np.tile(values, 50), 5, 0.1).high


def test_only_what_teaches_nothing_is_dropped() -> None:
    assert {Kind.UNREADABLE, Kind.BLACK, Kind.FLAT, Kind.REPEAT, Kind.NEAR_DUPLICATE} == DROPPED

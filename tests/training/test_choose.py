"""Drawn defects decide how frames are looked at and remembered; the default stands unless beaten beyond chance."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from andon_training.backbones import Backbone, parse_backbone, read_backbone
from andon_training.choose import LARGER, LEAD, LEAD_OF_SIZE, SIZE, Fixed, choose, default_plan, leads
from andon_training.filter_bank import filter_bank
from andon_training.options import Lighting, Method, Pixels
from andon_training.progress import silent
from andon_training.synthetic import DEFECTS, LEAST_CHANGE, drawn
from andon_training.trial import MOST_FRAMES, STRENGTHS, Plan, Trial, TrialFrames, run_trial, trial_frames
from andon_training.views import Recipe

SIDE = 128
KINDS = ("cut-paste", "scratch", "stain", "missing", "extra")


@cache
def bank() -> Backbone:
    return read_backbone(Path("filter-bank"))


def texture(shape: tuple[int, int, int], size: float = 1.5) -> np.ndarray:
    """A frame of grains of this size, in pixels, and middling contrast: uint8 [h, w, c]."""
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, shape).astype(np.float32), (0, 0), size)
    return np.clip(128 + 40 * grain / grain.std(), 0, 255).astype(np.uint8).reshape(shape)


def change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Grey levels by which each pixel changed, [h, w]."""
    return np.abs(after.astype(np.int16) - before).max(axis=2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(16, 16, 1), (64, 96, 3), (256, 192, 1), (130, 70, 3)])
def test_a_drawn_defect_is_visible_and_leaves_most_of_the_frame_alone(kind: str, shape: tuple[int, int, int]) -> None:
    for seed in range(10):
        changed = drawn(texture(shape), kind, np.random.default_rng(seed))
        assert changed.shape == shape
        assert changed.dtype == np.uint8
        assert change(texture(shape), changed).max() >= LEAST_CHANGE
        assert (change(texture(shape), changed) < LEAST_CHANGE).mean() > 0.5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "missing"])
@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("shape", [(16, 16, 1), (64, 64, 3)])
def test_even_a_black_or_white_frame_shows_nearly_all_of_them(
    kind: str, level: int, shape: tuple[int, int, int]
) -> None:
    flat = np.full(shape, level, np.uint8)
    seen = [change(flat, drawn(flat, kind, np.random.default_rng(seed))).max() >= LEAST_CHANGE for seed in range(20)]
    assert sum(seen) >= 18


def test_from_a_flat_frame_nothing_can_be_missing() -> None:
    flat = np.full((64, 64, 1), 100, np.uint8)
    np.testing.assert_array_equal(drawn(flat, "missing", np.random.default_rng(0)), flat)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(2, 2, 1), (3, 5, 3), (2, 64, 1)])
def test_a_tiny_frame_is_no_crash(kind: str, shape: tuple[int, int, int]) -> None:
    assert drawn(np.full(shape, 100, np.uint8), kind, np.random.default_rng(0)).shape == shape


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_defect_and_another_another(kind: str) -> None:
    once, again, other = (drawn(texture((64, 64, 3)), kind, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()


def test_there_are_five_kinds() -> None:
    assert tuple(DEFECTS) == KINDS


def changed_places(kind: str, n: int = 40) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of many frames with a defect of `kind`: the frame after, and where it changed clearly, bool [h, w]."""
    frame = texture((SIDE, SIDE, 1))
    after = [drawn(frame, kind, np.random.default_rng(seed)) for seed in range(n)]
    return [(one, change(frame, one) >= LEAST_CHANGE) for one in after]


@pytest.mark.parametrize("kind", KINDS)
def test_defects_lie_anywhere_and_are_small_and_large(kind: str) -> None:
    places = [np.argwhere(where) for _, where in changed_places(kind)]
    centres = np.array([place.mean(axis=0) for place in places])
    spans = np.array([np.ptp(place, axis=0).max() for place in places])
    assert (np.ptp(centres, axis=0) > SIDE / 2).all()
    assert spans.max() > 2.5 * spans.min()


def test_a_scratch_is_thin() -> None:
    for _, where in changed_places("scratch"):
        opened = cv2.morphologyEx(where.astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
        assert opened.sum() < 0.3 * where.sum() + 50


def test_a_stain_lets_what_is_under_it_show_through_and_what_is_missing_does_not() -> None:
    """By the strength of the grain under it."""
    frame = texture((SIDE, SIDE, 1))[..., 0]
    kept = {}
    for kind in ("stain", "missing"):
        grains = [(fine(frame)[where], fine(after[..., 0])[where]) for after, where in changed_places(kind)]
        kept[kind] = np.median([after.std() / before.std() for before, after in grains])
    assert kept["stain"] == pytest.approx(1, abs=0.05)
    assert kept["missing"] < 0.6


def fine(image: np.ndarray) -> np.ndarray:
    """What is finer than 3 pixels."""
    floats = image.astype(np.float32)
    return np.asarray(floats - cv2.GaussianBlur(floats, (0, 0), 3))


def trial(good: np.ndarray, defective: np.ndarray, size: int = SIZE) -> Trial:
    """The trial of some plan that gave these scores; defective is [n] or [copies, n]."""
    plan = Plan(size, Recipe(bank(), Pixels.UNIT), Method.GAUSSIAN)
    return Trial(plan, good.astype(np.float32), np.atleast_2d(defective).astype(np.float32))


def scored(auroc: float, n: int = 80, size: int = SIZE) -> Trial:
    """A trial of just this AUROC: so many of the defective frames score above all good ones, the rest below."""
    defective = np.where(np.arange(n) < round(auroc * n), 2.0, 0.0)
    return trial(np.ones(n), defective, size)


def test_auroc_counts_pairs() -> None:
    good, defective = np.array([1, 2, 3, 4.0]), np.array([[0, 2, 5, 6.0], [3, 3, 9, 1.0]])
    pairs = [(bad > ok) + 0.5 * (bad == ok) for bad in defective.ravel() for ok in good]
    made = trial(good, defective)
    assert made.auroc(made.everything) == pytest.approx(np.mean(pairs))


def test_a_plan_leads_by_a_clear_margin_in_nearly_all_resamples() -> None:
    assert leads(scored(0.9), scored(0.7))
    assert not leads(scored(0.7), scored(0.9))
    assert not leads(scored(0.9), scored(0.9))


def test_a_small_margin_is_no_lead_however_sure() -> None:
    """Always ahead, by half of what a lead must be."""
    ahead, behind = scored(0.95, n=400), scored(0.95 - LEAD / 2, n=400)
    assert (ahead.drawn >= behind.drawn).all()
    assert not leads(ahead, behind)
    assert leads(ahead, scored(0.95 - 2 * LEAD, n=400))


def test_a_margin_that_a_few_frames_make_is_no_lead() -> None:
    """Two frames of forty are found by one, one other by the other: ahead by more than enough, but by chance."""
    good = np.ones(40)
    ours, theirs = np.zeros(40), np.zeros(40)
    ours[:30], theirs[:28] = 2, 2
    theirs[30] = 2
    ahead, behind = trial(good, ours), trial(good, theirs)
    assert ahead.auroc(ahead.everything) > behind.auroc(behind.everything) + LEAD
    assert not leads(ahead, behind)


def test_a_larger_size_must_lead_by_more() -> None:
    assert LEAD < 0.03 < LEAD_OF_SIZE
    assert leads(scored(0.93, n=400), scored(0.90, n=400))
    assert not leads(scored(0.93, n=400, size=LARGER), scored(0.90, n=400))
    assert leads(scored(0.96, n=400, size=LARGER), scored(0.90, n=400))


def lying(random: np.random.Generator, turned: bool) -> np.ndarray:
    """A part with a hole and a dark mark on a plain ground, upright or anyhow: uint8 [SIDE, SIDE, 1]."""
    part = np.zeros((SIDE, SIDE), np.float32)
    cv2.rectangle(part, (40, 48), (88, 80), 75.0, -1)
    cv2.circle(part, (52, 64), 8, 125.0, -1)
    cv2.rectangle(part, (70, 56), (80, 72), 15.0, -1)
    angle, off = (random.uniform(0, 360), 18) if turned else (0, 1)
    move = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), angle, 1)
    move[:, 2] += random.uniform(-off, off, 2)
    part = cv2.warpAffine(part, move, (SIDE, SIDE))
    return as_seen(90 + part[..., None], random)


def as_seen(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """With a camera's noise: uint8 [h, w, c]."""
    return np.clip(image + random.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


@cache
def line(turned: bool = False) -> TrialFrames:
    """Parts that lie still, or anyhow, in a steady light."""
    random = np.random.default_rng(0)
    return trial_frames(np.stack([lying(random, turned) for _ in range(40)]))


@cache
def boards(off: int = 0, lights: tuple[tuple[float, float], ...] = ((1, 0),)) -> TrialFrames:
    """A patterned board up to `off` pixels off its place, under one light (gain, offset) after another."""
    random, pattern = np.random.default_rng(0), texture((SIDE + 64, SIDE + 64, 1), 5).astype(np.float64)
    frames = []
    for i in range(40):
        top, left = 32 + random.integers(-off, off + 1, 2)
        gain, offset = lights[i * len(lights) // 40]
        frames.append(as_seen(pattern[top : top + SIDE, left : left + SIDE] * gain + offset, random))
    return trial_frames(np.stack(frames))


SIZED = Fixed(size=SIDE)
ALL_FIXED = Fixed(SIDE, Method.GAUSSIAN, Lighting.LEVELLED, registered=False)


def test_trial_frames_are_few_spread_over_all_and_always_drawn_alike() -> None:
    masters = np.arange(200, dtype=np.uint8)[:, None, None, None].repeat(16, 1).repeat(16, 2)
    made, again = trial_frames(masters), trial_frames(masters)
    assert made.good.shape == (MOST_FRAMES, 16, 16, 1)
    assert made.drawn.shape == (len(STRENGTHS), MOST_FRAMES, 16, 16, 1)
    steps = np.diff(made.good[:, 0, 0, 0].astype(int))
    assert np.ptp(steps) <= 1
    assert made.good[0, 0, 0, 0] == 0
    assert made.good[-1, 0, 0, 0] > 190
    np.testing.assert_array_equal(made.drawn, again.drawn)


def test_frames_are_resized_to_the_size_of_a_plan() -> None:
    made = line().sized(64)
    assert (made.good.shape, made.drawn.shape) == ((40, 64, 64, 1), (len(STRENGTHS), 40, 64, 64, 1))
    assert line().sized(SIDE).good is line().good


def test_a_trial_scores_a_frame_by_what_others_taught() -> None:
    """A frame with a twin learns nothing from it, when the twin is held out with it."""
    frames = line()
    good = frames.good.copy()
    good[5, 40:80, 40:80] = 255
    good[4] = good[5]
    made = run_trial(default_plan(frames, bank(), ALL_FIXED), TrialFrames(good, frames.drawn))
    others = np.delete(made.good, [4, 5])
    assert made.good[[4, 5]].min() > others.max()


def test_the_default_stands_when_nothing_leads() -> None:
    plan, tried = choose(line(), bank(), Fixed(SIDE, None, Lighting.LEVELLED, registered=False), silent)
    assert plan.method is Method.GAUSSIAN
    assert len(tried) == 2
    assert [candidate.chosen for candidate in tried] == [True, False]


def test_parts_that_lie_anyhow_are_remembered_in_a_memory_bank() -> None:
    """Measured: AUROC .76 by position, .91 by memory."""
    plan, _ = choose(line(turned=True), bank(), Fixed(SIDE, None, Lighting.LEVELLED, registered=False), silent)
    assert plan.method is Method.BANK


def test_levelling_goes_no_further_than_a_bright_part_allows() -> None:
    """At the widest spread the part would be white all over: AUROC .973, and .999 as it is."""
    plan, _ = choose(line(), bank(), Fixed(SIDE, Method.GAUSSIAN, registered=False), silent)
    assert plan.recipe.spread == 35


def test_in_a_light_that_changes_frames_are_levelled() -> None:
    """Measured: AUROC .95 levelled, .90 as it is."""
    frames = boards(lights=((1, 0), (0.6, 0), (0.8, 60), (0.4, 100)))
    plan, tried = choose(frames, bank(), Fixed(SIDE, Method.GAUSSIAN, registered=False), silent)
    assert plan.recipe.lighting is Lighting.LEVELLED
    assert len(tried) == 2
    as_it_is = default_plan(frames, bank(), replace(ALL_FIXED, lighting=Lighting.AS_IS))
    assert leads(run_trial(plan, frames), run_trial(as_it_is, frames))


def test_parts_that_lie_off_are_registered() -> None:
    """Measured: AUROC .85 registered, .78 as they lie."""
    plan, tried = choose(boards(off=8), bank(), replace(ALL_FIXED, registered=None), silent)
    assert [(", registered," in candidate.plan, candidate.chosen) for candidate in tried] == [
        (False, False),
        (True, True),
    ]
    assert plan.recipe.template is not None


def test_parts_that_lie_still_are_not_even_tried_registered() -> None:
    _, tried = choose(boards(), bank(), replace(ALL_FIXED, registered=None), silent)
    assert [candidate.plan for candidate in tried] == ["gaussian-per-position, lighting levelled, as it lies, 128x128"]


def test_every_plan_that_was_tried_is_recorded_and_exactly_one_is_chosen() -> None:
    plan, tried = choose(line(turned=True), bank(), SIZED, silent)
    assert len({candidate.plan for candidate in tried}) == len(tried) >= 3
    assert [candidate.plan for candidate in tried if candidate.chosen] == [plan.words]
    assert all(0 <= candidate.auroc <= 1 for candidate in tried)


def test_what_the_operator_fixed_is_not_tried() -> None:
    for fixed in (ALL_FIXED, Fixed(SIDE, Method.BANK, Lighting.AS_IS, Pixels.IMAGENET, registered=False)):
        plan, tried = choose(line(turned=True), bank(), fixed, silent)
        assert len(tried) == 1
        assert (plan.size, plan.method, plan.recipe.lighting) == (SIDE, fixed.method, fixed.lighting)
        assert plan.recipe.pixels == (fixed.pixels or Pixels.UNIT)
        assert plan.recipe.template is None


def test_a_backbone_that_does_not_say_its_pixels_is_tried_with_each() -> None:
    silent_one = replace(bank(), pixels=None)
    _, tried = choose(line(), silent_one, ALL_FIXED, silent)
    assert [f"pixels {pixels}" in " ".join(candidate.plan for candidate in tried) for pixels in Pixels] == [True] * 4
    _, once = choose(line(), silent_one, replace(ALL_FIXED, pixels=Pixels.UNIT), silent)
    assert len(once) == 1


def test_a_larger_size_is_tried_last_and_only_where_none_was_asked_for() -> None:
    small = TrialFrames(line().good[:16], line().drawn[:, :16])
    _, tried = choose(small, bank(), replace(ALL_FIXED, size=None), silent)
    assert [candidate.plan.rpartition(" ")[2] for candidate in tried] == ["256x256", "384x384"]


def test_the_same_frames_choose_the_same_plan_with_the_same_numbers() -> None:
    fixed = replace(ALL_FIXED, method=None)
    assert choose(line(turned=True), bank(), fixed, silent)[1] == choose(line(turned=True), bank(), fixed, silent)[1]


def test_progress_begins_at_nothing_and_ends_at_all() -> None:
    told: list[tuple[str, int, int]] = []
    choose(line(), parse_backbone(filter_bank(), "mine"), ALL_FIXED, lambda *step: told.append(step))
    assert (told[0], told[-1]) == (("choosing", 0, 1), ("choosing", 1, 1))

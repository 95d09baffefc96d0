"""Levelling keeps what the part is made of, and what the light does away with does not matter."""

import cv2
import numpy as np
import pytest

from andon_training.backbones import shipped_backbone
from andon_training.interest import everywhere, interest
from andon_training.lighting import SPREADS, spread_for
from andon_training.maps import anomaly_maps, scores
from andon_training.method import cross_fit, distances
from andon_training.options import Method, Pixels
from andon_training.sample import open_extractor
from andon_training.views import Recipe, view_model

SIDE = 256


def small_part(random: np.random.Generator, share: float, spoilt: bool) -> np.ndarray:
    """A bright, grained disc over `share` of a dark ground, uint8 [SIDE, SIDE, 1]; spoilt: a faint spot on it."""
    ground = 30 + random.normal(0, 2, (SIDE, SIDE))
    radius, centre = int(np.sqrt(share / np.pi) * SIDE), tuple(int(v) for v in random.integers(125, 132, 2))
    mask = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), centre, radius, 255, -1)
    skin = (170 + 12 * np.sin(np.arange(SIDE) / 4)[:, None] + random.normal(0, 6, (SIDE, SIDE))).astype(np.float32)
    if spoilt:
        angle, off = random.uniform(0, 2 * np.pi), radius * random.uniform(0.4, 0.7)
        at = int(centre[0] + off * np.cos(angle)), int(centre[1] + off * np.sin(angle))
        spot = cv2.circle(np.zeros((SIDE, SIDE), np.float32), at, max(4, radius // 7), 1, -1)
        skin += cv2.GaussianBlur(spot, (0, 0), 1.2) * np.float32(random.choice([-1, 1]) * random.uniform(20, 40))
    frame = cv2.GaussianBlur(np.where(mask > 0, skin, ground), (0, 0), 0.8)
    return np.clip(frame, 0, 255).astype(np.uint8)[..., None]


def parts(n: int, share: float, spoilt: bool = False, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng([seed, spoilt])
    return np.stack([small_part(random, share, spoilt) for _ in range(n)])


def texture(n: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.clip(random.normal(120, 30, (n, 64, 64, 1)), 0, 255).astype(np.uint8)


def test_a_texture_is_spread_as_widely_as_can_be() -> None:
    assert spread_for(texture(8)) == SPREADS[0]


@pytest.mark.parametrize(("share", "most"), [(0.06, 25), (0.2, 50), (0.5, 70)])
def test_the_smaller_a_part_on_plain_ground_the_less_it_is_spread(share: float, most: float) -> None:
    assert spread_for(parts(6, share)) == most


def test_blank_frames_have_a_spread_like_any_others() -> None:
    assert spread_for(np.zeros((3, 64, 64, 1), np.uint8)) == SPREADS[0]


@pytest.mark.parametrize("share", [0.06, 0.2])
def test_faint_spots_on_a_small_part_are_found(share: float) -> None:
    """AUROC .50 and .82 when levelling whitens the whole part."""
    good, unseen, spoilt = parts(50, share), parts(30, share, seed=1), parts(30, share, spoilt=True)
    recipe = Recipe(shipped_backbone(), Pixels.SYMMETRIC, spread=spread_for(good))
    extractor = open_extractor(view_model(recipe, good.shape[1:]))
    learned, _ = cross_fit(extractor.views, extractor.run_all(good), Method.GAUSSIAN)

    def scored(frames: np.ndarray) -> np.ndarray:
        far = distances(learned.normals, extractor.run_all(frames))
        return scores(anomaly_maps(far, extractor.views, learned.levels))

    above = scored(spoilt)[:, None] > scored(unseen)
    assert above.mean() >= 0.9


def test_a_part_matters_more_than_the_ground_it_lies_on() -> None:
    weight = interest(parts(6, 0.1)).weight
    assert weight[118:138, 118:138].mean() > 3 * weight[:30, :30].mean()
    assert weight.mean() == pytest.approx(1)
    assert weight.min() > 0


def test_a_texture_matters_all_over_alike() -> None:
    weight = interest(texture(8)).weight
    assert weight.std() < 0.3


def test_places_are_drawn_as_they_matter() -> None:
    random, where = np.random.default_rng(0), interest(parts(6, 0.1))
    rows, columns = np.array([where.somewhere(random) for _ in range(400)]).T
    near = (np.abs(rows - 128) < 50) & (np.abs(columns - 128) < 50)
    assert near.mean() > 0.4  # of 15 % of the frame
    even = np.array([everywhere((40, 60, 1)).somewhere(random) for _ in range(400)])
    assert even.min() >= 0
    assert (even.max(axis=0) <= [39, 59]).all()
    assert 15 < even[:, 0].mean() < 25

"""What is learned in NumPy is what the served graph says: distances, maps and scores, by every method."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.neighbors import NearestNeighbors

from andon.inference import open_model
from andon.onnxfile import check_model
from andon_training import bank, gaussian, maps
from andon_training.backbones import Backbone, read_backbone, shipped_backbone
from andon_training.graph import IR_VERSION, OPSET, Graph
from andon_training.lighting import FLOOR, MIDDLE, SPREADS
from andon_training.method import Learned, cross_fit, distances, head_model, inspection_model, learn
from andon_training.options import Lighting, Method, Pixels
from andon_training.pixels import grey_levels
from andon_training.register import CELLS, find_template
from andon_training.sample import Extractor, open_extractor
from andon_training.views import SHIFT, Eyes, Recipe, View, view_model

GREY, COLOUR = (64, 64, 1), (64, 128, 3)
BACKBONES = ("filter-bank", "shipped")


def backbone(name: str) -> Backbone:
    return shipped_backbone() if name == "shipped" else read_backbone(Path(name))


def scene(n: int, shape: tuple[int, int, int], seed: int = 0, jitter: int = 0) -> np.ndarray:
    """Good frames, uint8 [n, *shape]: one bright block on a ramp, some noise, up to `jitter` pixels off its place."""
    random, (height, width, channels) = np.random.default_rng(seed), shape
    frames = random.normal(0, 4, (n, *shape)) + 60 + 40 * np.arange(width)[:, None] / width
    for frame in frames:
        top, left = (16 + random.integers(-jitter, jitter + 1, 2)) * height // 64
        frame[top : top + height // 3, left : left + height // 2] += np.linspace(60, 90, channels)
    return np.clip(frames, 0, 255).astype(np.uint8)


@cache
def looked(
    shape: tuple[int, int, int], name: str = "shipped", lighting: Lighting = Lighting.LEVELLED, jitter: int = 0
) -> tuple[Eyes, Extractor]:
    """Eyes for frames of `shape`, registered where these lie `jitter` pixels off."""
    eyes_of = backbone(name)
    template = find_template(scene(30, shape, jitter=jitter)) if jitter else None
    eyes = view_model(Recipe(eyes_of, eyes_of.pixels or Pixels.SYMMETRIC, lighting, template), shape)
    assert eyes.registered == bool(jitter)
    return eyes, open_extractor(eyes)


@cache
def taught(
    method: Method,
    shape: tuple[int, int, int] = GREY,
    name: str = "shipped",
    lighting: Lighting = Lighting.LEVELLED,
    jitter: int = 0,
) -> tuple[Eyes, Learned, bytes]:
    """What 40 frames of a scene taught, and the model that says it."""
    eyes, extractor = looked(shape, name, lighting, jitter)
    learned, _ = cross_fit(extractor.views, extractor.run_all(scene(40, shape, jitter=jitter)), method)
    return eyes, learned, inspection_model(eyes, learned)


@pytest.mark.parametrize("jitter", [0, 6])
@pytest.mark.parametrize("method", Method)
def test_a_head_that_goes_on_from_the_eyes_says_what_the_whole_model_says_to_the_bit(
    method: Method, jitter: int
) -> None:
    eyes, learned, whole = taught(method, jitter=jitter)
    frames = scene(5, GREY, seed=3, jitter=jitter)
    split = open_model(head_model(eyes, learned), backbone=eyes.model).run(frames)
    said = open_model(whole).run(frames)
    assert np.array_equal(split.score, said.score)
    assert np.array_equal(split.map, said.map)


def some_views(sides: tuple[int, ...] = (4,), depth: int = 3) -> list[View]:
    return [View(f"view-{side}", "", depth, side, side, 1.0) for side in sides]


def run_distances(normal: Any, features: np.ndarray) -> np.ndarray:
    """The distances of features, float32 [n, rows, columns, d], as the graph computes them."""
    _, rows, columns, depth = features.shape
    graph = Graph()
    value = graph.add("Transpose", graph.add("Cast", "frames", to=1), perm=[0, 3, 1, 2])
    add = bank.add_distances if isinstance(normal, bank.Bank) else gaussian.add_distances
    found = add(graph, View("view", value, depth, rows, columns, 1.0), normal)
    model = graph.model((rows, columns, depth), {"distance": (found, ("N", 1, rows, columns))})
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"frames": features.astype(np.uint8)})[0][:, 0])


def whole_numbers(n: int, seed: int = 0, rows: int = 5, columns: int = 7, depth: int = 6) -> np.ndarray:
    """Features that a uint8 can carry, float32 [n, rows, columns, depth]."""
    return np.random.default_rng(seed).integers(0, 256, (n, rows, columns, depth)).astype(np.float32)


@pytest.mark.parametrize("method", Method)
def test_distances_in_the_graph_are_those_in_numpy(method: Method) -> None:
    (normal,) = learn([whole_numbers(30)], method)
    fresh = whole_numbers(5, seed=1)
    (expected,) = distances([normal], [fresh])
    assert expected.shape == (5, 5, 7)
    np.testing.assert_allclose(run_distances(normal, fresh), expected, rtol=1e-4)


def test_maps_and_scores_in_the_graph_are_those_in_numpy() -> None:
    """Three views of unlike sizes and weights, brought to the finest."""
    drawn = np.random.default_rng(0)
    views = [View("a", "", 1, 12, 8, 0.5), View("b", "", 1, 6, 4, 1.0), View("c", "", 1, 3, 2, 1.0)]
    levels = (2.0, 0.5, 30.0)
    found = [drawn.integers(0, 256, (4, view.rows, view.columns)).astype(np.float32) for view in views]
    graph = Graph()
    whole = graph.add("Cast", "frames", to=1)
    values, at = [], 0
    for view in views:
        size = view.rows * view.columns
        part = graph.add("Slice", whole, graph.constant([at]), graph.constant([at + size]), graph.constant([1]))
        values.append(graph.add("Reshape", part, graph.constant([-1, 1, view.rows, view.columns])))
        at += size
    outputs = maps.add_score(graph, values, views, levels)
    model = graph.model((at, 1, 1), {"score": (outputs["score"], ("N",)), "map": (outputs["map"], ("N", 12, 8))})
    frames = np.concatenate([one.reshape(4, -1) for one in found], axis=1).astype(np.uint8).reshape(4, at, 1, 1)
    expected = maps.anomaly_maps(found, views, levels)
    said = open_model(model).run(frames)
    np.testing.assert_allclose(said.map, expected, rtol=1e-4)
    np.testing.assert_allclose(said.score, maps.scores(expected), rtol=1e-4)


def moved_back(expected: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Maps, [n, rows, columns], each moved by its shift in cells of the small picture, (x, y): OpenCV's word for it."""
    rows, columns = expected.shape[1:]
    across, down = np.meshgrid(np.arange(columns), np.arange(rows))
    moved = [
        cv2.remap(
            one,
            (across - shift[0] * columns / CELLS).astype(np.float32),
            (down - shift[1] * rows / CELLS).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for one, shift in zip(expected, shifts, strict=True)
    ]
    return np.stack(moved)


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("lighting", Lighting)
@pytest.mark.parametrize("jitter", [0, 4])
@pytest.mark.parametrize(("shape", "name"), [(GREY, "shipped"), (COLOUR, "shipped"), (COLOUR, "filter-bank")])
def test_the_whole_model_says_what_numpy_says(
    shape: tuple[int, int, int], name: str, jitter: int, lighting: Lighting, method: Method
) -> None:
    eyes, learned, model = taught(method, shape, name, lighting, jitter)
    fresh = scene(6, shape, seed=1, jitter=jitter)
    fresh[3, 40:56, 8:24] = 10
    _, extractor = looked(shape, name, lighting, jitter)
    expected = maps.anomaly_maps(distances(learned.normals, extractor.run_all(fresh)), extractor.views, learned.levels)
    said = open_model(model).run(fresh)
    np.testing.assert_allclose(said.score, maps.scores(expected), rtol=1e-4)
    if eyes.registered:
        (shift,) = extractor.session.run([SHIFT], {"frames": fresh})
        expected = moved_back(expected, shift.reshape(-1, 2) * CELLS / 2)
    np.testing.assert_allclose(said.map, expected, rtol=1e-3, atol=1e-4)
    assert said.score.argmax() == 3


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("jitter", [0, 4])
def test_a_frame_scores_the_same_alone_and_in_a_batch(method: Method, jitter: int) -> None:
    model, fresh = open_model(taught(method, jitter=jitter)[2]), scene(5, GREY, seed=2, jitter=jitter)
    alone = [model.run(fresh[i : i + 1]).score[0] for i in range(5)]
    np.testing.assert_allclose(model.run(fresh).score, alone, rtol=1e-5)


@pytest.mark.parametrize("method", Method)
def test_the_peak_of_the_map_lies_where_the_defect_is(method: Method) -> None:
    shape = (256, 256, 1)
    frame = scene(1, shape, seed=3)
    frame[0, 160:208, 128:176] = 0
    (anomaly_map,) = open_model(taught(method, shape)[2]).run(frame).map
    row, column = np.unravel_index(anomaly_map.argmax(), anomaly_map.shape)
    assert (row * 8 + 4, column * 8 + 4) == (pytest.approx(184, abs=16), pytest.approx(152, abs=16))


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("jitter", [0, 4])
def test_the_model_is_one_file_of_standard_operators(method: Method, jitter: int) -> None:
    eyes, learned, data = taught(method, jitter=jitter)
    check_model(data)
    made = onnx.load_model_from_string(data)
    onnx.checker.check_model(made, full_check=True)
    assert {node.domain for node in made.graph.node} == {""}
    assert [(entry.domain, entry.version) for entry in made.opset_import] == [("", OPSET)]
    assert made.ir_version == IR_VERSION
    assert data == inspection_model(eyes, learned)


def test_weights_seen_at_two_scales_are_kept_once() -> None:
    """Near and far look with the same weights."""
    learned = taught(Method.GAUSSIAN)[1]
    head = sum(normal.whitening.nbytes + normal.mean.nbytes for normal in learned.normals)
    weights = sum(onnx.numpy_helper.to_array(tensor).nbytes for tensor in shipped_backbone().model.graph.initializer)
    assert len(taught(Method.GAUSSIAN)[2]) < 1.1 * (head + weights)


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("lighting", Lighting)
@pytest.mark.parametrize("jitter", [0, 4])
def test_a_blank_frame_gets_a_finite_score(method: Method, lighting: Lighting, jitter: int) -> None:
    blank = np.stack([np.full(GREY, level, np.uint8) for level in (0, 77, 255)])
    said = open_model(taught(method, lighting=lighting, jitter=jitter)[2]).run(blank)
    assert said.problems == (None, None, None)
    assert (
        said.score > open_model(taught(method, lighting=lighting, jitter=jitter)[2]).run(scene(3, GREY)).score
    ).all()


@pytest.mark.parametrize("method", Method)
def test_frames_are_held_out_in_blocks_of_neighbours(method: Method) -> None:
    """A line that slowly brightens: its last frames are judged by what came before, not by their neighbours."""
    random = np.random.default_rng(0)
    rising = (np.arange(80.0).reshape(80, 1, 1, 1) / 10 + random.normal(0, 0.1, (80, 4, 4, 1))).astype(np.float32)
    in_order, _ = cross_fit(some_views(depth=1), [rising], method)
    mixed, _ = cross_fit(some_views(depth=1), [rising[random.permutation(80)]], method)
    assert in_order.levels[0] > 1.3 * mixed.levels[0]


@pytest.mark.parametrize("method", Method)
def test_a_held_out_frame_is_judged_by_the_others_alone(method: Method) -> None:
    features = whole_numbers(20, rows=4, columns=4, depth=3)
    _, held_out = cross_fit(some_views(), [features], method)
    others, levels = learn([features[4:]], method), cross_fit(some_views(), [features], method)[0].levels
    expected = maps.scores(maps.anomaly_maps(distances(others, [features[:4]]), some_views(), levels))
    np.testing.assert_allclose(held_out[:4], expected, rtol=1e-4)


@pytest.mark.parametrize("method", Method)
def test_what_is_learned_in_the_end_is_learned_from_all(method: Method) -> None:
    features = whole_numbers(20, rows=4, columns=4, depth=3)
    learned, _ = cross_fit(some_views(), [features], method)
    for once, all_at_once in zip(learned.normals, learn([features], method), strict=True):
        np.testing.assert_allclose(*distances([once], [features]), *distances([all_at_once], [features]), atol=1e-3)


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("name", BACKBONES)
def test_good_frames_come_out_near_one_in_every_view(method: Method, name: str) -> None:
    """At 120 frames. At 30 they came out at .82 in the widest view: fewer frames held out are fewer learned from."""
    _, extractor = looked(GREY, name)
    learned, held_out = cross_fit(extractor.views, extractor.run_all(scene(120, GREY)), method)
    fresh = extractor.run_all(scene(20, GREY, seed=5))
    for level, found in zip(learned.levels, distances(learned.normals, fresh), strict=True):
        assert found.mean() / level == pytest.approx(1, abs=0.1)
    whole = maps.anomaly_maps(distances(learned.normals, fresh), extractor.views, learned.levels)
    assert whole.mean() == pytest.approx(1, abs=0.1)
    assert maps.scores(whole).mean() == pytest.approx(held_out.mean(), rel=0.1)


def test_views_are_weighed_by_their_weights_and_not_by_how_far_their_numbers_reach() -> None:
    views = [replace(view, weight=weight) for view, weight in zip(some_views((4, 4)), (0.5, 1.5), strict=True)]
    ones = np.ones((1, 4, 4), np.float32)
    whole = maps.anomaly_maps([ones * 1000, ones * 0.2], views, (1000, 0.1))
    np.testing.assert_allclose(whole, 0.25 + 2 * 0.75, rtol=1e-6)


def test_a_score_is_the_mean_of_the_highest_cells() -> None:
    whole = np.zeros((1, 20, 20), np.float32)
    whole[0, 3, 4:12] = np.arange(1, 9)
    assert maps.scores(whole) == pytest.approx(whole[whole > 0].mean())


def levels_of(frames: np.ndarray) -> np.ndarray:
    graph = Graph()
    value = grey_levels(graph, Lighting.LEVELLED)
    model = graph.model(frames.shape[1:], {"levels": (value, ("N", frames.shape[3], *frames.shape[1:3]))})
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"frames": frames})[0].transpose(0, 2, 3, 1))


@pytest.mark.parametrize("shape", [GREY, COLOUR])
def test_levelling_brings_every_frame_to_one_mean_and_spread_and_cuts(shape: tuple[int, int, int]) -> None:
    frames = scene(3, shape)
    frames[1, 30:40] = 255
    as_floats = frames.astype(np.float64)
    mean, spread = (getattr(as_floats, how)(axis=(1, 2, 3), keepdims=True) for how in ("mean", "std"))
    expected = np.clip((as_floats - mean) * SPREADS[0] / (spread + FLOOR) + MIDDLE, 0, 255)
    np.testing.assert_allclose(levels_of(frames), expected, atol=1e-2)
    assert expected.max() == 255


@pytest.mark.parametrize("method", Method)
def test_other_light_is_nothing_when_levelled_and_something_as_it_is(method: Method) -> None:
    fresh = scene(8, GREY, seed=6)
    darker = (fresh * 0.7 + 20).astype(np.uint8)
    change = {}
    for lighting in Lighting:
        model = open_model(taught(method, lighting=lighting)[2])
        change[lighting] = model.run(darker).score.mean() / model.run(fresh).score.mean()
    assert change[Lighting.LEVELLED] < 1.2
    assert change[Lighting.AS_IS] > 2


def test_whitening_gives_the_mahalanobis_distance() -> None:
    """One position alone: the shrunk covariance is its own, whatever the shrinkage."""
    random = np.random.default_rng(4)
    sample = (random.normal(size=(5000, 1, 1, 3)) @ random.normal(size=(3, 3))).astype(np.float32)
    normal = gaussian.gaussian(gaussian.moments(sample))
    own = np.cov(sample[:, 0, 0].T, bias=True)
    covariance = own + gaussian.NOISE_FLOOR * own.trace() / 3 * np.eye(3)
    apart = sample[:50, 0, 0] - normal.mean[0, 0]
    expected = np.sqrt(np.einsum("ni,ij,nj->n", apart, np.linalg.inv(covariance), apart) / 3)
    np.testing.assert_allclose(gaussian.distances(normal, sample[:50])[:, 0, 0], expected, rtol=1e-3)


def test_a_gaussian_sample_lies_at_a_distance_of_one_in_square_mean() -> None:
    random, mixing = np.random.default_rng(5), np.random.default_rng(6).normal(size=(8, 8))
    sample = (random.normal(size=(600, 4, 4, 8)) @ mixing + 100).astype(np.float32)
    normal = gaussian.gaussian(gaussian.moments(sample[:500]))
    assert (gaussian.distances(normal, sample[500:]) ** 2).mean() == pytest.approx(1, abs=0.05)


def test_moments_of_parts_add_up_and_take_away() -> None:
    sample = whole_numbers(12)
    whole, part = gaussian.moments(sample), gaussian.moments(sample[:5])
    rest = whole - part
    assert rest.count == 7
    np.testing.assert_allclose(rest.outer, gaussian.moments(sample[5:]).outer, rtol=1e-9)
    np.testing.assert_allclose((rest + part).total, whole.total)


def test_a_part_that_lies_one_cell_off_is_not_far_in_the_gaussian() -> None:
    random = np.random.default_rng(7)

    def frames(n: int, column: int) -> np.ndarray:
        lying = np.zeros((n, 6, 12, 4), np.float32)
        lying[:, 2:4, column : column + 2] = 1
        return (lying + random.normal(0, 0.05, lying.shape)).astype(np.float32)

    normal = gaussian.gaussian(gaussian.moments(frames(100, 4)))
    still, by_one, by_four = (gaussian.distances(normal, frames(10, column)).max() for column in (4, 5, 8))
    assert by_one < 1.2 * still
    assert by_four > 2 * still


@pytest.mark.parametrize("value", [0.0, 1000.0])
@pytest.mark.parametrize("method", Method)
def test_features_that_never_varied_are_no_crash(method: Method, value: float) -> None:
    """A dead layer, or a camera that shows the same to the last bit."""
    dead = np.full((20, 4, 4, 3), value, np.float32)
    learned, held_out = cross_fit(some_views(), [dead], method)
    changed = dead.copy()
    changed[:, 1, 1] += 1
    assert np.isfinite(held_out).all()
    (found,) = distances(learned.normals, [changed])
    assert np.isfinite(found).all()
    assert found[:, 1, 1].min() > found[:, 3, 3].max()


@pytest.mark.parametrize("method", Method)
def test_one_channel_that_never_varied_does_not_drown_the_others(method: Method) -> None:
    features = whole_numbers(40, rows=4, columns=4, depth=3)
    features[..., 0] = 5
    odd, dead = features[:1].copy(), features[:1].copy()
    odd[..., 1] += 1000
    dead[..., 0] += 0.01
    (normal,) = learn([features], method)
    assert distances([normal], [odd])[0].min() > 2 * distances([normal], [dead])[0].max()


def test_a_bank_remembers_at_most_so_many_cells_always_the_same() -> None:
    features = np.random.default_rng(8).normal(size=(20, 16, 16, 4)).astype(np.float32)
    once, again = bank.bank(features), bank.bank(features)
    assert once.memory.shape == (bank.MOST, 4)
    assert len(bank.bank(features[:2]).memory) == 2 * 16 * 16
    np.testing.assert_array_equal(once.memory, again.memory)


def test_the_banks_distance_is_that_to_the_nearest_remembered_cell() -> None:
    features = np.random.default_rng(9).normal(size=(30, 8, 8, 4)).astype(np.float32)
    normal, fresh = bank.bank(features[:20]), features[20:]
    cells = (bank.smoothed(fresh).reshape(-1, 4) - normal.centre) * normal.gain
    nearest, _ = NearestNeighbors(n_neighbors=1).fit(normal.memory).kneighbors(cells)
    np.testing.assert_allclose(bank.distances(normal, fresh).ravel(), nearest[:, 0] / 2, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("depth", [3, 128])
def test_a_cell_is_averaged_with_its_neighbours_inside_the_frame(depth: int) -> None:
    features = np.random.default_rng(10).normal(size=(2, 5, 4, depth)).astype(np.float32)
    padded = np.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    expected = sum(padded[:, i : i + 5, j : j + 4] for i in range(3) for j in range(3)) / 9
    np.testing.assert_allclose(bank.smoothed(features), expected, atol=1e-6)


def test_the_bank_does_not_mind_where_a_part_lies() -> None:
    """What the gaussian calls far, far from its place, was seen elsewhere by the bank."""
    random = np.random.default_rng(11)
    lying = random.normal(0, 0.1, (60, 8, 8, 4)).astype(np.float32)
    for frame in lying:
        down, across = random.integers(0, 6, 2)
        frame[down : down + 3, across : across + 3] += 1
    elsewhere = lying[:1, ::-1, ::-1]
    normal = bank.bank(lying)
    assert bank.distances(normal, elsewhere).max() < 1.5 * bank.distances(normal, lying).max() + 0.1
    strange = elsewhere.copy()
    strange[0, 4:7, 4:7, 2] += 3
    assert bank.distances(normal, strange).max() > 3 * bank.distances(normal, elsewhere).max()

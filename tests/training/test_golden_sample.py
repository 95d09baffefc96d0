"""A frame is compared with the reference it is meant to be: what a camera does is forgiven, a defect is not."""

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from andon.bundle import Bundle
from andon.calibration import MIN_FRAMES
from andon.errors import Mistake
from andon.gate import run_gate
from andon.images.prepare import prepare
from andon.inference import Model, open_model
from andon.onnxfile import check_model
from andon.records import Verdict
from andon_training.evaluate.froc import Places, froc
from andon_training.golden_sample import ReferenceSettings, Settings, fit_references, reference_model, sources
from andon_training.golden_sample.difference import FLOOR, blobs, difference
from andon_training.golden_sample.register import HALF, QUARTER, pair, register
from andon_training.golden_sample.vary import LEAST, MOST, Drawn, variations
from andon_training.golden_sample.warp import CELL, linear
from andon_training.graph import Graph

HEIGHT, WIDTH = 192, 256
FINE = 2  # a board is drawn this much finer than it is seen
FAIR = 15.0  # grey levels: what a camera does to a good board stays below, what a defect does is above

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Encoded:
    """An encoded image in memory."""

    name: str
    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


def png(image: Image) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.shape[2] == 3 else image
    return cv2.imencode(".png", bgr)[1].tobytes()


def named(images: list[Image], prefix: str = "board") -> list[Encoded]:
    return [Encoded(f"{prefix}-{i}.png", png(image)) for i, image in enumerate(images)]


def board(seed: int) -> Image:
    """A drawn board, RGB, FINE times finer than it is seen: tracks, pads, parts with print, grain."""
    random = np.random.default_rng(seed)
    height, width = HEIGHT * FINE, WIDTH * FINE
    image = np.full((height, width, 3), (40, 95, 45), np.uint8)
    for _ in range(24):
        x, y, length = (int(n) for n in random.integers(0, (width, height, 200)))
        end = (x + length, y) if random.random() < 0.5 else (x, y + length)
        cv2.line(image, (x, y), end, (60, 140, 70), int(random.integers(3, 9)), cv2.LINE_AA)
    for _ in range(16):
        x, y, tall, wide = (int(n) for n in random.integers((0, 0, 16, 16), (width - 80, height - 80, 80, 80)))
        tone = [(30, 30, 30), (200, 200, 195), (150, 110, 60)][random.integers(3)]
        cv2.rectangle(image, (x, y), (x + wide, y + tall), tone, -1, cv2.LINE_AA)
        cv2.putText(image, str(random.integers(100)), (x + 2, y + tall - 4), 0, 0.6, (230, 230, 230), 2, cv2.LINE_AA)
    for _ in range(24):
        x, y = (int(n) for n in random.integers(0, (width, height)))
        cv2.circle(image, (x, y), int(random.integers(4, 9)), (210, 190, 120), -1, cv2.LINE_AA)
    grain = cv2.GaussianBlur(random.normal(0, 20, (height, width)).astype(np.float32), (0, 0), 2)
    return np.clip(image + grain[..., None], 0, 255).astype(np.uint8)


def shot(fine: Image, seed: int = 0, shift: tuple[float, float] | None = None) -> Image:
    """A board as a camera sees it: up to 5 pixels off, slightly turned, in other and uneven light, noise, JPEG."""
    random = np.random.default_rng(seed)
    dx, dy = random.uniform(-5, 5, 2) if shift is None else shift
    matrix = cv2.getRotationMatrix2D((WIDTH, HEIGHT), random.normal(0, 0.05), 1 + random.normal(0, 0.0005))
    matrix[:, 2] += (FINE * dx, FINE * dy)
    seen = seen_plainly(cv2.warpAffine(fine, matrix, fine.shape[1::-1], borderMode=cv2.BORDER_REFLECT))
    light = (1 + np.linspace(-1, 1, WIDTH)[:, None] * random.normal(0, 0.012)) * (1 + random.normal(0, 0.06))
    noisy = seen * light + random.normal(0, 5) + random.normal(0, 2, seen.shape)
    image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(85, 96))]
    return cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)


def seen_plainly(fine: Image) -> Image:
    """The same, as a perfect camera in its place would see it."""
    soft = cv2.GaussianBlur(fine, (0, 0), 0.6 * FINE)
    return cv2.resize(soft, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


BOARDS = [board(seed) for seed in range(4)]
REFERENCES = np.stack([seen_plainly(one) for one in BOARDS])

X, Y = 300, 180  # where defects are drawn, in a fine board


def spur(fine: Image) -> None:
    cv2.rectangle(fine, (X, Y), (X + 8, Y + 8), (235, 235, 235), -1)


def bite(fine: Image) -> None:
    cv2.rectangle(fine, (X, Y), (X + 10, Y + 10), (0, 0, 0), -1)


def scratch(fine: Image) -> None:
    cv2.line(fine, (X, Y), (X + 60, Y + 25), (225, 225, 225), 4, cv2.LINE_AA)


def stain(fine: Image) -> None:
    fine[Y : Y + 30, X : X + 30] = cv2.add(fine[Y : Y + 30, X : X + 30], np.full(3, 40.0))


def wrong_part(fine: Image) -> None:
    fine[Y : Y + 60, X : X + 60] = fine[40:100, 40:100].copy()


DEFECTS = [spur, bite, scratch, stain, wrong_part]


def broken(fine: Image, defect: object) -> Image:
    changed = fine.copy()
    defect(changed)  # type: ignore[operator]
    return changed


def opened(references: Image = REFERENCES, settings: Settings | None = None) -> Model:
    return open_model(reference_model(references.shape[1:], references, settings or Settings()), threads=1)


def score(model: Model, frame: Image) -> float:
    return float(model.run(frame[None]).score[0])


def chosen(model: Model, frames: Image) -> list[int]:
    return model.session.run(["reference"], {"frames": frames})[0].tolist()


@pytest.fixture(scope="module")
def model() -> Model:
    return opened()


# What is no defect


def test_a_frame_that_is_its_reference_differs_nowhere(model: Model) -> None:
    outputs = model.run(REFERENCES)
    np.testing.assert_allclose(outputs.map, FLOOR)
    np.testing.assert_allclose(outputs.score, FLOOR)


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (0.5, -0.5), (3.3, -2.7), (-5, 5), (8, -8)])
def test_a_frame_may_lie_off_by_the_reach(model: Model, shift: tuple[float, float]) -> None:
    matrix = np.array([[1, 0, FINE * shift[0]], [0, 1, FINE * shift[1]]], np.float64)
    moved = cv2.warpAffine(BOARDS[0], matrix, BOARDS[0].shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    assert score(model, seen_plainly(moved)) < 6


def test_a_frame_that_lies_off_further_is_a_difference(model: Model) -> None:
    assert score(model, shot(BOARDS[0], shift=(20, 0))) > 5 * FAIR


def test_what_a_camera_does_to_a_good_board_is_no_defect(model: Model) -> None:
    frames = np.stack([shot(BOARDS[i % 4], seed=i) for i in range(24)])
    assert model.run(frames).score.max() < FAIR


@pytest.mark.parametrize("turn", [-0.8, 0.8])
def test_a_slight_turn_is_no_defect_while_parts_may_stretch(turn: float) -> None:
    matrix = cv2.getRotationMatrix2D((WIDTH, HEIGHT), turn, 1.0)
    frame = seen_plainly(cv2.warpAffine(BOARDS[0], matrix, BOARDS[0].shape[1::-1], borderMode=cv2.BORDER_REFLECT))
    assert score(opened(), frame) < FAIR < score(opened(settings=Settings(stretch=0)), frame)


@pytest.mark.parametrize(("gain", "offset"), [(0.75, 0.0), (1.2, 0.0), (1.0, 25.0), (1.0, -25.0)])
def test_other_light_is_no_defect(model: Model, gain: float, offset: float) -> None:
    lit = np.clip(REFERENCES[0] * 0.7 * gain + 40 + offset, 0, 255).astype(np.uint8)
    assert score(opened((REFERENCES * 0.7 + 40).astype(np.uint8)), lit) < 6


def test_what_lies_beyond_the_edge_of_the_reference_is_not_judged(model: Model) -> None:
    frame = np.roll(REFERENCES[0], 6, axis=1)
    frame[:, :6] = (255, 0, 255)
    assert score(model, frame) < FAIR


# What is a defect


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("seed", [10, 11])
def test_a_defect_is_found_under_all_that_a_camera_does(model: Model, defect: object, seed: int) -> None:
    assert score(model, shot(broken(BOARDS[seed % 4], defect), seed)) > 1.3 * FAIR


def test_the_peak_of_the_map_lies_where_the_defect_is_in_the_frame() -> None:
    frame = shot(broken(BOARDS[1], bite), shift=(5, -4))
    (anomaly_map,) = opened().run(frame[None]).map
    row, column = np.unravel_index(anomaly_map.argmax(), anomaly_map.shape)
    assert column * 4 + 2 == pytest.approx((X + 5) / FINE + 5, abs=4)
    assert row * 4 + 2 == pytest.approx((Y + 5) / FINE - 4, abs=4)


def ruled() -> Image:
    """Two broad bars and a hairline, black and white, as a binarised board."""
    image = np.zeros((128, 128, 1), np.uint8)
    image[:, 30:50] = image[:, 80:100] = 255
    image[:, 64:66] = 255
    return image


def test_an_edge_that_jitters_by_a_pixel_weighs_nothing_a_bite_much() -> None:
    rough, bitten = ruled(), ruled()
    rough[np.arange(0, 128, 3), 50] = 255
    rough[np.arange(1, 128, 4), 99] = 0
    bitten[60:65, 45:50] = 0
    model = opened(ruled()[None])
    assert score(model, rough) < 20
    assert score(model, bitten) > 100


def test_an_edge_that_stands_off_along_its_length_weighs_less_than_a_bite() -> None:
    thick, bitten = ruled(), ruled()
    thick[40:90, 50:52] = 255
    bitten[60:65, 45:50] = 0
    model = opened(ruled()[None], Settings(stretch=0))
    assert 20 < score(model, thick) < 0.6 * score(model, bitten)


@pytest.mark.parametrize("change", ["came", "went"])
def test_a_hairline_is_seen_whether_it_came_or_went(change: str) -> None:
    without = ruled()
    without[50:70, 64:66] = 0
    reference, frame = (ruled(), without) if change == "went" else (without, ruled())
    assert score(opened(reference[None]), frame) > 80


def test_the_wrong_colour_is_a_defect_though_its_brightness_is_right(model: Model) -> None:
    frame = REFERENCES[0].copy()
    patch = frame[100:112, 100:112].astype(float)
    frame[100:112, 100:112] = np.clip(patch + np.array([40, -25, 24]), 0, 255).astype(np.uint8)
    assert score(model, frame) > FAIR


# Which reference


def test_every_frame_finds_its_reference(model: Model) -> None:
    frames = np.stack([shot(BOARDS[i % 4], seed=100 + i) for i in range(12)])
    assert chosen(model, frames) == [i % 4 for i in range(12)]


def test_boards_that_differ_by_one_part_are_told_apart() -> None:
    other = broken(BOARDS[0], wrong_part)
    model = opened(np.stack([seen_plainly(BOARDS[0]), *REFERENCES[1:], seen_plainly(other)]))
    frames = np.stack([shot(fine, seed) for seed in range(4) for fine in (BOARDS[0], other)])
    assert chosen(model, frames) == [0, 4] * 4
    assert model.run(frames).score.max() < FAIR


def test_boards_of_other_colours_are_told_apart() -> None:
    blue = np.ascontiguousarray(REFERENCES[0][..., ::-1])
    model = opened(np.stack([REFERENCES[0], blue]))
    assert chosen(model, np.stack([blue, REFERENCES[0]])) == [1, 0]


def test_an_unknown_board_is_anomalous(model: Model) -> None:
    frames = np.stack([shot(board(seed), seed) for seed in range(50, 56)])
    assert model.run(frames).score.min() > 5 * FAIR


@pytest.mark.parametrize("level", [0, 90, 255])
def test_an_empty_frame_is_anomalous(model: Model, level: int) -> None:
    assert score(model, np.full_like(REFERENCES[0], level)) > 3 * FAIR


def test_one_reference_is_enough() -> None:
    model = opened(REFERENCES[2:3])
    assert score(model, shot(BOARDS[2])) < FAIR < 5 * FAIR < score(model, shot(BOARDS[3]))


# The graph


def test_a_frame_scores_the_same_alone_and_in_a_batch(model: Model) -> None:
    frames = np.stack([shot(BOARDS[i % 4], seed=i) for i in range(5)])
    alone = [model.run(frame[None]) for frame in frames]
    np.testing.assert_allclose(model.run(frames).score, [one.score[0] for one in alone], rtol=1e-5)
    np.testing.assert_allclose(model.run(frames).map, [one.map[0] for one in alone], rtol=1e-3, atol=1e-3)


def test_the_graph_is_one_file_of_standard_operators() -> None:
    data = reference_model(REFERENCES.shape[1:], REFERENCES, Settings())
    check_model(data, frozenset({"", "ai.onnx"}))
    assert {node.domain for node in onnx.load_from_string(data).graph.node} == {""}
    assert data == reference_model(REFERENCES.shape[1:], REFERENCES, Settings())


def test_a_reference_costs_the_model_little_more_than_its_pixels() -> None:
    one, four = (len(reference_model(REFERENCES.shape[1:], REFERENCES[:k], Settings())) for k in (1, 4))
    assert (four - one) / 3 < 1.1 * REFERENCES[0].size


def run_graph(graph: Graph, value: str, frames: Image) -> NDArray[np.float32]:
    data = graph.model(frames.shape[1:], {"out": (value, ("N", "C", "h", "w"))})
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"frames": frames})[0]


@pytest.mark.parametrize("tolerance", [0, 1, 2])
def test_the_difference_is_that_of_grey_value_morphology(tolerance: int) -> None:
    random = np.random.default_rng(0)
    frame, reference = random.integers(0, 256, (2, 32, 40)).astype(np.uint8)
    graph, box = Graph(), np.ones((2 * tolerance + 1,) * 2, np.uint8)
    first = graph.add("Transpose", graph.add("Cast", "frames", to=1), perm=[0, 3, 1, 2])
    second = graph.constant(reference.astype(np.float32)[None, None])
    found = run_graph(graph, difference(graph, first, second, tolerance), frame[None, ..., None])
    a, b = frame.astype(int), reference.astype(int)
    expected = np.zeros_like(a)
    for one, other in ((a, b), (b, a)):
        high, low = (fn(other.astype(np.uint8), box).astype(int) for fn in (cv2.dilate, cv2.erode))
        expected = np.maximum.reduce([expected, one - high, low - one])
    np.testing.assert_array_equal(found[0, 0], expected)


def test_a_blob_is_a_mean_and_a_cell_keeps_the_greatest() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (1, 32, 40, 1)).astype(np.uint8)
    graph = Graph()
    floats = graph.add("Transpose", graph.add("Cast", "frames", to=1), perm=[0, 3, 1, 2])
    found = run_graph(graph, blobs(graph, floats, 5), frame)
    mean = cv2.blur(frame[0, ..., 0].astype(np.float32), (5, 5), borderType=cv2.BORDER_CONSTANT)
    np.testing.assert_allclose(found[0, 0], mean.reshape(8, 4, 10, 4).max(axis=(1, 3)), rtol=1e-5)


def test_cells_are_spread_as_cv2_resizes() -> None:
    cells = np.random.default_rng(2).normal(size=(6, 5)).astype(np.float32)
    np.testing.assert_allclose(linear(6, 48) @ cells @ linear(5, 40).T, cv2.resize(cells, (40, 48)), atol=1e-5)


def test_registration_finds_shift_and_turn_to_a_fifth_of_a_pixel() -> None:
    fine = cv2.cvtColor(BOARDS[0], cv2.COLOR_RGB2GRAY)[..., None]
    matrix = cv2.getRotationMatrix2D((WIDTH, HEIGHT), 0.3, 1.0)
    matrix[:, 2] += (FINE * 2.4, FINE * -1.3)
    turned = cv2.warpAffine(fine, matrix, fine.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    frame, reference = (seen_plainly(one).astype(np.float32) for one in (turned, fine[..., 0]))
    graph, size = Graph(), (HEIGHT, WIDTH)
    brightness = graph.add("Transpose", graph.add("Cast", "frames", to=1), perm=[0, 3, 1, 2])
    known = graph.constant(reference[None, None])
    pairs = {scale: pair(graph, brightness, known, size, scale) for scale in (HALF, QUARTER)}
    start = graph.constant(np.zeros((1, 2, 1, 1), np.float32))
    field = register(graph, pairs, start, size, stretch=2)
    found = run_graph(graph, field.value, frame.astype(np.uint8)[None, ..., None])[0]
    y, x = (np.arange(side // CELL) * CELL + CELL / 2 for side in size)
    middles = np.stack([*np.meshgrid(x, y), np.ones((len(y), len(x)))]) * np.array([FINE, FINE, 1])[:, None, None]
    back = np.einsum("ij,jyx->iyx", cv2.invertAffineTransform(matrix), middles)
    inner = (slice(None), slice(3, -3), slice(3, -3))
    assert np.abs(found - (back - middles[:2]) / FINE)[inner].mean() < 0.2


# Settings


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"reach": 17}, "reach 17: 0 to 16 pixels; fix the part"),
        ({"stretch": -1}, "stretch -1: 0 to 4"),
        ({"tolerance": 9}, "tolerance 9: 0 to 4"),
        ({"blob": 4}, "blob 4: an odd number of pixels, so that it has a middle; try 5"),
    ],
)
def test_settings_out_of_range_are_told(wrong: dict[str, int], says: str) -> None:
    with pytest.raises(Mistake, match=says):
        Settings(**wrong)


@pytest.mark.parametrize("settings", [Settings(0, 0, 0, 1), Settings(16, 4, 4, 31)])
def test_every_allowed_setting_makes_a_model(settings: Settings) -> None:
    model = opened(np.ascontiguousarray(REFERENCES[:2, :64, :64]), settings)
    assert np.isfinite(model.run(REFERENCES[:2, :64, :64].copy()).map).all()


# From references to a bundle


def fitted(references: list[Encoded], repeats: list[Encoded] | None = None, **settings: object) -> Bundle:
    asked = ReferenceSettings(budget=0.02, **settings)  # type: ignore[arg-type]
    return fit_references(references, asked, repeats=repeats or [], andon_version="test")


@pytest.fixture(scope="module")
def repeats() -> list[Encoded]:
    return named([shot(BOARDS[i % 4], seed=200 + i) for i in range(48)], "repeat")


@pytest.fixture(scope="module")
def bundle(repeats: list[Encoded]) -> Bundle:
    return fitted(named(list(REFERENCES)), repeats)


def verdict(bundle: Bundle, image: Image) -> Verdict:
    tensor = prepare(png(image), bundle.manifest.preparation).tensor
    return bundle.manifest.verdict(score(open_model(bundle.model, threads=1), tensor))


def test_a_bundle_of_references_passes_good_boards_and_finds_defects(bundle: Bundle) -> None:
    calls = sum(verdict(bundle, shot(BOARDS[i % 4], seed=300 + i)) is Verdict.ANOMALOUS for i in range(12))
    assert calls <= 2
    assert all(verdict(bundle, shot(broken(BOARDS[1], d), seed=7)) is Verdict.ANOMALOUS for d in DEFECTS)


def test_a_bundle_of_references_passes_its_gate(bundle: Bundle) -> None:
    assert run_gate(bundle, open_model(bundle.model, threads=1)).passed
    golden = {frame.name: frame.verdict for frame in bundle.manifest.golden}
    assert golden["golden/cut-paste.png"] is golden["golden/scratch.png"] is Verdict.ANOMALOUS
    assert Verdict.OK in golden.values()


def test_the_same_pictures_give_the_same_digest(bundle: Bundle, repeats: list[Encoded]) -> None:
    assert fitted(named(list(REFERENCES)), repeats).digest == bundle.digest


def test_the_record_names_the_references_in_the_order_the_model_counts_them(bundle: Bundle) -> None:
    training = bundle.manifest.training
    assert (training.method, training.extractor) == ("golden-sample", "registered-difference")
    assert training.references == tuple(f"board-{i}.png" for i in range(4))
    assert training.settings["calibrated_on_repeats"] == 48


def test_the_threshold_rests_on_enough_real_repeats(bundle: Bundle) -> None:
    calibration = bundle.manifest.calibration
    assert (calibration.good_frames, calibration.source, calibration.folds) == (48, "fresh", 1)
    assert not any("drawn" in warning for warning in calibration.warnings)


def test_without_repeats_the_threshold_rests_on_drawn_variations_and_says_so() -> None:
    bundle = fitted(named(list(REFERENCES[:2])))
    calibration = bundle.manifest.calibration
    assert calibration.good_frames == LEAST
    assert calibration.source == "drawn"
    assert calibration.warnings[0].startswith("the threshold rests on drawn variations of the references, not on real")
    assert "--good DIR" in calibration.warnings[0]
    assert verdict(bundle, broken(REFERENCES[0], lambda fine: fine[90:98, 150:158].fill(0))) is Verdict.ANOMALOUS


def test_too_few_repeats_stand_beside_drawn_variations(repeats: list[Encoded]) -> None:
    calibration = fitted(named(list(REFERENCES)), repeats[: MIN_FRAMES - 1]).manifest.calibration
    assert calibration.good_frames == LEAST + MIN_FRAMES - 1
    assert calibration.source == "drawn"
    assert f"give {MIN_FRAMES} or more repeats" in calibration.warnings[0]


def test_a_bad_part_among_the_repeats_does_not_set_the_threshold(bundle: Bundle, repeats: list[Encoded]) -> None:
    spoilt = [*repeats, Encoded("bad.png", png(shot(board(99))))]
    after = fitted(named(list(REFERENCES)), spoilt).manifest
    assert after.training.left_out == ("bad.png: stands apart from the others; is it a bad part, or no reference's?",)
    assert after.threshold == bundle.manifest.threshold


def test_a_reference_among_the_repeats_proves_nothing_and_is_not_counted(repeats: list[Encoded]) -> None:
    own = Encoded("own.png", png(REFERENCES[0]))
    assert fitted(named(list(REFERENCES)), [own, *repeats]).manifest.calibration.good_frames == 48


def test_a_drawn_variation_is_the_same_whenever_it_is_read() -> None:
    drawn = Drawn("a", REFERENCES[0], 5)
    assert drawn.read_bytes() == Drawn("a", REFERENCES[0], 5).read_bytes()
    assert drawn.read_bytes() != Drawn("a", REFERENCES[0], 6).read_bytes()


@pytest.mark.parametrize(("count", "expected"), [(1, LEAST), (7, LEAST), (150, 150), (500, MOST)])
def test_variations_are_spread_over_all_references(count: int, expected: int) -> None:
    drawn = variations([str(i) for i in range(count)], np.zeros((count, 8, 8, 1), np.uint8))
    used = {int(one.name.split(",")[0]) for one in drawn}
    assert len(drawn) == expected
    assert len(used) == min(count, expected)
    assert max(used) >= count - 3


# What the operator gives


def grey(width: int, height: int, seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1)).astype(np.uint8)
    return cv2.resize(noise, (width, height))[..., None]


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [((640, 480), None, (640, 480)), ((645, 483), None, (640, 480)), ((640, 480), 320, (320, 240)),
     ((320, 240), 640, (320, 240)), ((2600, 2600), None, (2048, 2048)), ((5000, 64 * 5), None, (4096, 256))],
)  # fmt: skip
def test_references_keep_their_own_size_where_one_record_holds_it(
    size: tuple[int, int], longest: int | None, expected: tuple[int, int]
) -> None:
    preparation = sources.native_preparation(named([grey(*size)]), longest, None)
    assert (preparation.width, preparation.height, preparation.channels) == (*expected, 1)


def test_colour_references_are_compared_in_colour_unless_grey_is_asked_for() -> None:
    assert sources.native_preparation(named([REFERENCES[0]]), None, None).channels == 3
    assert sources.native_preparation(named([REFERENCES[0]]), None, True).channels == 1


def test_too_many_references_for_one_model_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 100_000)
    with pytest.raises(Mistake, match=r"3 references of 256x192x3 hold 0 MB; .* make them smaller with --size"):
        sources.native_preparation(named(list(REFERENCES[:3])), None, None)


MISTAKES: dict[str, tuple[list[Encoded], list[Encoded], str]] = {
    "none": ([], [], "no references; give at least one"),
    "not an image": ([Encoded("note.txt", b"hello")], [], "reference note.txt: .*; replace it, every reference"),
    "sizes differ": (
        named([grey(96, 96), grey(96, 64)]), [], "board-1.png is 96x64 pixels, board-0.png is 96x96; take all",
    ),
    "the same twice": (named([grey(96, 96)] * 2), [], "references board-0.png and board-1.png are the same picture"),
    "too small": (named([grey(60, 60)]), [], "references of 56x56 pixels: .* at least 64"),
    "repeats of another size": (
        named([grey(96, 96)]), named([grey(96, 64)], "repeat"), "repeat repeat-0.png is 96x64 pixels, the references",
    ),
    "repeats that cannot be read": (
        named([grey(96, 96)]), [Encoded("bad.png", b"\x89PNG\r\n\x1a\n")], "1 of 1 repeats cannot be read .*bad.png",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_what_cannot_work_is_told(case: str) -> None:
    references, repeats, says = MISTAKES[case]
    with pytest.raises(Mistake, match=says):
        fitted(references, repeats)


def test_a_reference_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"reference gone.png: cannot be read: No such file"):
        fitted([tmp_path / "gone.png"])  # type: ignore[list-item]


# Real boards


@dataclass(frozen=True)
class Boards:
    """Binarised boards: `frames` [n], each with the template it belongs to, and defect boxes (x1, y1, x2, y2)."""

    names: list[str]
    frames: Image
    templates: Image
    others: Image
    boxes: list[list[tuple[int, int, int, int]]]


@pytest.fixture(scope="module")
def boards(factory_images: Path) -> Boards:
    """Templates of the frames, and templates of other boards."""
    folder = factory_images / "pcb"
    if not folder.is_dir():
        pytest.skip(f"no printed boards in {factory_images}")
    names = sorted(file.name for file in (folder / "test" / "mixed").iterdir())
    with (folder / "boxes.csv").open() as file:
        rows = list(csv.DictReader(file))
    boxes = [[tuple(int(r[k]) for k in ("x1", "y1", "x2", "y2")) for r in rows if r["image"] == n[:-4]] for n in names]
    return Boards(
        names=names,
        frames=read(folder / "test" / "mixed", names),
        templates=read(folder / "test" / "good", names),
        others=read(folder / "train" / "good", sorted(file.name for file in (folder / "train" / "good").iterdir())),
        boxes=boxes,  # type: ignore[arg-type]
    )


def read(folder: Path, names: list[str]) -> Image:
    return np.stack([cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)[..., None] for name in names])


def boxed(anomaly_map: NDArray[np.float32], boxes: list[tuple[int, int, int, int]]) -> Places:
    """A blob that overlaps a box, be it in one cell of the map, finds it; a blob that overlaps none is false."""
    cells = [(slice(y1 // 4, y2 // 4 + 1), slice(x1 // 4, x2 // 4 + 1)) for x1, y1, x2, y2 in boxes]
    defect = np.zeros(anomaly_map.shape, bool)
    for where in cells:
        defect[where] = True
    return Places(anomaly_map, defect, np.array([anomaly_map[where].max() for where in cells]))


@pytest.mark.factory
def test_99_percent_of_real_defects_are_found_at_2_false_blobs_a_board(boards: Boards) -> None:
    model = opened(boards.templates)
    maps = np.concatenate([model.run(frame[None]).map for frame in boards.frames])
    curve = froc([boxed(*one) for one in zip(maps, boards.boxes, strict=True)])
    assert curve is not None
    assert curve.regions == 901
    assert curve.at(2.0).found >= 0.99
    assert curve.at(1.0).found >= 0.99


@pytest.mark.factory
def test_every_real_board_finds_its_template_among_all_300(boards: Boards) -> None:
    model = opened(np.concatenate([boards.others, boards.templates]))
    found = [chosen(model, frame[None])[0] - len(boards.others) for frame in boards.frames]
    assert found == list(range(len(boards.frames)))


@pytest.mark.factory
def test_a_real_board_without_a_template_is_anomalous(boards: Boards) -> None:
    """However alike boards are, no other template explains one."""
    fewer = boards.others[::2]
    model = opened(fewer)
    strange = boards.frames[::13]
    assert min(float(model.run(frame[None]).score[0]) for frame in strange) > 200

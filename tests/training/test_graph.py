"""The ONNX graph says what the same arithmetic says in NumPy and OpenCV, and is safe to open."""

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from andon.inference import DOMAINS, open_model
from andon.onnxfile import UnsafeModel, check_model
from andon_training import gaussian
from andon_training.features import ENERGY_FLOOR, ORIENTATIONS, RANGE_FLOOR, gabor_pair
from andon_training.head import feature_model, inspection_model

GREY, COLOUR = (64, 96, 1), (64, 64, 3)


def noise(n: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


def features(frames: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(feature_model(frames.shape[1:]), providers=["CPUExecutionProvider"])
    return session.run(None, {"frames": frames})[0]


def pooled(image: np.ndarray, cell: int, how: str) -> np.ndarray:
    rows, columns = image.shape[0] // cell, image.shape[1] // cell
    return getattr(image.reshape(rows, cell, columns, cell), how)(axis=(1, 3))


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_an_orientations_energy_is_that_of_its_filter_pair(orientation: int) -> None:
    frames = noise(1, GREY)
    image = frames[0, ..., 0].astype(np.float32) / 255
    pair = gabor_pair(np.pi * orientation / ORIENTATIONS)
    energy = sum(cv2.filter2D(image, cv2.CV_32F, taps, borderType=cv2.BORDER_REFLECT_101) ** 2 for taps in pair)
    expected = np.log(pooled(energy, 8, "mean") + ENERGY_FLOOR)
    np.testing.assert_allclose(features(frames)[0, ..., orientation], expected, rtol=1e-4, atol=1e-4)


def test_the_second_scale_is_the_first_of_the_halved_image() -> None:
    frames = noise(1, GREY)
    image = pooled(frames[0, ..., 0].astype(np.float32) / 255, 2, "mean")
    energy = sum(
        cv2.filter2D(image, cv2.CV_32F, taps, borderType=cv2.BORDER_REFLECT_101) ** 2 for taps in gabor_pair(0)
    )
    expected = np.log(pooled(energy, 4, "mean") + ENERGY_FLOOR)
    np.testing.assert_allclose(features(frames)[0, ..., ORIENTATIONS], expected, rtol=1e-4, atol=1e-4)


def test_the_local_range_is_greatest_minus_least() -> None:
    frames = noise(1, GREY)
    image = frames[0, ..., 0].astype(np.float32) / 255
    box = np.ones((3, 3), np.uint8)
    spread = cv2.dilate(image, box) - cv2.erode(image, box)
    expected = np.log(pooled(spread, 8, "max") + RANGE_FLOOR)
    np.testing.assert_allclose(features(frames)[0, ..., 4 * ORIENTATIONS], expected, rtol=1e-4, atol=1e-4)


def test_brightness_is_the_mean_of_the_cell() -> None:
    frames = noise(1, GREY)
    expected = pooled(frames[0, ..., 0].astype(np.float32) / 255, 8, "mean")
    np.testing.assert_allclose(features(frames)[0, ..., 4 * ORIENTATIONS + 4], expected, atol=1e-5)


def test_a_colour_image_that_is_grey_has_the_grey_features_and_no_colour() -> None:
    grey = noise(1, (64, 64, 1))
    found = features(np.repeat(grey, 3, axis=3))
    np.testing.assert_allclose(found[..., :30], features(grey), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found[..., 30:32], 0, atol=1e-5)


def test_a_change_of_colour_alone_is_seen() -> None:
    """Equal brightness by BT.601, other hue."""
    red, green = np.full((1, *COLOUR), (150, 73, 80), np.uint8), np.full((1, *COLOUR), (40, 130, 77), np.uint8)
    assert np.abs(features(red)[..., 30:] - features(green)[..., 30:]).max() > 0.5


@pytest.mark.parametrize("shape", [GREY, COLOUR])
def test_the_whole_graph_equals_the_numpy_reference(shape: tuple[int, int, int]) -> None:
    normal = gaussian.gaussian(gaussian.moments(features(noise(60, shape))))
    fresh = noise(7, shape, seed=1)
    fresh[3, 20:40, 20:40] = 255
    outputs = open_model(inspection_model(shape, normal)).run(fresh)
    expected = gaussian.anomaly_maps(normal, features(fresh))
    np.testing.assert_allclose(outputs.map, expected, rtol=1e-4)
    np.testing.assert_allclose(outputs.score, expected.max(axis=(1, 2)), rtol=1e-4)
    assert outputs.score.argmax() == 3


def test_a_frame_scores_the_same_alone_and_in_a_batch() -> None:
    normal = gaussian.gaussian(gaussian.moments(features(noise(40, GREY))))
    model, fresh = open_model(inspection_model(GREY, normal)), noise(5, GREY, seed=2)
    alone = [model.run(fresh[i : i + 1]).score[0] for i in range(5)]
    np.testing.assert_allclose(model.run(fresh).score, alone, rtol=1e-5)


def test_the_peak_of_the_map_lies_where_the_defect_is() -> None:
    normal = gaussian.gaussian(gaussian.moments(features(noise(60, GREY))))
    frame = noise(1, GREY, seed=3)
    frame[0, 32:48, 64:80] = 0
    (anomaly_map,) = open_model(inspection_model(GREY, normal)).run(frame).map
    row, column = np.unravel_index(anomaly_map.argmax(), anomaly_map.shape)
    assert (row * 8 + 4, column * 8 + 4) == (pytest.approx(40, abs=8), pytest.approx(72, abs=8))


def test_whitening_gives_the_mahalanobis_distance() -> None:
    """One position alone: the shrunk covariance is its own, whatever the shrinkage."""
    random = np.random.default_rng(4)
    sample = (random.normal(size=(5000, 1, 1, 3)) @ random.normal(size=(3, 3))).astype(np.float32)
    normal = gaussian.gaussian(gaussian.moments(sample))
    x = sample[0, 0, 0] - normal.mean[0, 0]
    covariance = np.cov(sample[:, 0, 0].T, bias=True) + gaussian.NOISE_FLOOR * np.eye(3)
    expected = x @ np.linalg.inv(covariance) @ x
    assert np.sum((x @ normal.whitening[0, 0]) ** 2) == pytest.approx(expected, rel=1e-3)


def test_moments_of_parts_add_up_and_take_away() -> None:
    sample = features(noise(12, GREY))
    whole, part = gaussian.moments(sample), gaussian.moments(sample[:5])
    rest = whole - part
    np.testing.assert_allclose(rest.outer, gaussian.moments(sample[5:]).outer, rtol=1e-9)
    np.testing.assert_allclose((rest + part).total, whole.total)


def test_the_graph_is_one_file_of_standard_operators() -> None:
    normal = gaussian.gaussian(gaussian.moments(features(noise(20, GREY))))
    data = inspection_model(GREY, normal)
    check_model(data, frozenset({"", "ai.onnx"}))
    assert {node.domain for node in onnx.load_from_string(data).graph.node} == {""}
    assert data == inspection_model(GREY, normal)


def test_models_that_onnx_itself_wrote_are_judged_as_the_walk_should() -> None:
    """External data, custom domains in sub-graphs and in functions, as onnx.helper lays them out."""
    helper, tensor = onnx.helper, onnx.numpy_helper.from_array(np.zeros(4, np.float32), "w")
    inner = helper.make_graph(
        [helper.make_node("Odd", ["x"], ["y"], domain="com.evil")],
        "inner", [], [helper.make_tensor_value_info("y", 1, [1])],
    )  # fmt: skip
    external = onnx.TensorProto()
    external.CopyFrom(tensor)
    onnx.external_data_helper.set_external_data(external, "../secret.bin")
    external.ClearField("raw_data")
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    constant = helper.make_node("Constant", [], ["k"], value=external)
    function = helper.make_function(
        "", "F", ["a"], ["b"], [helper.make_node("Odd", ["a"], ["b"], domain="com.evil")], [helper.make_opsetid("", 18)]
    )
    opset = [helper.make_opsetid("", 18)]
    safe = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], [], [tensor])
    check_model(helper.make_model(safe, opset_imports=opset).SerializeToString(), DOMAINS)
    for graph, functions in (
        (helper.make_graph([], "g", [], [], [external]), []),
        (helper.make_graph([constant], "g", [], []), []),
        (helper.make_graph([branch], "g", [], []), []),
        (safe, [function]),
    ):
        data = helper.make_model(graph, opset_imports=opset, functions=functions).SerializeToString()
        with pytest.raises(UnsafeModel, match=r"external data|com\.evil"):
            check_model(data, DOMAINS)

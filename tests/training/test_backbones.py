"""Any honest ONNX file is a backbone; anything else is refused in words, before it can do harm."""

import pickle
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper, parser

from andon.errors import Mistake
from andon.inference import DOMAINS, open_model
from andon.onnxfile import UnsafeModel, check_model
from andon_training.backbones import MAX_BYTES, Backbone, parse_backbone, read_backbone, shipped_backbone
from andon_training.graph import OPSET, PIXELS_KEY
from andon_training.method import cross_fit, inspection_model
from andon_training.options import Lighting, Method, Pixels
from andon_training.sample import open_extractor
from andon_training.views import MOST_DEPTH, Recipe, view_model

POOLED = "AveragePool <kernel_shape = [8, 8], strides = [8, 8]>"
PLAIN = f"s8 = {POOLED} (input)"
IMAGE = "float[N, 3, H, W] input"
S8 = "float[N, c, h, w] s8"
HALF_WEIGHTS = "k = Constant <value = float16[1, 3, 1, 1] {1, 2, 3}> ()"


def model(body: str = PLAIN, given: str = IMAGE, outputs: str = S8, opset: str = '"": 18', functions: str = "") -> Any:
    """An ONNX model in ONNX's own words."""
    header = f"<ir_version: 8, opset_import: [{opset}]>"
    return parser.parse_model(f"{header} tiny ({given}) => ({outputs}) {{ {body} }} {functions}")


def parsed(made: Any) -> Backbone:
    return parse_backbone(made.SerializeToString(), "mine.onnx")


def layers(*wanted: tuple[str, int, int]) -> Any:
    """A backbone with an output for each (name, stride, depth): the mean of each cell, mixed at random."""
    drawn = np.random.default_rng(0)
    nodes, weights, outputs = [], [], []
    for name, stride, depth in wanted:
        mix = drawn.normal(0, 1, (depth, 3, 1, 1)).astype(np.float32)
        weights.append(numpy_helper.from_array(mix, f"{name}-mix"))
        nodes.append(
            helper.make_node(
                "AveragePool", ["input"], [f"{name}-mean"], kernel_shape=[stride] * 2, strides=[stride] * 2
            )
        )
        nodes.append(helper.make_node("Conv", [f"{name}-mean", f"{name}-mix"], [name]))
        outputs.append(helper.make_tensor_value_info(name, 1, ["N", depth, "h", "w"]))
    image = helper.make_tensor_value_info("input", 1, ["N", 3, "H", "W"])
    graph = helper.make_graph(nodes, "layers", [image], outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def colour(red: int, green: int, blue: int) -> np.ndarray:
    """A frame of one colour, uint8 [1, 64, 64, 3]."""
    return np.full((1, 64, 64, 3), (red, green, blue), np.uint8)


def seen(backbone: Backbone, frames: np.ndarray, pixels: Pixels = Pixels.UNIT) -> tuple[np.ndarray, ...]:
    """The views of frames, float32 [n, rows, columns, depth] each, lighting as it is."""
    return open_extractor(view_model(Recipe(backbone, pixels, Lighting.AS_IS), frames.shape[1:])).run(frames)


def by_onnx_runtime(made: Any, frames: np.ndarray) -> np.ndarray:
    """The first output of the model as it was handed in, float32 [n, h, w, c], of R, G, B in 0..1."""
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    pixels = (frames.transpose(0, 3, 1, 2) / 255).astype(np.float32)
    return np.asarray(session.run(None, {"input": pixels})[0].transpose(0, 2, 3, 1))


def noise(n: int = 2, side: int = 64) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, side, side, 3), np.uint8)


def with_external_data() -> Any:
    made = layers(("s8", 8, 4))
    (weights,) = made.graph.initializer
    onnx.external_data_helper.set_external_data(weights, "../secret.bin")
    weights.ClearField("raw_data")
    return made


def with_sparse_weights() -> Any:
    made = model()
    values = helper.make_tensor("w", 1, [1], [1.0])
    made.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, helper.make_tensor("at", onnx.TensorProto.INT64, [1], [0]), [4])
    )
    return made


IF = f"""t = Constant <value = bool {{1}}> ()
s8 = If (t) <then_branch = a () => (float[N, c, h, w] x) {{ x = {POOLED} (input) }},
             else_branch = b () => (float[N, c, h, w] y) {{ y = {POOLED} (input) }}>"""
RECURSIVE = '<domain: "mine", opset_import: ["": 18, "mine": 1]> pool (x) => (y) { y = mine.pool (x) }'
FIXED_SHAPE = f"a = {POOLED} (input) to = Constant <value = int64[4] {{1, 3, 16, 24}}> () s8 = Reshape (a, to)"
NOT_A_NUMBER = f"a = {POOLED} (input) b = Sub (a, a) s8 = Div (b, b)"

REFUSED: dict[str, tuple[Any, str]] = {
    "a pickle": (pickle.dumps({"weights": 1}), "pickle or a PyTorch archive.*export it to ONNX"),
    "a PyTorch archive": (b"PK\x03\x04whatever", "pickle or a PyTorch archive.*export it to ONNX"),
    "nothing": (b"", "not an ONNX model.*one ONNX file"),
    "garbage": (b"hello, this is no model", "not an ONNX"),
    "a file cut short": (model().SerializeToString()[:100], "not an ONNX"),
    "weights in another file": (with_external_data(), "external data.*save it as one file"),
    "operators of a vendor": (model("s8 = com.acme.Odd (input)", opset='"": 18, "com.acme": 1'), "com.acme.*standard"),
    "operators nobody knows": (model("s8 = Fancy (input)"), "ONNX Runtime cannot open it"),
    "an operator set of the future": (model(opset='"": 999'), f"operator set {OPSET} .*export it at {OPSET}"),
    "a function that calls itself": (
        model("s8 = mine.pool (input)", opset='"": 18, "mine": 1', functions=RECURSIVE),
        "functions cannot be written out.*export it without",
    ),
    "control flow": (model(IF), "control flow.*export it for one path"),
    "sparse weights": (with_sparse_weights(), "sparse weights.*dense"),
    "two inputs": (model(given=f"{IMAGE}, float[N] beside"), "one input, float32 .n, 3, h, w.*has input, beside"),
    "no input": (model("s8 = Constant <value = float[1] {1}> ()", given="", outputs="float[1] s8"), "has none"),
    "bytes for pixels": (
        model(f"a = Cast <to = 1> (input) s8 = {POOLED} (a)", given="uint8[N, 3, H, W] input"),
        "one input, float32",
    ),
    "one channel": (model(given="float[N, 1, H, W] input"), "one input, float32 .n, 3, h, w"),
    "a fixed size": (model(given="float[N, 3, 224, 224] input"), r"fixed to \[free, 3, 224, 224\]; export it"),
    "a fixed batch": (model(given="float[1, 3, H, W] input"), r"fixed to \[1, 3, free, free\]; export it with n, h"),
    "a size fixed inside": (model(FIXED_SHAPE), "does not run on frames of 128x192"),
    "no layer of stride 8 or 16": (model(PLAIN.replace("8, 8", "4, 4")), "none of its outputs.*export the layers"),
    "a classifier": (
        model("m = ReduceMean <keepdims = 0> (input)", outputs="float m"), "none of its outputs.*without the classifier"
    ),
    "numbers that are none": (model(NOT_A_NUMBER), "none of its outputs"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_backbone_is_refused_by_name_and_says_what_to_do(what: str, tmp_path: Path) -> None:
    made, said = REFUSED[what]
    path = tmp_path / "mine.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    with pytest.raises(Mistake, match=re.compile(f"mine.onnx: .*{said}", re.DOTALL)):
        read_backbone(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(Mistake, match=f"{re.escape(str(path))}: cannot be read"):
            read_backbone(path)


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(Mistake, match=rf"huge\.onnx: {MAX_BYTES + 1} bytes; a backbone has at most {MAX_BYTES}"):
        read_backbone(path)


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_is_never_a_traceback() -> None:
    """A few hundred files with bytes changed, lost or added: each is a backbone still, or a Mistake."""
    whole, chance, refused = layers(("s8", 8, 4)).SerializeToString(), random.Random(0), []
    for _ in range(300):
        at = chance.randrange(len(whole))
        instead = bytes(chance.randrange(256) for _ in range(chance.randrange(3)))
        try:
            parse_backbone(whole[:at] + instead + whole[at + chance.randrange(3) :], "damaged.onnx")
        except Mistake as told:
            refused.append(str(told))
    assert len(refused) > 100
    assert all(told.startswith("damaged.onnx: ") for told in refused)


def test_functions_are_written_out() -> None:
    function = f'<domain: "mine", opset_import: ["": 18]> pool (x) => (y) {{ y = {POOLED} (x) }}'
    made = model("s8 = mine.pool (input)", opset='"": 18, "mine": 1', functions=function)
    backbone = parsed(made)
    assert [node.op_type for node in backbone.model.graph.node] == ["AveragePool"]
    np.testing.assert_allclose(seen(backbone, noise())[0], by_onnx_runtime(made, noise()), atol=1e-6)


@pytest.mark.parametrize("opset", [7, 11, 13, 17, 20, 22])
def test_other_operator_sets_are_converted(opset: int) -> None:
    """Unsqueeze had its axes as an attribute before set 13 and has them as an input since."""
    old = "b = Unsqueeze <axes = [0]> (a) c = Squeeze <axes = [0]> (b)"
    new = "to = Constant <value = int64[1] {0}> () b = Unsqueeze (a, to) c = Squeeze (b, to)"
    made = model(f"a = {POOLED} (input) {old if opset < 13 else new} s8 = Relu (c)", opset=f'"": {opset}')
    backbone = parsed(made)
    assert [(entry.domain, entry.version) for entry in backbone.model.opset_import] == [("", OPSET)]
    np.testing.assert_allclose(seen(backbone, noise())[0], by_onnx_runtime(made, noise()), atol=1e-6)


def test_batch_norms_are_folded_into_convolutions() -> None:
    made = layers(("s8", 8, 2))
    (conv,) = [node for node in made.graph.node if node.op_type == "Conv"]
    conv.output[0] = "before"
    norm = {"scale": [2, 3], "shift": [0.5, -1], "mean": [0.1, 0.2], "variance": [1, 4]}
    made.graph.initializer.extend(numpy_helper.from_array(np.array(v, np.float32), k) for k, v in norm.items())
    made.graph.node.append(helper.make_node("BatchNormalization", ["before", *norm], ["s8"]))
    backbone = parsed(made)
    assert [node.op_type for node in backbone.model.graph.node] == ["AveragePool", "Conv"]
    np.testing.assert_allclose(seen(backbone, noise())[0], by_onnx_runtime(made, noise()), atol=1e-5)


@pytest.mark.parametrize(
    "body",
    [
        f"a = Cast <to = 10> (input) {HALF_WEIGHTS} b = Mul (a, k) c = Cast <to = 1> (b) s8 = {POOLED} (c)",
        f"a = Cast <to = 10> (input) {HALF_WEIGHTS} n = Shape (a) e = Expand (k, n) b = Concat <axis = 1> (a, e)"
        f" c = Cast <to = 1> (b) s8 = {POOLED} (c)",
    ],
)
def test_a_backbone_of_half_precision_sees_what_it_saw(body: str) -> None:
    made = model(body)
    np.testing.assert_allclose(seen(parsed(made), noise())[0], by_onnx_runtime(made, noise()), atol=2e-3)


def test_a_convolution_of_half_precision_gets_whole_weights() -> None:
    """Only a convolution whose weights are constants can go to int8."""
    made = model(f"a = Cast <to = 10> (input) {HALF_WEIGHTS} b = Conv (a, k) c = Cast <to = 1> (b) s8 = {POOLED} (c)")
    backbone = parsed(made)
    (conv,) = [node for node in backbone.model.graph.node if node.op_type == "Conv"]
    kept = {tensor.name: tensor.data_type for tensor in backbone.model.graph.initializer}
    assert kept[conv.input[1]] == onnx.TensorProto.FLOAT


def test_the_narrowest_output_of_each_stride_is_taken() -> None:
    wanted = [("wide", 8, 12), ("narrow", 8, 5), ("deep", 16, 9), ("deeper", 16, 30), ("early", 4, 3), ("late", 32, 3)]
    backbone = parsed(layers(*wanted))
    assert [(output.name, output.stride, output.depth) for output in backbone.outputs] == [
        ("narrow", 8, 5),
        ("deep", 16, 9),
    ]


@pytest.mark.parametrize("pixels", Pixels)
def test_a_backbone_may_say_which_pixels_it_wants(pixels: Pixels) -> None:
    made = model()
    helper.set_model_props(made, {PIXELS_KEY: pixels, "author": "somebody"})
    assert parsed(made).pixels is pixels


def test_a_backbone_need_not_say_and_must_not_say_nonsense() -> None:
    assert parsed(model()).pixels is None
    made = model()
    helper.set_model_props(made, {PIXELS_KEY: "0..1"})
    with pytest.raises(Mistake, match=r"mine\.onnx: its metadata says andon\.pixels='0\.\.1'; one of unit, symmetric"):
        parsed(made)


PIXEL_VALUES = {
    Pixels.UNIT: (200 / 255, 100 / 255, 50 / 255),
    # keras.applications.mobilenet_v2.preprocess_input, tensorflow/models: x / 127.5 - 1
    Pixels.SYMMETRIC: (200 / 127.5 - 1, 100 / 127.5 - 1, 50 / 127.5 - 1),
    # torchvision.transforms.Normalize of its ImageNet weights
    Pixels.IMAGENET: ((200 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (50 / 255 - 0.406) / 0.225),
    # detectron2 and mmdetection, backbones in Caffe style: B, G, R less (103.53, 116.28, 123.675)
    Pixels.CAFFE: (50 - 103.53, 100 - 116.28, 200 - 123.675),
}


@pytest.mark.parametrize("pixels", Pixels)
def test_pixels_are_scaled_as_others_scale_them(pixels: Pixels) -> None:
    (near, far) = seen(parsed(model()), colour(200, 100, 50), pixels)
    for view in (near, far):
        np.testing.assert_allclose(view[0, 1, 1], PIXEL_VALUES[pixels], rtol=1e-5, atol=1e-5)


def test_a_grey_frame_is_seen_as_three_equal_channels() -> None:
    grey = seen(parsed(model()), colour(90, 90, 90)[..., :1], Pixels.IMAGENET)
    np.testing.assert_array_equal(grey[0], seen(parsed(model()), colour(90, 90, 90), Pixels.IMAGENET)[0])


def test_of_a_wide_output_the_same_few_channels_are_always_kept() -> None:
    backbone = parsed(layers(("s8", 8, 80), ("s16", 16, 200)))
    near8, near16, far16 = seen(backbone, noise())
    assert (near8.shape[3], near16.shape[3], far16.shape[3]) == (MOST_DEPTH[8], MOST_DEPTH[16], MOST_DEPTH[16])
    whole = by_onnx_runtime(layers(("s8", 8, 80)), noise())
    kept = [int(np.abs(whole - near8[..., [i]]).max(axis=(0, 1, 2)).argmin()) for i in range(near8.shape[3])]
    assert kept == sorted(set(kept))
    recipe = Recipe(backbone, Pixels.UNIT)
    assert view_model(recipe, (64, 64, 3)).model == view_model(recipe, (64, 64, 3)).model


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize(
    "backbone",
    [layers(("s8", 8, 6)), layers(("s16", 16, 6)), layers(("s8", 8, 6), ("s16", 16, 6)), layers(("s16", 16, 300))],
    ids=["stride 8", "stride 16", "both", "wide"],
)
def test_any_of_the_strides_is_enough_to_inspect_by(backbone: Any, method: Method) -> None:
    recipe = Recipe(parsed(backbone), Pixels.UNIT, Lighting.AS_IS)
    eyes = view_model(recipe, (128, 128, 3))
    good = (noise(24, 128) // 16 + 100).astype(np.uint8)
    extractor = open_extractor(eyes)
    learned, held_out = cross_fit(extractor.views, extractor.run_all(good), method)
    bad = good[:1].copy()
    bad[:, 48:64, 64:80] = 160
    outputs = open_model(inspection_model(eyes, learned)).run(bad)
    assert outputs.score[0] > 2 * held_out.max()
    row, column = np.unravel_index(outputs.map[0].argmax(), outputs.map[0].shape)
    cell = 128 / outputs.map.shape[1]
    assert ((row + 0.5) * cell, (column + 0.5) * cell) == (pytest.approx(56, abs=16), pytest.approx(72, abs=16))


def test_the_shipped_backbone_is_one() -> None:
    backbone = shipped_backbone()
    assert {output.stride for output in backbone.outputs} == {8, 16}
    assert backbone.pixels is not None
    assert shipped_backbone() is backbone


def test_models_that_onnx_itself_wrote_are_judged_as_the_walk_should() -> None:
    """External data, custom domains in sub-graphs and in functions, as onnx.helper lays them out."""
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
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

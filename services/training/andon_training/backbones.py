"""A backbone: a pretrained feature extractor, Andon's own or any ONNX file the user has, ready to be fused.

What it must be: one ONNX file of standard operators, one float32 image input [n, 3, h, w] with h and w free, and at
least one output [n, c, h/8, w/8] or [n, c, h/16, w/16]. Which outputs have these strides is found by running it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx import inliner, version_converter

from andon.errors import Mistake
from andon.ids import sha256_hex
from andon.onnxfile import STANDARD_DOMAINS, UnsafeModel, check_model
from andon_training.filter_bank import NAME as FILTER_BANK
from andon_training.filter_bank import filter_bank
from andon_training.graph import OPSET, PIXELS_KEY
from andon_training.options import Pixels
from andon_training.scratch import scratch_folder
from andon_training.session import cpu_session

STRIDES = (8, 16)
MAX_BYTES = 256 * 1024**2
PROBE = (128, 192)  # height and width of the frame it is tried on
SHIPPED = "andon-s8s16.onnx"


@dataclass(frozen=True)
class Output:
    """One output of a backbone: float32 [n, depth, h/stride, w/stride]."""

    name: str
    stride: int
    depth: int


@dataclass(frozen=True)
class Backbone:
    """A backbone that was tried. `digest` is the sha256 of its file, `pixels` None where the file does not say."""

    name: str
    digest: str
    model: Any
    input: str
    outputs: tuple[Output, ...]
    pixels: Pixels | None


def read_backbone(path: Path) -> Backbone:
    """The backbone in the file at `path`; FILTER_BANK names the built-in filter bank.

    Raises Mistake, saying what it must be, when it is none.
    """
    if str(path) == FILTER_BANK:
        return parse_backbone(filter_bank(), FILTER_BANK)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Mistake(f"{path}: {path.stat().st_size} bytes; a backbone has at most {MAX_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise Mistake(f"{path}: cannot be read: {error.strerror or error}") from error
    return parse_backbone(data, path.name)


@cache
def shipped_backbone() -> Backbone:
    """The backbone that ships with Andon; its card stands beside it."""
    data = (files("andon_training") / "backbone" / SHIPPED).read_bytes()
    return parse_backbone(data, SHIPPED)


def parse_backbone(data: bytes, name: str) -> Backbone:
    """The backbone that `data` holds; errors call it `name`. Raises Mistake."""
    model = _at_our_opset(_flat(data, name), name)
    for _ in range(2):  # the first leaves casts round weights of half precision, the second works them out
        model = _folded(model, name)
    given = _image_input(model, name)
    outputs = _chosen(_tried(model, given, name), name)
    return Backbone(name, sha256_hex(data), model, given, outputs, _stated_pixels(model, name))


def _flat(data: bytes, name: str) -> Any:
    """The model in `data`, functions written out; control flow, which cannot be moved into another graph, refused."""
    model = _with_functions(data, name)
    if model.functions:
        model = _without_functions(model, name)
    if any(attribute.HasField("g") or attribute.graphs for node in model.graph.node for attribute in node.attribute):
        raise Mistake(f"{name}: has control flow (If, Loop or Scan); export it for one path")
    if model.graph.sparse_initializer:
        raise Mistake(f"{name}: has sparse weights; export it with dense ones")
    return model


def _with_functions(data: bytes, name: str) -> Any:
    """The model in `data`, whose nodes may also be of domains that its own functions define."""
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        _check(data, name)  # it may know better what this is
        raise Mistake(f"{name}: not a backbone: not an ONNX file ({error}); export it again") from error
    _check(data, name, frozenset(function.domain for function in model.functions))
    return model


def _without_functions(model: Any, name: str) -> Any:
    try:
        model = inliner.inline_local_functions(model)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        raise Mistake(f"{name}: its functions cannot be written out ({error}); export it without functions") from error
    standard = [opset for opset in model.opset_import if opset.domain in STANDARD_DOMAINS]
    del model.opset_import[:]
    model.opset_import.extend(standard)
    _check(model.SerializeToString(), name)
    return model


def _check(data: bytes, name: str, own: frozenset[str] = frozenset()) -> None:
    try:
        check_model(data, STANDARD_DOMAINS | own, MAX_BYTES)
    except UnsafeModel as error:
        raise Mistake(f"{name}: not a backbone: {error}; a backbone is one ONNX file of standard operators") from error


def _at_our_opset(model: Any, name: str) -> Any:
    found = {opset.domain: opset.version for opset in model.opset_import}
    if found.get("", found.get("ai.onnx")) == OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        raise Mistake(
            f"{name}: cannot be brought to operator set {OPSET} ({str(error)[:300]}); export it at {OPSET}"
        ) from error


def _folded(model: Any, name: str) -> Any:
    """`model` with its constants worked out and batch norms folded into convolutions, by ONNX Runtime."""
    data = model.SerializeToString()
    with scratch_folder(2 * len(data)) as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folder / "folded.onnx")
        try:
            onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            folded = onnx.load(options.optimized_model_filepath)
        except Exception as error:
            raise Mistake(f"{name}: ONNX Runtime cannot open it: {str(error)[:300]}") from error
    del folded.opset_import[:]  # it names every domain it knows, used or not
    folded.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    _check(folded.SerializeToString(), name)
    return folded


def _image_input(model: Any, name: str) -> str:
    weights = {tensor.name for tensor in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in weights]
    kind = given[0].type.tensor_type if len(given) == 1 else None
    sides = [side.dim_value for side in kind.shape.dim] if kind else []
    if kind is None or kind.elem_type != onnx.TensorProto.FLOAT or len(sides) != 4 or sides[1] not in (0, 3):
        got = ", ".join(value.name for value in given) or "none"
        raise Mistake(f"{name}: a backbone has one input, float32 [n, 3, h, w]; this one has {got}")
    if sides[0] or any(sides[2:]):
        got = ", ".join(str(side or "free") for side in sides)
        raise Mistake(
            f"{name}: its input is fixed to [{got}]; export it with n, h and w free (dynamic axes), "
            "so that it can look at two scales"
        )
    return str(given[0].name)


def _tried(model: Any, given: str, name: str) -> list[Output]:
    frame = np.random.default_rng(0).uniform(-1, 1, (2, 3, *PROBE)).astype(np.float32)
    try:
        session = cpu_session(model.SerializeToString())
        found = session.run(None, {given: frame})
    except Exception as error:
        raise Mistake(f"{name}: does not run on frames of {PROBE[0]}x{PROBE[1]}: {str(error)[:300]}") from error
    named = zip((output.name for output in session.get_outputs()), found, strict=True)
    return [Output(label, PROBE[0] // value.shape[2], value.shape[1]) for label, value in named if _is_layer(value)]


def _is_layer(value: Any) -> bool:
    if not isinstance(value, np.ndarray) or value.ndim != 4 or len(value) != 2 or value.dtype != np.float32:
        return False
    strides = [side / cells for side, cells in zip(PROBE, value.shape[2:], strict=True)]
    return strides[0] == strides[1] in STRIDES and bool(np.isfinite(value).all())


def _chosen(outputs: Sequence[Output], name: str) -> tuple[Output, ...]:
    """The narrowest output of each stride: a bottleneck says as much as what it expands to, and costs less."""
    best = [min((o for o in outputs if o.stride == s), key=lambda o: o.depth, default=None) for s in STRIDES]
    chosen = tuple(output for output in best if output is not None)
    if not chosen:
        raise Mistake(
            f"{name}: none of its outputs is [n, c, h/8, w/8] or [n, c, h/16, w/16]; "
            "export the layers of stride 8 and 16 as outputs, without the classifier"
        )
    return chosen


def _stated_pixels(model: Any, name: str) -> Pixels | None:
    stated = {prop.key: prop.value for prop in model.metadata_props}.get(PIXELS_KEY)
    if stated is None:
        return None
    if stated not in list(Pixels):
        raise Mistake(f"{name}: its metadata says {PIXELS_KEY}={stated!r}; one of {', '.join(Pixels)}")
    return Pixels(stated)

"""Tiny models and bundles, made without the onnx package, so that any service's tests can have one.

The usual one scores a frame by its brightest pixel and maps it pixel by pixel: what it must answer is plain to see.
Field numbers are those of onnx.proto (onnx 1.21).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from andon.bundle import CALIBRATION, MANIFEST, MODEL, Bundle, make_bundle
from andon.health import ImageHealth
from andon.ids import sha256_hex
from andon.manifest import (
    BundleManifest,
    Calibration,
    CalibrationSample,
    Distribution,
    DriftReference,
    GoldenFrame,
    Provenance,
    RateInterval,
    Tolerance,
    Training,
)
from andon.preparation import Preparation
from andon.records.score import Verdict

FLOAT, UINT8 = 1, 2


def number(field: int, value: int) -> bytes:
    """A protobuf varint field."""
    return varint(field << 3) + varint(value)


def part(field: int, value: bytes | str) -> bytes:
    """A protobuf field of bytes: text, or a message within."""
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """A protobuf varint."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


@dataclass(frozen=True)
class Node:
    """One operator; `attributes` are ints, or lists of ints."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, int | Sequence[int]]
    domain: str = ""

    def encoded(self) -> bytes:
        """NodeProto."""
        named = b"".join(part(1, name) for name in self.inputs) + part(2, self.output) + part(4, self.op)
        attributes = b"".join(part(5, _attribute(name, value)) for name, value in self.attributes.items())
        return named + attributes + (part(7, self.domain) if self.domain else b"")


BRIGHTEST = (
    Node("Cast", ("frames",), "floats", {"to": FLOAT}),
    Node("ReduceMean", ("floats",), "map", {"axes": [3], "keepdims": 0}),
    Node("ReduceMax", ("map",), "score", {"axes": [1, 2], "keepdims": 0}),
)
TO_PIXELS = (
    Node("Cast", ("frames",), "floats", {"to": FLOAT}),
    Node("ReduceMean", ("floats",), "pixels", {"axes": [3], "keepdims": 0}),
)
FROM_PIXELS = (
    Node("Identity", ("pixels",), "map", {}),
    Node("ReduceMax", ("pixels",), "score", {"axes": [1, 2], "keepdims": 0}),
)
LOG_OF_BRIGHTEST = (  # minus infinity for a frame with a black pixel
    Node("Cast", ("frames",), "floats", {"to": FLOAT}),
    Node("Log", ("floats",), "logs", {}),
    Node("ReduceMean", ("logs",), "map", {"axes": [3], "keepdims": 0}),
    Node("ReduceMax", ("map",), "score", {"axes": [1, 2], "keepdims": 0}),
)

ROW_MEANS = Node("ReduceMean", ("map",), "embedding", {"axes": [2], "keepdims": 0})


def float_output(name: str, *sides: int | str) -> bytes:
    """One output more, for the `graph` of a tiny model: float32 [N, *sides]."""
    return part(12, _value(name, FLOAT, ["N", *sides]))


def tiny_model(
    shape: tuple[int, int, int] = (8, 8, 1),
    nodes: Sequence[Node] = BRIGHTEST,
    *,
    graph: bytes = b"",
    model: bytes = b"",
) -> bytes:
    """An ONNX model over `frames`, uint8 [N, *shape]. `graph` and `model` are further encoded fields of either."""
    given = [_value("frames", UINT8, ["N", *shape])]
    wanted = [_value("score", FLOAT, ["N"]), _value("map", FLOAT, ["N", shape[0], shape[1]])]
    return _encoded(given, wanted, nodes, graph) + model


def tiny_backbone(shape: tuple[int, int, int] = (8, 8, 1)) -> bytes:
    """An ONNX backbone over `frames`, uint8 [N, *shape], that gives their `pixels`; `tiny_head` goes on from it."""
    pixels = _value("pixels", FLOAT, ["N", shape[0], shape[1]])
    return _encoded([_value("frames", UINT8, ["N", *shape])], [pixels], TO_PIXELS)


def tiny_head(shape: tuple[int, int, int] = (8, 8, 1)) -> bytes:
    """The rest of the usual model, after `tiny_backbone`."""
    given = [_value("pixels", FLOAT, ["N", shape[0], shape[1]])]
    wanted = [_value("score", FLOAT, ["N"]), _value("map", FLOAT, ["N", shape[0], shape[1]])]
    return _encoded(given, wanted, FROM_PIXELS)


def tiny_bundle(
    golden: Sequence[GoldenFrame],
    images: Mapping[str, bytes],
    *,
    preparation: Preparation | None = None,
    threshold: float = 128.0,
    model: bytes | None = None,
    product: str | None = None,
    backbone: bytes | None = None,
) -> Bundle:
    """A bundle around a tiny model: a frame is anomalous when its brightest pixel is above `threshold`."""
    preparation = preparation or Preparation(width=8, height=8, channels=1)
    flat = Distribution(quantiles=(0.0, 1.0), mean=0.5, sd=0.1, n=20)
    manifest = BundleManifest(
        product=product,
        preparation=preparation,
        threshold=threshold,
        calibration=Calibration(
            method="conformal",
            budget=0.05,
            good_frames=20,
            good_frames_missing=39,
            false_call_rate=0.0,
            interval=RateInterval(low=0.002, high=0.14, confidence=0.9),
            folds=5,
        ),
        training=Training(method="brightest-pixel", extractor="none", frames=20, frames_offered=20),
        provenance=Provenance(andon="test", onnx="none", onnxruntime="test", opencv="test"),
        golden=tuple(golden),
        tolerance=Tolerance(),
    )
    return make_bundle(
        manifest,
        model=model or tiny_model(preparation.shape),
        backbone=backbone,
        reference=DriftReference(health=dict.fromkeys(ImageHealth.model_fields, flat), score=flat),
        sample=CalibrationSample.of(range(20)),
        golden=images,
    )


def proven_bundle(
    *levels: int,
    preparation: Preparation | None = None,
    threshold: float = 128.0,
    product: str | None = None,
    model: bytes | None = None,
    backbone: bytes | None = None,
) -> Bundle:
    """A tiny bundle that passes its gate: its golden frames are flat grey images of these levels (10 and 200)."""
    preparation = preparation or Preparation(width=8, height=8, channels=1)
    golden = [_flat_frame(level, preparation, threshold) for level in levels or (10, 200)]
    frames, images = [frame for frame, _ in golden], {frame.name: image for frame, image in golden}
    return tiny_bundle(
        frames, images, preparation=preparation, threshold=threshold, product=product, model=model, backbone=backbone
    )


def _flat_frame(level: int, preparation: Preparation, threshold: float) -> tuple[GoldenFrame, bytes]:
    import numpy as np

    from andon.images.header import many
    from andon.testing.hostile import npy, png

    tensor = np.full(preparation.shape, level, np.uint8)
    image, suffix = (npy(tensor), "npy") if many(preparation.channels) else (png(tensor), "png")
    frame = GoldenFrame(
        name=f"golden/{level}.{suffix}",
        sha256=sha256_hex(image),
        tensor_sha256=sha256_hex(tensor.tobytes()),
        verdict=Verdict.ANOMALOUS if level > threshold else Verdict.OK,
        score=level,
    )
    return frame, image


def swapped_model(bundle: Bundle, model: bytes) -> Bundle:
    """`bundle` with another model under the same manifest: what a tampered file holds."""
    return Bundle(bundle.digest, bundle.manifest, {**bundle.members, MODEL: model})


def without_sample(bundle: Bundle) -> Bundle:
    """`bundle` as an Andon wrote it that did not yet keep the scores behind the threshold."""
    listed = tuple(member for member in bundle.manifest.members if member.name != CALIBRATION)
    manifest = bundle.manifest.model_copy(update={"members": listed})
    text = manifest.model_dump_json().encode()
    members = {member.name: bundle.members[member.name] for member in listed}
    return Bundle(sha256_hex(text), manifest, {**members, MANIFEST: text})


def _attribute(name: str, value: int | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return part(1, name) + number(3, value) + number(20, 2)
    return part(1, name) + b"".join(number(8, item) for item in value) + number(20, 7)


def _encoded(given: Sequence[bytes], wanted: Sequence[bytes], nodes: Sequence[Node], more: bytes = b"") -> bytes:
    """ModelProto of a graph with these inputs and outputs."""
    body = b"".join(part(1, node.encoded()) for node in nodes) + part(2, "tiny")
    body += b"".join(part(11, value) for value in given) + b"".join(part(12, value) for value in wanted) + more
    return number(1, 8) + part(7, body) + part(8, part(1, "") + number(2, 13))


def _value(name: str, kind: int, sides: Sequence[int | str]) -> bytes:
    shape = b"".join(part(1, number(1, side) if isinstance(side, int) else part(2, side)) for side in sides)
    return part(1, name) + part(2, part(1, number(1, kind) + part(2, shape)))

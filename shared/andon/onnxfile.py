"""What an ONNX file may be before anything opens it: one file, standard operators, nothing outside it.

A walk over the protobuf bytes (https://protobuf.dev/programming-guides/encoding) along the messages of onnx.proto
(onnx 1.21, IR 13) that can name a file or an operator's domain, sub-graphs and functions included. It needs no
protobuf library, builds nothing, and never recurses.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from andon.bundle import BundleError

MAX_MODEL_BYTES = 1024**3
MAX_DEPTH = 32
STANDARD_DOMAINS = frozenset({"", "ai.onnx"})

# message -> field number -> the message, or the kind of leaf, that stands there
_FIELDS: dict[str, dict[int, str]] = {
    "model": {1: "ir_version", 7: "graph", 8: "opset", 20: "training", 25: "function"},
    "opset": {1: "domain"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute", 7: "domain"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external", 14: "location"},
    "function": {7: "node", 9: "opset", 10: "domain", 11: "attribute"},
}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class UnsafeModel(BundleError):
    """This is not an ONNX model that may be opened."""


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    wire: int
    value: int  # of a varint; else where the bytes begin
    end: int


def check_model(data: bytes, domains: frozenset[str] = STANDARD_DOMAINS, max_bytes: int = MAX_MODEL_BYTES) -> None:
    """Raises UnsafeModel unless `data` is a self-contained ONNX model of operators in `domains`.

    Refused: other formats (a pickle, a PyTorch archive), external data in any tensor, operator domains beyond
    `domains` anywhere, training graphs, more than `max_bytes`.
    """
    if len(data) > max_bytes:
        raise UnsafeModel(f"model: {len(data)} bytes; at most {max_bytes}")
    if data[:2] == b"PK" or data[:1] == b"\x80":
        raise UnsafeModel("model: this is a pickle or a PyTorch archive, which can run code; export it to ONNX")
    seen = {kind for kind, _ in _walk(data, domains)}
    if not {"ir_version", "graph", "opset"} <= seen:
        raise UnsafeModel("model: not an ONNX model: it has no version, operator set or graph")


def _walk(data: bytes, domains: frozenset[str]) -> Iterator[tuple[str, _Field]]:
    waiting = [("model", 0, len(data), 0)]
    while waiting:
        message, start, end, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise UnsafeModel(f"model: graphs stand more than {MAX_DEPTH} deep in each other")
        for field in _fields(data, start, end):
            kind = _FIELDS[message].get(field.number)
            if kind is None:
                continue
            _judge(data, kind, field, domains)
            if kind in _FIELDS:
                waiting.append((kind, field.value, field.end, depth + 1))
            yield kind, field


def _judge(data: bytes, kind: str, field: _Field, domains: frozenset[str]) -> None:
    if (kind == "location" and field.value != 0) or kind == "external":
        raise UnsafeModel("model: it keeps weights in another file (external data); save it as one file")
    if kind == "training":
        raise UnsafeModel("model: it holds a training graph; export it for inference")
    if kind in ("ir_version", "location"):
        return
    if field.wire != _BYTES:
        raise UnsafeModel(f"model: not an ONNX model: a {kind} is not where one should be")
    if kind == "domain":
        domain = data[field.value : field.end].decode("utf-8", "replace")
        if domain not in domains:
            raise UnsafeModel(f"model: operators of domain {domain[:80]!r}; only ONNX's own are served")


def _fields(data: bytes, at: int, end: int) -> Iterator[_Field]:
    while at < end:
        key, at = _varint(data, at, end)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise UnsafeModel("model: not an ONNX model: not protobuf")
        value, begin = (_varint(data, at, end)) if wire in (_VARINT, _BYTES) else (0, at)
        size = {_VARINT: 0, _FIXED64: 8, _BYTES: value, _FIXED32: 4}.get(wire)
        if size is None or begin + size > end:
            raise UnsafeModel("model: not an ONNX model: not protobuf, or cut short")
        at = begin + size
        yield _Field(number, wire, value if wire == _VARINT else begin, at)


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise UnsafeModel("model: not an ONNX model: not protobuf, or cut short")

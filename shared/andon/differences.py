"""What differs between two bundles, by meaning: which pixels, which threshold, which model, which golden frames."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from andon.manifest import BundleManifest, GoldenFrame, Member

MODEL_FILES = {"model.onnx": "model", "backbone.onnx": "backbone"}
OTHER_FILES = {"reference.json": "drift reference", "calibration.json": "calibration scores"}
_ABSENT = "none"


@dataclass(frozen=True)
class Difference:
    """One field: what it is about, its name, and both values as people read them."""

    about: str
    name: str
    a: str
    b: str


def differences(a: BundleManifest, b: BundleManifest) -> list[Difference]:
    """Everything that differs, what decides verdicts first. Two bundles of one digest have none."""
    return [
        *_fields("bundle", _simple(a), _simple(b)),
        *_fields("preparation", a.preparation.model_dump(), b.preparation.model_dump()),
        *_fields("threshold", _threshold(a), _threshold(b)),
        *_files("model", MODEL_FILES, a, b),
        *_fields("calibration", a.calibration.model_dump(), b.calibration.model_dump()),
        *_fields("training", a.training.model_dump(), b.training.model_dump()),
        *_golden(a, b),
        *_files("other files", OTHER_FILES, a, b),
        *_fields("made with", a.provenance.model_dump(), b.provenance.model_dump()),
    ]


def _simple(manifest: BundleManifest) -> dict[str, Any]:
    return {"product": manifest.product, "schema version": manifest.schema_version}


def _threshold(manifest: BundleManifest) -> dict[str, Any]:
    return {
        "score": manifest.threshold,
        "map": manifest.map_threshold,
        "tolerance of golden scores": manifest.tolerance.relative,
    }


def _fields(about: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    left, right = dict(_flat(a)), dict(_flat(b))
    for name in dict.fromkeys((*left, *right)):
        one, other = left.get(name), right.get(name)
        if one != other:
            yield _lists(about, name, one, other) or Difference(about, name, _words(one), _words(other))


def _lists(about: str, name: str, a: Any, b: Any) -> Difference | None:
    """Two long lists: how long each is, and how much only that one has."""
    if not isinstance(a or b, tuple) or max(len(a or ()), len(b or ())) <= 4:
        return None
    one, other = map(repr, a or ()), map(repr, b or ())
    left, right = set(one), set(other)
    return Difference(
        about,
        name,
        f"{len(a or ())} ({len(left - right)} only here)",
        f"{len(b or ())} ({len(right - left)} only here)",
    )


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _golden(a: BundleManifest, b: BundleManifest) -> Iterator[Difference]:
    left, right = ({frame.name: frame for frame in each.golden} for each in (a, b))
    for name in dict.fromkeys((*left, *right)):
        one, other = left.get(name), right.get(name)
        if one != other:
            yield Difference("golden frames", name.removeprefix("golden/"), _frame(one, other), _frame(other, one))


def _frame(frame: GoldenFrame | None, other: GoldenFrame | None) -> str:
    if frame is None:
        return _ABSENT
    drawn = ", drawn" if frame.synthetic else ""
    image = f", image {frame.sha256[:8]}" if other and other.sha256 != frame.sha256 else ""
    tensor = f", tensor {frame.tensor_sha256[:8]}" if other and other.tensor_sha256 != frame.tensor_sha256 else ""
    return f"{frame.verdict} at {frame.score:.7g}{drawn}{image}{tensor}"


def _files(about: str, names: Mapping[str, str], a: BundleManifest, b: BundleManifest) -> Iterator[Difference]:
    left, right = ({member.name: member for member in each.members} for each in (a, b))
    for file, name in names.items():
        if left.get(file) != right.get(file):
            yield Difference(about, name, _member(left.get(file)), _member(right.get(file)))


def _member(member: Member | None) -> str:
    return f"{member.sha256[:12]}, {member.size} bytes" if member else _ABSENT


def _words(value: Any) -> str:
    if value is None or value in ((), {}, ""):
        return _ABSENT
    if isinstance(value, float):
        return f"{value:.7g}"
    return ", ".join(_words(each) for each in value) if isinstance(value, tuple) else str(value)

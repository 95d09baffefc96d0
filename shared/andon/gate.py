"""The parity gate: a bundle serves only where its golden frames get the scores they got when it was proven."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import onnxruntime

from andon.bundle import Bundle
from andon.errors import Invalid
from andon.ids import sha256_hex
from andon.images.prepare import Prepared, prepare
from andon.inference import Model, Outputs
from andon.manifest import GoldenFrame
from andon.records.score import Verdict


class GateReason(StrEnum):
    """Why a golden frame does not pass."""

    WRONG_SHAPE = "wrong_shape"  # the preparation makes other tensors than the model takes
    UNREADABLE = "unreadable"  # the golden image cannot be prepared here
    UNSCORABLE = "unscorable"  # the model gives no finite score for it
    VERDICT_DIFFERS = "verdict_differs"
    SCORE_MOVED = "score_moved"  # beyond the bundle's tolerance, on the same side of the threshold


@dataclass(frozen=True)
class GoldenResult:
    """One golden frame, here and when it was proven. `reason` None: it passes. `cause` is likely, not certain."""

    frame: str
    expected_score: float
    expected_verdict: Verdict
    score: float | None = None
    verdict: Verdict = Verdict.UNSCORABLE
    reason: GateReason | None = None
    cause: str = ""

    def __str__(self) -> str:
        got = "no score" if self.score is None else f"{self.score:.6g} ({self.verdict})"
        expected = f"expected {self.expected_score:.6g} ({self.expected_verdict})"
        return f"{self.frame}: {expected}, got {got}" + (f": {self.reason}: {self.cause}" if self.reason else "")


@dataclass(frozen=True)
class GateResult:
    """What the gate found, one result a golden frame."""

    results: tuple[GoldenResult, ...]

    @property
    def failures(self) -> tuple[GoldenResult, ...]:
        """The golden frames that do not pass."""
        return tuple(result for result in self.results if result.reason)

    @property
    def passed(self) -> bool:
        """Whether the bundle may serve here."""
        return bool(self.results) and not self.failures

    def __str__(self) -> str:
        if self.passed:
            return f"{len(self.results)} golden frames agree"
        count = Counter(str(failure.reason) for failure in self.failures)
        kinds = ", ".join(f"{n} {reason}" for reason, n in sorted(count.items()))
        return f"{len(self.failures)} of {len(self.results)} golden frames fail ({kinds}); {self.failures[0]}"


def run_gate(bundle: Bundle, model: Model) -> GateResult:
    """Runs every golden frame through the preparation and `model`. Raises Broken when the device fails."""
    manifest = bundle.manifest
    if model.shape != manifest.preparation.shape:
        detail = f"the preparation makes {manifest.preparation.shape}, the model takes {model.shape}; fit it again"
        return GateResult(tuple(_failed(frame, GateReason.WRONG_SHAPE, detail) for frame in manifest.golden))
    return GateResult(tuple(_check(bundle, model, frame) for frame in manifest.golden))


def _check(bundle: Bundle, model: Model, frame: GoldenFrame) -> GoldenResult:
    try:
        prepared = prepare(bundle.golden_image(frame), bundle.manifest.preparation, sha256=frame.sha256)
    except Invalid as error:
        return _failed(frame, GateReason.UNREADABLE, f"{error}; {_versions(bundle, 'opencv')}")
    return _judge(bundle, model, frame, prepared, model.run(prepared.tensor[np.newaxis]))


def _judge(bundle: Bundle, model: Model, frame: GoldenFrame, prepared: Prepared, outputs: Outputs) -> GoldenResult:
    if problem := outputs.problems[0]:
        detail = f"{problem} on {model.provider}; {_versions(bundle, 'onnxruntime')}"
        return _failed(frame, GateReason.UNSCORABLE, detail)
    score = float(outputs.score[0])
    verdict = bundle.manifest.verdict(score)
    reason = _reason(bundle, frame, score, verdict)
    cause = _likely(bundle, model, frame, prepared) if reason else ""
    return GoldenResult(frame.name, frame.score, frame.verdict, score, verdict, reason, cause)


def _reason(bundle: Bundle, frame: GoldenFrame, score: float, verdict: Verdict) -> GateReason | None:
    if verdict is not frame.verdict:
        return GateReason.VERDICT_DIFFERS
    allowed = bundle.manifest.tolerance.allows(frame.score, score, bundle.manifest.threshold)
    return None if allowed else GateReason.SCORE_MOVED


def _likely(bundle: Bundle, model: Model, frame: GoldenFrame, prepared: Prepared) -> str:
    if sha256_hex(prepared.tensor.tobytes()) != frame.tensor_sha256:
        return f"the image decodes or resizes to other pixels here; {_versions(bundle, 'opencv')}"
    return f"same pixels, other arithmetic, on {model.provider}; {_versions(bundle, 'onnxruntime')}"


def _versions(bundle: Bundle, library: str) -> str:
    here = {"opencv": cv2.__version__, "onnxruntime": onnxruntime.__version__}[library]
    return f"proven with {library} {getattr(bundle.manifest.provenance, library)}, here {here}"


def _failed(frame: GoldenFrame, reason: GateReason, cause: str) -> GoldenResult:
    return GoldenResult(frame.name, frame.score, frame.verdict, reason=reason, cause=cause)

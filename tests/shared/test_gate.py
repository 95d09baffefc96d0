"""The parity gate: what was proven at training holds here, or the bundle does not serve."""

import cv2
import numpy as np
import pytest

from andon.bundle import Bundle
from andon.gate import GateReason, run_gate
from andon.ids import sha256_hex
from andon.inference import open_model
from andon.manifest import GoldenFrame
from andon.records import Verdict
from andon.testing.models import LOG_OF_BRIGHTEST, tiny_bundle, tiny_model


def golden(level: int, score: float | None = None, **changes: object) -> tuple[GoldenFrame, bytes]:
    tensor = np.full((8, 8, 1), level, np.uint8)
    image = cv2.imencode(".png", tensor)[1].tobytes()
    expected = float(level) if score is None else score
    frame = GoldenFrame(
        name=f"golden/{level}.png",
        sha256=sha256_hex(image),
        tensor_sha256=sha256_hex(tensor.tobytes()),
        verdict=Verdict.ANOMALOUS if expected > 128 else Verdict.OK,
        score=expected,
    )
    return frame.model_copy(update=changes), image


def bundle_of(*frames: tuple[GoldenFrame, bytes], model: bytes | None = None) -> Bundle:
    return tiny_bundle([frame for frame, _ in frames], {frame.name: image for frame, image in frames}, model=model)


def gate(bundle: Bundle, model: bytes | None = None):
    return run_gate(bundle, open_model(model or bundle.model))


def test_a_bundle_that_gives_what_was_proven_passes() -> None:
    result = gate(bundle_of(golden(10), golden(200)))
    assert result.passed
    assert str(result) == "2 golden frames agree"


def test_a_score_within_tolerance_passes_and_one_beyond_does_not() -> None:
    assert gate(bundle_of(golden(100, score=100.1))).passed
    (failure,) = gate(bundle_of(golden(100, score=100.2))).failures
    assert failure.reason is GateReason.SCORE_MOVED


def test_another_verdict_fails_even_within_tolerance() -> None:
    (failure,) = gate(bundle_of(golden(128, score=128.05))).failures
    assert failure.reason is GateReason.VERDICT_DIFFERS
    assert (failure.verdict, failure.expected_verdict) == (Verdict.OK, Verdict.ANOMALOUS)


def test_a_failure_names_the_frame_both_scores_and_the_likely_cause() -> None:
    (failure,) = gate(bundle_of(golden(10), golden(200, score=150.0))).failures
    assert str(failure).startswith("golden/200.png: expected 150 (anomalous), got 200 (anomalous): score_moved: ")
    assert "same pixels, other arithmetic" in failure.cause
    assert "CPUExecutionProvider" in failure.cause


def test_other_pixels_point_at_the_decoder() -> None:
    (failure,) = gate(bundle_of(golden(200, score=150.0, tensor_sha256="0" * 64))).failures
    assert "other pixels" in failure.cause
    assert f"proven with opencv test, here {cv2.__version__}" in failure.cause


def test_a_golden_frame_that_is_unscorable_fails() -> None:
    (failure,) = gate(bundle_of(golden(0)), tiny_model(nodes=LOG_OF_BRIGHTEST)).failures
    assert failure.reason is GateReason.UNSCORABLE
    assert failure.verdict is Verdict.UNSCORABLE
    assert failure.score is None


def test_a_golden_frame_that_cannot_be_read_fails() -> None:
    frame, _ = golden(10)
    broken = (frame.model_copy(update={"sha256": sha256_hex(b"not an image")}), b"not an image")
    (failure,) = gate(bundle_of(broken)).failures
    assert failure.reason is GateReason.UNREADABLE
    assert "not_an_image" in failure.cause


@pytest.mark.parametrize("shape", [(16, 16, 1), (8, 8, 3)])
def test_a_model_that_takes_other_tensors_fails(shape: tuple[int, int, int]) -> None:
    result = gate(bundle_of(golden(10), golden(20)), tiny_model(shape))
    assert [failure.reason for failure in result.failures] == [GateReason.WRONG_SHAPE] * 2
    assert "2 of 2 golden frames fail (2 wrong_shape)" in str(result)

"""The fastest runtime for a bundle here, among those that pass its gate: measured on its golden frames."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import structlog
from numpy.typing import NDArray

from andon.bundle import Bundle, BundleError
from andon.errors import Broken, Invalid
from andon.gate import run_gate
from andon.images.prepare import prepare
from andon.inference.device import Runtime
from andon.inference.faster import shortest_ms, tell_choice
from andon.inference.model import Model

RUNS = 3  # of each golden frame


def fastest(bundle: Bundle, opened: Callable[[Runtime], Model]) -> Model:
    """The model that `opened` gives, by ONNX Runtime or by OpenVINO.

    On a GPU by ONNX Runtime. On the CPU by the faster of those that pass the gate; one that does not pass is told and
    left out. Where none passes, ONNX Runtime's, for whoever runs the gate next to refuse with its reasons.
    """
    known = opened(Runtime.ONNXRUNTIME)
    if known.provider != "CPUExecutionProvider":
        return known
    models = [model for model in (known, _tried(opened)) if model is not None and _passes(bundle, model)]
    if len(models) < 2:
        return models[0] if models else known
    frames = _golden(bundle)
    ms = {model.provider: _ms(model, frames) for model in models}
    tell_choice(ms, bundle=bundle.digest)
    return min(models, key=lambda model: ms[model.provider])


def _ms(model: Model, frames: Sequence[NDArray[np.uint8]]) -> float:
    """Milliseconds a frame, one at a time."""
    return sum(shortest_ms(partial(model.run, frame), RUNS) for frame in frames) / len(frames)


def _tried(opened: Callable[[Runtime], Model]) -> Model | None:
    try:
        return opened(Runtime.OPENVINO)
    except BundleError as error:
        structlog.get_logger().warning("runtime_left_out", why=str(error))
        return None


def _passes(bundle: Bundle, model: Model) -> bool:
    try:
        result = run_gate(bundle, model)
    except Broken as error:
        structlog.get_logger().warning("runtime_left_out", bundle=bundle.digest, why=str(error))
        return False
    if not result.passed:
        why = f"on {model.provider}: {result}"
        structlog.get_logger().warning("runtime_left_out", bundle=bundle.digest, why=why)
    return result.passed


def _golden(bundle: Bundle) -> list[NDArray[np.uint8]]:
    """The golden frames as batches of one, all of which the gate could prepare."""
    manifest = bundle.manifest
    try:
        return [prepare(bundle.golden_image(each), manifest.preparation).tensor[np.newaxis] for each in manifest.golden]
    except Invalid as error:  # the gate has just read them
        raise Broken(f"golden frames of bundle {bundle.digest[:12]} cannot be read again: {error}") from error

"""Where a model that learns all of itself looks at a frame: the part of it whose answer is feature maps."""

from typing import Any

import torch

from andon_training.export.traced import Forward

PARTS = {
    "EfficientAdModel": "student",
    "FastflowModel": "feature_extractor",
    "ReverseDistillationModel": "encoder",
    "STFPMModel": "teacher_model",
    "SupersimplenetModel": "feature_extractor",
}
"""By the class of the module: the name of that part."""


def watched(module: Any, forward: Forward) -> Forward:
    """`forward` of `module`, giving after its own answers the feature maps [N, d, h, w] that the part made for them.

    As it is where no part is known.
    """
    part = getattr(module, PARTS.get(type(module).__name__, ""), None)
    if part is None:
        return forward

    def both(module: Any, given: Any) -> tuple[Any, ...]:
        maps: list[Any] = []
        handle = part.register_forward_hook(lambda _part, _given, answer: maps.extend(_maps(answer)))
        try:
            return (*forward(module, given), *maps)
        finally:
            handle.remove()

    return both


def _maps(answer: Any) -> list[Any]:
    """The feature maps among what a part answers: a tensor, or several by name or in a row."""
    parts = answer.values() if isinstance(answer, dict) else answer
    return [each for each in ([parts] if isinstance(parts, torch.Tensor) else parts) if each.ndim == 4]

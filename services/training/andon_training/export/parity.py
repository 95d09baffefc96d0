"""Whether the ONNX model says what PyTorch says: the same verdict on every frame, the same score to 1 in 1,000."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from andon.errors import Mistake
from andon.inference import Model, open_model
from andon.manifest import Export, Tolerance
from andon_training.anomalib_models.trained import Singles, Trained
from andon_training.export.front import INPUT, PIXELS
from andon_training.export.options import Exported
from andon_training.export.reference import BATCH, Reference, reference
from andon_training.graph import OPSET
from andon_training.session import cpu_session

ROUNDING = 1e-5
"""Scores nearer than this to each other, relative, are one score: a threshold that is the score of one of the frames
(calibration takes it from them) lies between its two roundings, and says nothing.
"""
SAME_PIXELS = 1e-4  # of a module's input, whose values are about 1

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class _Proof:
    """What is compared: `given` by ONNX, `expected` by PyTorch, frame by frame."""

    trained: Trained
    exported: Exported
    model: Model
    frames: Frames
    expected: Reference
    given: Singles
    maps: Singles
    threshold: float


def prove_export(
    trained: Trained, exported: Exported, frames: Frames, threshold: float, names: Sequence[str] | None = None
) -> Export:
    """What proves that `exported` is `trained`, on `frames`, uint8 [n, H, W, C] with n at least 1, at a raw threshold.

    `names` are what errors call the frames (None: their places). Raises Mistake with the frame, both scores and the
    likely cause where a verdict differs, or a score by more than 1e-3 of the greater of itself and the threshold.
    """
    if not len(frames):
        raise Mistake(f"{trained.name}: no frames to prove the export on; give at least one good frame")
    model = open_model(exported.model, backbone=exported.backbone)
    outputs = [model.run(frames[first : first + BATCH]) for first in range(0, len(frames), BATCH)]
    proof = _Proof(
        trained,
        exported,
        model,
        frames,
        reference(trained, exported.settings, frames),
        np.concatenate([each.score for each in outputs]),
        np.concatenate([each.map for each in outputs]),
        threshold,
    )
    for at in range(len(frames)):
        _check(proof, at, names[at] if names else f"frame {at}")
    worst = float(np.max(_moved(proof)))
    return Export(frames=len(frames), worst=worst, opset=OPSET, torch=torch.__version__, anomalib=version("anomalib"))


def _moved(proof: _Proof) -> NDArray[np.float64]:
    """How far each score moved, relative to the greater of itself and the threshold in size: float64 [n]."""
    expected, given = proof.expected.score.astype(np.float64), proof.given.astype(np.float64)
    moved: NDArray[np.float64] = np.abs(given - expected) / np.maximum(np.abs(expected), abs(proof.threshold) or 1e-12)
    return moved


def _check(proof: _Proof, at: int, name: str) -> None:
    expected, given, threshold = float(proof.expected.score[at]), float(proof.given[at]), proof.threshold
    finite = np.isfinite(expected) and np.isfinite(given)
    near = finite and Tolerance(relative=ROUNDING).allows(expected, given, threshold)
    same = near or (finite and (expected > threshold) == (given > threshold))
    if same and Tolerance().allows(expected, given, threshold):
        return
    told = "the verdict differs" if not same else "the score moved beyond 1e-3"
    raise Mistake(
        f"{proof.trained.name}: {name}: PyTorch scores it {expected:.7g}, ONNX {given:.7g}, at threshold "
        f"{threshold:.7g}: {told}; likely {_cause(proof, at)}; the bundle is not written"
    )


def _cause(proof: _Proof, at: int) -> str:
    """The first of the likely causes that is seen, from the frame on."""
    if not np.isfinite(proof.expected.score[at]):
        return "the training: PyTorch itself gives no finite score; train again with other settings"
    if _front_differs(proof, at):
        return "the preparation: the graph makes other numbers of the pixels than training did"
    alone = float(proof.model.run(proof.frames[at : at + 1]).score[0])
    if not Tolerance(relative=ROUNDING).allows(alone, float(proof.given[at]), proof.threshold):
        return f"the batch: scored alone it gets {alone:.7g}; what is computed over the batch was exported too"
    layer = _layer_that_differs(proof, at)
    if layer:
        return f"the backbone: {layer} is the first feature map that differs"
    apart = np.abs(proof.maps[at] - proof.expected.map[at]).max() if _same_shape(proof, at) else np.inf
    if apart <= Tolerance().relative * np.abs(proof.expected.map[at]).max():
        return "the score alone: its map is the same, so what makes a score of a map was exported otherwise"
    return "one operator's arithmetic: the map differs too, and the preparation does not"


def _same_shape(proof: _Proof, at: int) -> bool:
    return bool(proof.maps[at].shape == proof.expected.map[at].shape)


def _front_differs(proof: _Proof, at: int) -> bool:
    """Whether the graph's PIXELS are not what the module was given."""
    frame = proof.frames[at : at + 1]
    model = onnx.load_from_string(proof.exported.backbone or proof.exported.model)
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(PIXELS))
    (given,) = cpu_session(model.SerializeToString()).run([PIXELS], {INPUT: frame})
    return bool(np.abs(given - proof.trained.front(frame)).max() > SAME_PIXELS)


def _layer_that_differs(proof: _Proof, at: int) -> str:
    """The name of the first of a backbone's feature maps that differs; empty where none does, or there is none."""
    if proof.model.backbone is None:
        return ""
    frame = proof.frames[at : at + 1]
    given = proof.model.backbone.run(frame)
    with torch.no_grad():
        expected = proof.trained.module.feature_extractor(torch.from_numpy(proof.trained.front(frame)))
    for layer, features in expected.items():
        wanted = features.numpy()
        if np.abs(given[str(layer)] - wanted).max() > Tolerance().relative * np.abs(wanted).max():
            return str(layer)
    return ""

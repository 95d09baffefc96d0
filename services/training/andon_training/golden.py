"""Golden frames: a few good frames and two drawn defects, with the scores they must get wherever the bundle serves."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from andon.bundle import GOLDEN_FOLDER
from andon.errors import Broken
from andon.ids import sha256_hex
from andon.images.prepare import prepare
from andon.inference import Model
from andon.manifest import GoldenFrame
from andon.preparation import Preparation
from andon.records.score import Verdict
from andon_training.golden_defects import LOUD, with_defect
from andon_training.sample import GoodFrame

GOLDEN_FRAMES = 6
GOLDEN_BYTES = 4 * 1024**2
GOLDEN_MARGIN = 0.05  # of the threshold: a golden verdict is never a close call


def golden_images(frames: Sequence[GoodFrame], held_out: NDArray[np.float32]) -> Mapping[str, bytes]:
    """Encoded golden candidates by name: good frames over the whole range of scores, then drawn defects."""
    ranks = np.argsort(held_out, kind="stable")
    chosen = [ranks[i * (len(ranks) - 1) // GOLDEN_FRAMES] for i in range(GOLDEN_FRAMES)]
    images: dict[str, bytes] = {}
    for i, at in enumerate(dict.fromkeys(int(rank) for rank in chosen)):
        data = frames[at].source.read_bytes()
        if not images or sum(map(len, images.values())) + len(data) <= GOLDEN_BYTES:
            images[f"{GOLDEN_FOLDER}good-{i + 1}.{_suffix(data)}"] = data
    base = next(iter(images.values()))
    for kind in LOUD:
        data, suffix = with_defect(base, kind)
        images[f"{GOLDEN_FOLDER}{kind}.{suffix}"] = data
    return images


def golden_frames(
    images: Mapping[str, bytes], model: Model, preparation: Preparation, threshold: float
) -> tuple[GoldenFrame, ...]:
    """What the finished model says of each; those near the threshold are left out."""
    frames = [_golden_frame(name, data, model, preparation, threshold) for name, data in images.items()]
    clear = tuple(f for f in frames if abs(f.score - threshold) > GOLDEN_MARGIN * abs(threshold))
    return clear or (max(frames, key=lambda frame: abs(frame.score - threshold)),)


def _golden_frame(name: str, data: bytes, model: Model, preparation: Preparation, threshold: float) -> GoldenFrame:
    prepared = prepare(data, preparation)
    outputs = model.run(prepared.tensor[np.newaxis])
    if outputs.problems[0]:
        raise Broken(f"the fitted model gives {outputs.problems[0]} for {name}")
    score = float(outputs.score[0])
    return GoldenFrame(
        name=name,
        sha256=sha256_hex(data),
        tensor_sha256=sha256_hex(prepared.tensor.tobytes()),
        verdict=Verdict.ANOMALOUS if score > threshold else Verdict.OK,
        score=score,
        synthetic=not name.startswith(f"{GOLDEN_FOLDER}good-"),
    )


def _suffix(encoded: bytes) -> str:
    beginnings = {b"\x89PNG": "png", b"\x93NUM": "npy"}
    return beginnings.get(encoded[:4], "jpg")

"""What PyTorch itself says of frames: the model as it was trained, by its own code."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from andon_training.anomalib_models.trained import Singles, Trained
from andon_training.export.raw import raw

BATCH = 8
CHOICES = {"bank_size", "num_neighbors", "covariance"}


@dataclass(frozen=True)
class Reference:
    """`score` float32 [n] and `map` float32 [n, H, W], raw, with the offset that the export adds."""

    score: Singles
    map: Singles


def reference(trained: Trained, settings: Mapping[str, int | float | str], frames: NDArray[np.uint8]) -> Reference:
    """Of `frames`, uint8 [n, H, W, C]. `settings` are the export's: PyTorch gets the same memory, neighbours and
    covariance, so that what is compared is arithmetic and not a choice.
    """
    module = _with(trained.module, settings)
    answer = raw(trained).reference
    scores, maps = [], []
    with torch.no_grad():
        for first in range(0, len(frames), BATCH):
            given = torch.from_numpy(trained.front(frames[first : first + BATCH]))
            score, anomaly_map = answer(module, given)
            scores.append(score.numpy())
            maps.append(anomaly_map.numpy())
    return Reference(np.concatenate(scores), np.concatenate(maps))


def _with(module: Any, settings: Mapping[str, int | float | str]) -> Any:
    if not CHOICES & settings.keys():
        return module
    changed = copy.deepcopy(module)
    if "bank_size" in settings:
        changed.memory_bank = changed.memory_bank[: int(settings["bank_size"])]
    if "num_neighbors" in settings:
        changed.num_neighbors = int(settings["num_neighbors"])
    if settings.get("covariance") == "diagonal":
        covariance = torch.linalg.inv(changed.gaussian.inv_covariance.double())
        changed.gaussian.inv_covariance = torch.diag_embed(1 / covariance.diagonal(dim1=1, dim2=2)).float()
    return changed

"""What each export option costs and gains, measured on this machine: the accuracy beside the speed."""

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from andon.inference import Model, open_model
from andon_training.anomalib_models.trained import Singles, Trained
from andon_training.export.build import export_each
from andon_training.export.options import Exported, ExportOptions

BATCH = 8
TIMED, WARM = 15, 3  # frames timed one by one, after so many that are not
SMALL_BANK = 2000

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Row:
    """One way to export: `auroc` of good frames against bad, the median `ms` of a frame alone, `megabytes` of file."""

    option: str
    auroc: float
    ms: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.option}: AUROC {self.auroc:.4f}, {self.ms:.1f} ms a frame, {self.megabytes:.1f} MB"


def compare_options(
    trained: Trained,
    good: Frames,
    bad: Frames,
    options: ExportOptions | None = None,
    *,
    threads: int | None = None,
) -> tuple[Row, ...]:
    """Every way to export `trained` that is its own, first `options` as they stand.

    `good` and `bad` are uint8 [n, H, W, C], at least one each and none of them trained on; `bad` may be drawn.
    """
    options = options or ExportOptions()
    ways = {"as trained": options} | _ways(trained, options)
    made = export_each(trained, ways.values())
    return tuple(_measured(name, each, good, bad, threads) for name, each in zip(ways, made, strict=True))


def _ways(trained: Trained, options: ExportOptions) -> dict[str, ExportOptions]:
    kind = type(trained.module).__name__
    if kind == "PadimModel":
        return {"diagonal covariance": replace(options, covariance="diagonal")}
    if kind != "PatchcoreModel":
        return {}
    size = min(SMALL_BANK, len(trained.module.memory_bank) // 2)
    return {
        "1 neighbour": replace(options, num_neighbors=1),
        f"{size} cells": replace(options, bank_size=size),
        f"{size} cells, 1 neighbour": replace(options, bank_size=size, num_neighbors=1),
    }


def _measured(name: str, exported: Exported, good: Frames, bad: Frames, threads: int | None) -> Row:
    model = open_model(exported.model, backbone=exported.backbone, threads=threads)
    scores = _scores(model, good), _scores(model, bad)
    labels = np.repeat([0, 1], [len(good), len(bad)])
    auroc = float(roc_auc_score(labels, np.concatenate(scores)))
    return Row(name, auroc, _ms(model, good), exported.size / 1e6)


def _scores(model: Model, frames: Frames) -> Singles:
    runs = [model.run(frames[first : first + BATCH]).score for first in range(0, len(frames), BATCH)]
    return np.concatenate(runs)


def _ms(model: Model, frames: Frames) -> float:
    times = []
    for at in range(WARM + TIMED):
        frame = frames[at % len(frames)][np.newaxis]
        before = time.perf_counter()
        model.run(frame)
        times.append(time.perf_counter() - before)
    return float(np.median(times[WARM:])) * 1000

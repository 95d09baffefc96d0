"""Writes anomalib.json: seeded inputs, and what anomalib's own metrics say of them.

Run where anomalib is installed (it need not be where Andon is): python make_vectors.py
Inputs have four decimals, so that the text of the JSON is exactly what anomalib was given.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from anomalib.metrics.aupr import _AUPR
from anomalib.metrics.aupro import _AUPRO
from anomalib.metrics.auroc import _AUROC
from anomalib.metrics.f1_score import _F1Max
from torchmetrics.classification import BinaryF1Score

OUT = Path(__file__).with_name("anomalib.json")


def image_case(name: str, good: np.ndarray, defective: np.ndarray, threshold: float) -> dict[str, object]:
    """One set of image scores, in 0..1 so that nothing is squashed on the way."""
    scores, labels = np.round(np.concatenate([good, defective]), 4), np.repeat([0, 1], [len(good), len(defective)])
    preds, target = torch.tensor(scores, dtype=torch.float64), torch.tensor(labels)
    f1 = BinaryF1Score()(preds > threshold, target)
    expected = {
        "image_auroc": _AUROC()(preds, target),
        "average_precision": _AUPR()(preds, target),
        "f1": f1,
        "best_f1": _F1Max()(preds, target),
    }
    return {
        "name": name,
        "scores": scores.tolist(),
        "labels": labels.tolist(),
        "threshold": threshold,
        "expected": {key: float(value) for key, value in expected.items()},
    }


def pixel_case(name: str, masks: np.ndarray, maps: np.ndarray) -> dict[str, object]:
    """Maps and masks, [n, h, w]."""
    rounded = np.round(maps, 4)
    preds, target = torch.tensor(rounded, dtype=torch.float32), torch.tensor(masks.astype(np.int64))
    expected = {
        "pixel_auroc": _AUROC()(preds.double(), target),
        "aupro": _AUPRO(fpr_limit=0.3)(preds, target),
    }
    return {
        "name": name,
        "maps": rounded.tolist(),
        "masks": masks.astype(int).tolist(),
        "expected": {key: float(value) for key, value in expected.items()},
    }


def grown_case(random: np.random.Generator) -> dict[str, object]:
    """A coarse map, brought to the size of its frame as anomalib's anomaly map generators do."""
    coarse = np.round(random.uniform(0, 3, (5, 6)), 4)
    grown = torch.nn.functional.interpolate(
        torch.tensor(coarse, dtype=torch.float64)[None, None], size=(17, 32), mode="bilinear", align_corners=False
    )
    return {"map": coarse.tolist(), "grown": grown[0, 0].tolist()}


def image_cases(random: np.random.Generator) -> list[dict[str, object]]:
    """Scores that overlap, that tie, and that part cleanly."""
    return [
        image_case("overlap", random.beta(2, 6, 40), random.beta(4, 4, 30), 0.5),
        image_case("ties", random.integers(0, 6, 30) / 10, random.integers(3, 9, 20) / 10, 0.4),
        image_case("few defects", random.beta(2, 6, 50), random.beta(5, 3, 3), 0.6),
        image_case("apart", random.uniform(0, 0.4, 15), random.uniform(0.6, 1, 15), 0.5),
        image_case("worse than chance", random.beta(4, 4, 20), random.beta(2, 6, 20), 0.7),
    ]


def pixel_cases(random: np.random.Generator) -> list[dict[str, object]]:
    """Maps of 16 x 20: regions of all sizes, some touching at corners; a good frame among them; ties; the wrong way."""
    masks = np.zeros((4, 16, 20), bool)
    masks[0, 2:6, 3:9] = masks[0, 10:12, 15:17] = True
    masks[1, 4, 4] = masks[1, 5, 5] = masks[1, 6, 6] = True
    masks[2, 0:8, 0:2] = masks[2, 15, 10:20] = True
    noise = random.uniform(0, 1, masks.shape)
    return [
        pixel_case("noise", masks, noise),
        pixel_case("found", masks, np.clip(0.6 * noise + 0.35 * masks, 0, 1)),
        pixel_case("ties", masks, np.floor((0.7 * noise + 0.3 * masks) * 10) / 10),
        pixel_case("the wrong way", masks, np.clip(0.8 * noise + 0.2 * ~masks, 0, 1)),
        pixel_case("apart", masks, np.clip(0.4 * noise + 0.6 * masks, 0, 1)),
    ]


def main() -> None:
    """Writes the file."""
    random = np.random.default_rng(20)
    vectors = {
        "anomalib": version("anomalib"),
        "image": image_cases(random),
        "pixel": pixel_cases(random),
        "grown": grown_case(random),
    }
    OUT.write_text(json.dumps(vectors, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

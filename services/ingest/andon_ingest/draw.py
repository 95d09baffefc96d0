"""Drawn parts as files: a folder in MVTec AD layout for each station, for trying things without a camera."""

from pathlib import Path

import cv2
import numpy as np

from andon_ingest.generator import DefectKind, draw_part, encode_jpeg


def draw_folder(folder: Path, style: int, seed: int, good: int, defective: int) -> int:
    """Writes `good` parts to train/good and half as many to test/good, `defective` of each kind to test/<kind>, with
    masks in ground_truth. `style` and `seed` are those of `andon ingest generate`. Answers how many were written.
    """
    rng = np.random.default_rng([seed, style, 1])
    wanted: list[tuple[str, DefectKind | None]] = [*[("train/good", None)] * good, *[("test/good", None)] * (good // 2)]
    wanted += [(f"test/{kind.value}", kind) for kind in DefectKind for _ in range(defective)]
    for number, (place, kind) in enumerate(wanted):
        part = draw_part(rng, style, kind)
        path = folder / place / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(part.image))
        if kind is not None:
            mask = folder / "ground_truth" / kind.value / f"{number:04}_mask.png"
            mask.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(mask), part.mask)
    return len(wanted)

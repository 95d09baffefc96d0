"""anomalib's own way: its models fitted by its engine, its OpenVINO export, its OpenVINO inferencer."""

import logging
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from andon.allocator import give_back_large
from andon_training.anomalib_models.onnx_weights import onnx_state

SIZE = 256
BATCHES = (1, 2, 8)  # that are tried


@dataclass(frozen=True)
class Rival:
    """A model anomalib fitted, `module`, and its inferencers: of the default export, and of one of fixed size."""

    lightning: Any
    any_size: Any
    fixed_size: Any

    def scores(self, frames: np.ndarray) -> np.ndarray:
        """anomalib's own image scores, clamped to 0..1 as it gives them, float [n], of uint8 [n, h, w, 3]."""
        size = self.batch(1)
        padded = np.concatenate([frames, frames[-1:]])
        found = [np.ravel(self.run(padded[i : i + size]).pred_score) for i in range(0, len(frames), size)]
        return np.concatenate(found)[: len(frames)]

    def raw_scores(self, frames: np.ndarray) -> np.ndarray:
        """What its torch model gives before anything clamps it, float [n], of uint8 [n, h, w, 3]."""
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(frames.transpose(0, 3, 1, 2)).float() / 255
            given = [self.lightning.pre_processor(each[None]) for each in pixels]
            return np.concatenate([np.ravel(self.lightning.model(each).pred_score.numpy()) for each in given])

    def run(self, frames: np.ndarray) -> Any:
        """What one call says of frames, uint8 [n, h, w, 3], of a number that it takes."""
        return self._inferencers[len(frames)].predict(frames)

    def batch(self, wanted: int) -> int:
        """How many frames at a time, where `wanted` would be best: that many, else the most below, else the least."""
        taken = sorted(self._inferencers)
        return max((size for size in taken if size <= wanted), default=taken[0])

    @cached_property
    def _inferencers(self) -> dict[int, Any]:
        """The inferencer to use by number of frames. PatchCore's exports take two frames, and no other number."""
        return {size: each for size in BATCHES for each in (self.any_size, self.fixed_size) if _takes(each, size)}


def _takes(inferencer: Any, size: int) -> bool:
    try:
        inferencer.predict(np.zeros((size, SIZE, SIZE, 3), np.uint8))
    except RuntimeError:
        return False
    return True


MOBILE_LAYERS = {"padim": ["blocks.1", "blocks.2", "blocks.4"], "patchcore": ["blocks.2", "blocks.4"]}


def fitted(name: str, folder: Path, work: Path, weights: Path | None) -> Rival:
    """anomalib's model `name`, of `folder`: train/good, test/good and test/bad, PNG of SIZE x SIZE.

    On ResNet-18 with random weights, or on MobileNetV2 with those of the ONNX file `weights`; its defaults otherwise.
    """
    _hush()
    import torch
    from anomalib.data import Folder
    from anomalib.deploy import OpenVINOInferencer
    from anomalib.engine import Engine
    from anomalib.models import Padim, Patchcore

    torch.manual_seed(0)
    kind = {"padim": Padim, "patchcore": Patchcore}[name]
    if weights is None:
        model = kind(backbone="resnet18", pre_trained=False)
    else:
        more = {"n_features": 100} if name == "padim" else {}
        model = kind(backbone="mobilenetv2_100", layers=MOBILE_LAYERS[name], pre_trained=False, **more)
        network = model.model.feature_extractor.feature_extractor
        network.load_state_dict(onnx_state(weights, network), strict=False)
    data = Folder(
        name=folder.name,
        root=folder,
        normal_dir="train/good",
        abnormal_dir="test/bad",
        normal_test_dir="test/good",
        num_workers=0,
        train_batch_size=8,
        eval_batch_size=8,
    )
    give_back_large()  # else PatchCore's coreset takes 22 GB in 1,200 steps of 24 images
    engine = Engine(
        accelerator="cpu", default_root_dir=work, logger=False, enable_progress_bar=False, barebones=False, max_epochs=1
    )
    engine.fit(model, datamodule=data)
    model = model.cpu().eval()
    sizes = {"any": None, "fixed": (SIZE, SIZE)}
    exports = [model.to_openvino(work / kind, input_size=size) for kind, size in sizes.items()]
    with _inside(work):  # the inferencer keeps a cache in the folder it is in
        return Rival(model, *(OpenVINOInferencer(path, device="CPU") for path in exports))


class _inside:  # noqa: N801
    def __init__(self, folder: Path) -> None:
        self._folder, self._before = folder, Path.cwd()

    def __enter__(self) -> None:
        os.chdir(self._folder)

    def __exit__(self, *_: object) -> None:
        os.chdir(self._before)


def _hush() -> None:
    warnings.simplefilter("ignore")
    os.environ["TQDM_DISABLE"] = "1"
    for name in ("anomalib", "lightning", "lightning.pytorch", "torch.onnx", "onnxscript"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with suppress(ImportError):
        from andon.inference.openvino import load

        load()

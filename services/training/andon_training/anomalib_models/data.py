"""Good frames as Lightning and anomalib take them. Needs torch."""

from typing import Any

import numpy as np
import torch
from anomalib.data import ImageBatch, ImageItem
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from andon_training.anomalib_models.trained import Front
from andon_training.sample import Tensor


class FrontedFrames(Dataset):  # type: ignore[misc]
    """Good frames, uint8 [n, h, w, c], each as the module's input: float32 [3, h, w], with an empty mask."""

    def __init__(self, frames: Tensor, front: Front) -> None:
        self._frames = frames
        self._front = front

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, at: int) -> Any:
        pixels = torch.from_numpy(self._front(self._frames[at][np.newaxis])[0])
        nothing = torch.zeros(pixels.shape[1:], dtype=torch.bool)
        return ImageItem(image=pixels, gt_label=torch.tensor(0), gt_mask=nothing)


class GoodFrames(LightningDataModule):  # type: ignore[misc]
    """What is learned from, shuffled, and what is tuned on, in batches of `train_batch_size`.

    `name` and `category` are what anomalib's engine names its folders after.
    """

    name, category = "frames", ""

    def __init__(self, learned: Tensor, tuned: Tensor, front: Front, batch: int) -> None:
        super().__init__()
        self.train_batch_size = batch
        self._learned = FrontedFrames(learned, front)
        self._tuned = FrontedFrames(tuned, front)

    def train_dataloader(self) -> Any:
        """Batches to learn from; a last one of a single frame, which batch normalisation refuses, is left out."""
        alone = self.train_batch_size > 1 and len(self._learned) % self.train_batch_size == 1
        return self._loader(self._learned, shuffle=True, drop_last=alone)

    def val_dataloader(self) -> Any:
        """Batches to tune on."""
        return self._loader(self._tuned)

    def _loader(self, frames: FrontedFrames, **how: bool) -> Any:
        return DataLoader(frames, batch_size=self.train_batch_size, collate_fn=ImageBatch.collate, **how)

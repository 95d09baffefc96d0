"""What EfficientAD wants beside good frames: its teacher's weights, and pictures of anything else. Needs torch.

Its student is punished for agreeing with the teacher on natural pictures (Batzner et al. 2024, section 3.2), which
anomalib fetches from the network while it trains. Here an operator brings both.
"""

from pathlib import Path
from typing import Any

import torch
from anomalib.models.image import EfficientAd
from anomalib.models.image.efficient_ad.lightning_model import IMAGENETTE_DOWNLOAD_INFO, WEIGHTS_DOWNLOAD_INFO
from anomalib.utils.path import get_pretrained_weights_dir
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import CenterCrop, Compose, RandomGrayscale

from andon.errors import Invalid, Mistake
from andon.images.prepare import prepare
from andon.preparation import MAX_TENSOR_BYTES, Preparation
from andon_training.anomalib_models.weights import Weights, read_state
from andon_training.folder import READ

SUBFOLDER = "efficientad_pretrained_weights"
FEW_OUTSIDE = 10


def is_efficient_ad(model: Any) -> bool:
    """Whether `model` is one."""
    return isinstance(model, EfficientAd)


def equip(model: Any, weights: Weights, outside: Path | None, preparation: Preparation) -> None:
    """Gives `model`, an EfficientAd, its teacher's weights and its pictures, so that it fetches neither.

    Raises Mistake when one is missing, saying what to bring from where.
    """
    _teach(model, weights)
    if outside is None and weights.download:
        model.imagenet_dir = get_pretrained_weights_dir().parent / "imagenette"
        return
    pictures = _pictures(outside)

    def prepare_pictures(_size: Any) -> None:
        model.imagenet_loader = DataLoader(Outside(pictures, preparation), batch_size=1, shuffle=True)
        model.imagenet_iterator = iter(model.imagenet_loader)

    model.prepare_imagenette_data = prepare_pictures


class Outside(Dataset):  # type: ignore[misc]
    """Pictures of anything, each as float32 [3, h, w] in 0..1 and a label that means nothing.

    As the paper has them: twice the size of a frame, grey three times in ten, cut to the middle.
    """

    def __init__(self, pictures: list[Path], preparation: Preparation) -> None:
        height, width = preparation.height, preparation.width
        scale = 2 if 4 * height * width * 3 <= MAX_TENSOR_BYTES else 1
        self._pictures = pictures
        self._preparation = Preparation(width=scale * width, height=scale * height)
        self._change = Compose([RandomGrayscale(p=0.3), CenterCrop((height, width))])

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, at: int) -> tuple[Any, int]:
        """Raises Mistake for a picture that cannot be read."""
        try:
            tensor = prepare(self._pictures[at].read_bytes(), self._preparation).tensor
        except (Invalid, OSError) as error:
            raise Mistake(f"{self._pictures[at]}: cannot be read: {error}; remove it from --outside") from error
        return self._change(torch.from_numpy(tensor).permute(2, 0, 1).float() / 255), 0


def _teach(model: Any, weights: Weights) -> None:
    size = model.model_size.value
    cached = get_pretrained_weights_dir() / SUBFOLDER / f"pretrained_teacher_{size}.pth"
    if not weights.random and not weights.files and not cached.is_file() and weights.download:
        return  # it will fetch them itself
    if not weights.random:
        _load(model.model.teacher, *(weights.files or (cached,)))
    model.prepare_pretrained_model = lambda: None


def _load(teacher: Any, file: Path, *more: Path) -> None:
    if more:
        raise Mistake(f"efficient_ad has one teacher; {more[0]} is one --weights too many")
    if not file.is_file():
        raise Mistake(
            f"efficient_ad needs the weights of its teacher, which are not at {file}. Bring "
            f"{WEIGHTS_DOWNLOAD_INFO.url}, unpack it, and repeat the command with --weights {file.name}; or, where the "
            "network may be used, with --download"
        )
    try:
        teacher.load_state_dict(read_state(file))
    except RuntimeError as error:
        line = str(error).splitlines()[-1].strip()
        raise Mistake(f"--weights {file}: not the teacher of efficient_ad of this size: {line}") from error


def _pictures(outside: Path | None) -> list[Path]:
    if outside is None:
        raise Mistake(
            "efficient_ad learns beside good frames from pictures of anything else: give a folder of some hundred or "
            f"more natural pictures with --outside DIR, such as {IMAGENETTE_DOWNLOAD_INFO.url}, unpacked"
        )
    if not outside.is_dir():
        raise Mistake(f"--outside {outside}: not a folder")
    found = sorted(each for each in outside.rglob("*") if each.suffix.lower() in READ - {".npy"})
    if len(found) < FEW_OUTSIDE:
        raise Mistake(
            f"--outside {outside}: {len(found)} JPEG or PNG pictures; give {FEW_OUTSIDE} or more, better 1000"
        )
    return found

"""An anomalib model, made for frames of one size, with its pretrained weights and the front it wants. Needs torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomalib.data.transforms.utils import extract_transforms_by_type
from anomalib.pre_processing import PreProcessor
from torchvision.transforms.v2 import CenterCrop, Normalize, Resize

from andon.preparation import Preparation
from andon_training.anomalib_models.efficient_ad import equip, is_efficient_ad
from andon_training.anomalib_models.fitting import built
from andon_training.anomalib_models.registry import ModelKind
from andon_training.anomalib_models.trained import Front, front_for
from andon_training.anomalib_models.weights import Supply, Weights, supplied
from andon_training.options import Pixels

PLAIN = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
SYMMETRIC = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NORMS = {Pixels.UNIT: PLAIN, Pixels.SYMMETRIC: SYMMETRIC, Pixels.IMAGENET: IMAGENET}


@dataclass(frozen=True)
class Wanted:
    """A model as it is to be made: its own `parameters`, the random `seed`, where its weights come from.

    `outside` is EfficientAD's folder of other pictures, `pixels` what the weights want instead of what anomalib gives.
    """

    kind: ModelKind
    parameters: dict[str, Any]
    preparation: Preparation
    weights: Weights
    outside: Path | None
    pixels: Pixels | None
    seed: int


def own_side(kind: ModelKind) -> int:
    """The side, in pixels, of the square that anomalib shows the model."""
    transform = kind.model.configure_pre_processor().transform
    for step in (CenterCrop, Resize):
        found = extract_transforms_by_type(transform, step)
        if found:
            size = found[-1].size
            return int(size[0] if isinstance(size, list | tuple) else size)
    return 256


def own_front(wanted: Wanted) -> Front:
    """How a frame becomes the model's input: what anomalib subtracts and divides by, unless `pixels` say otherwise."""
    channels = wanted.preparation.channels
    if wanted.pixels is not None:
        return front_for(channels, *NORMS[wanted.pixels])
    found = extract_transforms_by_type(wanted.kind.model.configure_pre_processor().transform, Normalize)
    return front_for(channels, *((tuple(found[-1].mean), tuple(found[-1].std)) if found else PLAIN))


@contextmanager
def made(wanted: Wanted) -> Iterator[tuple[Any, Supply]]:
    """The model, an AnomalibModule, and what weights it got; while this lasts, nothing is fetched unasked.

    Its pre-processor only says the size: frames come prepared and fronted. Raises Mistake when weights are missing or
    wrong, or the model refuses a parameter.
    """
    size = wanted.preparation.height, wanted.preparation.width
    parts: dict[str, Any] = {"post_processor": False, "evaluator": False, "visualizer": False}
    parts["pre_processor"] = PreProcessor(transform=Resize(size))

    def build() -> Any:
        return wanted.kind.model(**wanted.parameters, **parts)

    with supplied(wanted.weights) as supply:
        model = built(wanted.kind.name, build, wanted.seed)
        supply.check(model.model, wanted.weights, size)
        if is_efficient_ad(model):
            equip(model, wanted.weights, wanted.outside, wanted.preparation)
        yield model, supply

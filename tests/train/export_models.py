"""Small modules of every model that Andon proves, of random weights, settled as if they had been trained."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import timm
import torch
from numpy.typing import NDArray

from andon.preparation import Preparation
from andon_training.anomalib_models.trained import Front, Trained, front_for

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAIN = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
LAYERS = ["layer1", "layer2", "layer3"]

Frames = NDArray[np.uint8]


def frames(count: int, height: int, width: int, channels: int = 3, seed: int = 0) -> Frames:
    """Pictures that differ as pictures do, from large to small: uint8 [count, height, width, channels]."""
    draw = torch.Generator().manual_seed(seed)
    total = torch.zeros(count, channels, height, width)
    for size in (2, 5, 13, 31):
        noise = torch.randn(count, channels, size, size, generator=draw)
        total += torch.nn.functional.interpolate(noise, size=(height, width), mode="bilinear") / size**0.5
    scaled = (total * 40 + 128).clamp(0, 255).permute(0, 2, 3, 1)
    return scaled.to(torch.uint8).contiguous().numpy()


def made(name: str, channels: int = 3) -> Trained:
    """The model of that name: the same weights each time."""
    side, build, norms = MODELS[name]
    torch.manual_seed(7)
    np.random.seed(7)
    with _no_download():
        module = build(side)
    _enliven(module)
    front = front_for(channels, *norms)
    module.eval()
    SETTLE.get(name, _settled)(module, _inputs(front, side))
    module.eval()
    return Trained(name, module, Preparation(width=side, height=side, channels=channels), front, {})


def _inputs(front: Front, side: int) -> Any:
    return torch.from_numpy(front(frames(12, side, side, front.channels, seed=1)))


@contextmanager
def _no_download() -> Iterator[None]:
    create = timm.create_model
    with mock.patch("timm.create_model", lambda *given, **more: create(*given, **{**more, "pretrained": False})):
        yield


def _enliven(module: Any) -> None:
    """timm starts a residual branch at zero: then half of the network would say nothing."""
    for norm in _norms(module):
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, std=0.2)


def _norms(module: Any) -> list[Any]:
    return [each for each in module.modules() if isinstance(each, torch.nn.modules.batchnorm._BatchNorm)]


def _padim(side: int) -> Any:
    from anomalib.models.image.padim.torch_model import PadimModel

    return PadimModel(backbone="resnet18", layers=LAYERS, pre_trained=False, n_features=30)


def _patchcore(side: int) -> Any:
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel

    return PatchcoreModel(backbone="resnet18", layers=["layer2", "layer3"], pre_trained=False)


def _efficient_ad(side: int) -> Any:
    from anomalib.models.image.efficient_ad.torch_model import EfficientAdModel

    return EfficientAdModel(teacher_out_channels=32)


def _stfpm(side: int) -> Any:
    from anomalib.models.image.stfpm.torch_model import STFPMModel

    return STFPMModel(layers=LAYERS)


def _reverse_distillation(side: int) -> Any:
    from anomalib.models.image.reverse_distillation.anomaly_map import AnomalyMapGenerationMode
    from anomalib.models.image.reverse_distillation.torch_model import ReverseDistillationModel

    return ReverseDistillationModel("resnet18", (side, side), LAYERS, AnomalyMapGenerationMode.ADD, pre_trained=False)


def _fastflow(side: int) -> Any:
    from anomalib.models.image.fastflow.torch_model import FastflowModel

    return FastflowModel((side, side), "resnet18", pre_trained=False, flow_steps=4)


def _supersimplenet(side: int) -> Any:
    from anomalib.models.image.supersimplenet.torch_model import SupersimplenetModel

    return SupersimplenetModel(backbone="resnet18", layers=["layer2", "layer3"])


def _dinomaly(side: int) -> Any:
    from anomalib.models.image.dinomaly.torch_model import DinomalyModel

    return DinomalyModel(encoder_name="vit_small_patch14_reg4_dinov2")


def _settled(module: Any, inputs: Any) -> None:
    """Batch normalisation has seen pictures; nothing else is learned."""
    for norm in _norms(module):
        norm.train()
        norm.momentum = None
    with torch.no_grad():
        module(inputs)
    module.eval()


def _fitted(module: Any, inputs: Any) -> None:
    """PaDiM and PatchCore learn from the pictures, by their own code."""
    _settled(module.feature_extractor.feature_extractor, inputs)
    with torch.no_grad():
        module.train()
        module(inputs)
        if hasattr(module, "fit"):
            module.fit()
        else:
            module.subsample_embedding(0.4)


def _standardised(module: Any, inputs: Any) -> None:
    """EfficientAD knows its teacher's spread and its maps' quantiles."""
    with torch.no_grad():
        few = inputs[:4]
        taught = module.teacher(few)
        module.mean_std["mean"].data = taught.mean((0, 2, 3), keepdim=True)
        module.mean_std["std"].data = taught.std((0, 2, 3), keepdim=True)
        for name, each in zip(("st", "ae"), module.get_maps(few), strict=True):
            low, high = torch.quantile(each.flatten()[::7], torch.tensor([0.9, 0.995]))
            module.quantiles[f"qa_{name}"].data, module.quantiles[f"qb_{name}"].data = low, high


def _half_learned(module: Any, inputs: Any) -> None:
    """STFPM's student is nearly its teacher."""
    _settled(module, inputs)
    taught = module.teacher_model.state_dict()
    with torch.no_grad():
        for key, value in module.student_model.state_dict().items():
            value.copy_(taught[key] + (0.05 * value.std() * torch.randn_like(value) if value.ndim == 4 else 0))
    _settled(module, inputs)


MODELS: dict[str, tuple[int, Callable[[int], Any], tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "padim": (64, _padim, IMAGENET),
    "patchcore": (64, _patchcore, IMAGENET),
    "efficient_ad": (256, _efficient_ad, PLAIN),
    "stfpm": (64, _stfpm, IMAGENET),
    "reverse_distillation": (64, _reverse_distillation, IMAGENET),
    "fastflow": (64, _fastflow, IMAGENET),
    "supersimplenet": (64, _supersimplenet, IMAGENET),
    "dinomaly": (70, _dinomaly, IMAGENET),
}
SETTLE: dict[str, Callable[[Any, Any], None]] = {
    "padim": _fitted,
    "patchcore": _fitted,
    "efficient_ad": _standardised,
    "stfpm": _half_learned,
}

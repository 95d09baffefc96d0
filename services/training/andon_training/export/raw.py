"""What a module says of its input, raw: before sigmoids that saturate, and above zero.

Most modules say so themselves, in eval mode. Some need a word more: SuperSimpleNet ends in sigmoids, FastFlow's scores
are negative probabilities, Reverse Distillation smooths its map by a large convolution, Dinomaly sorts all of it, and
EfficientAD asks of every frame whether it was trained.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from andon.errors import Mistake
from andon_training.anomalib_models.trained import Trained
from andon_training.export.smooth import enlarging, line_kernel
from andon_training.export.traced import Forward

OWN = "the model's own score"
LOGIT_OFFSET = 16.0  # a sigmoid of -16 is 1e-7: what a float32 beside 1 no longer shows


@dataclass(frozen=True)
class Raw:
    """How a module's raw answer is had.

    `forward` gives (score [N], map [N, h, w]) in a form that exports well, `reference` the same by the module's own
    code; both have `offset` added. `scale` says in words what the numbers are.
    """

    forward: Forward
    reference: Forward
    scale: str
    offset: float = 0.0


def raw(trained: Trained) -> Raw:
    """The raw answer of `trained`, by the class of its module. Raises Mistake when it gives no score at all."""
    forms = {
        "FastflowModel": _fastflow,
        "SupersimplenetModel": _super_simple_net,
        "ReverseDistillationModel": _reverse_distillation,
        "DinomalyModel": _dinomaly,
        "EfficientAdModel": _efficient_ad,
    }
    return forms.get(type(trained.module).__name__, _plain)(trained)


def own_answer(name: str, given: Any) -> tuple[Any, Any]:
    """(score [N], map [N, h, w]) of what a module's forward gives: anomalib's InferenceBatch, a mapping, or a tuple
    or tensor told apart by dimensions. A model without a map gives its score as a map of one place, one without a
    score the highest place of its map. Raises Mistake when there is neither.
    """
    score, anomaly_map = _parts(given)
    if score is None and anomaly_map is None:
        raise Mistake(f"{name}: its forward gives {type(given).__name__}, no score and no map; choose another model")
    if anomaly_map is not None and anomaly_map.ndim == 4:
        anomaly_map = anomaly_map.squeeze(1) if anomaly_map.shape[1] == 1 else anomaly_map.amax(1)
    if score is None:
        score = anomaly_map.amax((-2, -1))
    score = score.flatten()
    return score, score[:, None, None] if anomaly_map is None else anomaly_map


def _parts(given: Any) -> tuple[Any, Any]:
    if hasattr(given, "pred_score"):
        return given.pred_score, given.anomaly_map
    if isinstance(given, Mapping):
        return given.get("pred_score"), given.get("anomaly_map")
    tensors = [given] if isinstance(given, torch.Tensor) else list(given) if isinstance(given, tuple | list) else []
    maps = [each for each in tensors if isinstance(each, torch.Tensor) and each.ndim >= 3]
    scores = [each for each in tensors if isinstance(each, torch.Tensor) and each.ndim in (1, 2)]
    return next(iter(scores), None), next(iter(maps), None)


def _plain(trained: Trained) -> Raw:
    def forward(module: Any, given: Any) -> tuple[Any, Any]:
        return own_answer(trained.name, module(given))

    return Raw(forward, forward, OWN)


def _fastflow(trained: Trained) -> Raw:
    def forward(module: Any, given: Any) -> tuple[Any, Any]:
        score, anomaly_map = own_answer(trained.name, module(given))
        return score + 1, anomaly_map + 1

    return Raw(forward, forward, "1 less the mean probability: 0 as learned, 1 never seen", offset=1.0)


def _super_simple_net(trained: Trained) -> Raw:
    smooth = _smoother(trained.module.anomaly_map_generator.smoothing, trained)

    def forward(module: Any, given: Any) -> tuple[Any, Any]:
        small, score = _logits(module, given)
        anomaly_map = smooth(functional.interpolate(small, size=given.shape[-2:], mode="bilinear"))
        return score.flatten() + LOGIT_OFFSET, anomaly_map.squeeze(1) + LOGIT_OFFSET

    def reference(module: Any, given: Any) -> tuple[Any, Any]:
        small, score = _logits(module, given)
        anomaly_map = module.anomaly_map_generator(small, final_size=given.shape[-2:])
        return score.flatten() + LOGIT_OFFSET, anomaly_map.squeeze(1) + LOGIT_OFFSET

    scale = f"the logit before the model's sigmoid, plus {LOGIT_OFFSET:g}"
    return Raw(forward, reference, scale, offset=LOGIT_OFFSET)


def _logits(module: Any, given: Any) -> tuple[Any, Any]:
    """SuperSimpleNet's forward in eval mode as far as its heads: (map [N, 1, h, w], score [N])."""
    features = module.feature_extractor(given)
    adapted = module.adaptor(features)
    told = adapted if module.adapt_cls_features else features
    anomaly_map, score = module.segdec(seg_features=adapted, cls_features=told)
    return anomaly_map, score


def _reverse_distillation(trained: Trained) -> Raw:
    from anomalib.models.components import GaussianBlur2d

    generator = trained.module.anomaly_map_generator
    blur = GaussianBlur2d(kernel_size=generator.kernel_size, sigma=generator.sigma)
    smooth = _smoother(blur, trained)

    def forward(module: Any, given: Any) -> tuple[Any, Any]:
        encoded = list(module.encoder(given).values())
        decoded = module.decoder(module.bottleneck(encoded))
        maps = [_apart(one, other, generator.image_size) for one, other in zip(encoded, decoded, strict=True)]
        anomaly_map = smooth(_combined(maps, generator.mode.value)).squeeze(1)
        return anomaly_map.amax((-2, -1)), anomaly_map

    return Raw(forward, _plain(trained).reference, OWN)


def _apart(one: Any, other: Any, size: Any) -> Any:
    """1 less the cosine of two feature maps, place by place, enlarged: [N, 1, *size]."""
    apart = 1 - functional.cosine_similarity(one, other)
    return functional.interpolate(apart.unsqueeze(1), size=size, mode="bilinear", align_corners=True)


def _combined(maps: list[Any], mode: str) -> Any:
    total = maps[0]
    for each in maps[1:]:
        total = total * each if mode == "multiply" else total + each
    return total


def _dinomaly(trained: Trained) -> Raw:
    from anomalib.models.image.dinomaly.torch_model import DEFAULT_MAX_RATIO, DEFAULT_RESIZE_SIZE

    side = DEFAULT_RESIZE_SIZE
    most = max(1, int(side * side * DEFAULT_MAX_RATIO))

    def forward(module: Any, given: Any) -> tuple[Any, Any]:
        encoded, decoded = module.get_encoder_decoder_outputs(given)
        anomaly_map, _ = module.calculate_anomaly_maps(encoded, decoded, out_size=tuple(given.shape[-2:]))
        even = functional.interpolate(anomaly_map, size=side, mode="bilinear", align_corners=False)
        highest = module.gaussian_blur(even).flatten(1).topk(most, dim=1).values
        return highest.mean(1), anomaly_map.squeeze(1)

    return Raw(forward, _plain(trained).reference, OWN)


def _efficient_ad(trained: Trained) -> Raw:
    """The teacher's features are standardised by its last convolution; the two maps are one before they grow."""
    module, taught = trained.module, _standardising(trained.module)
    st, ae, constant = _quantile_factors(module)
    count, border = module.teacher_out_channels, (4,) * 4 if module.pad_maps else (0,) * 4

    def forward(module: Any, given: Any) -> tuple[Any, Any]:
        size, student = given.shape[-2:], module.student(given)
        map_st = (taught(given) - student[:, :count]).square().mean(1, keepdim=True)
        map_ae = (module.ae(given, size) - student[:, count:]).square().mean(1, keepdim=True)
        small = functional.pad(st * map_st + ae * map_ae, border)
        anomaly_map = functional.interpolate(small, size=size, mode="bilinear").squeeze(1) + constant
        return anomaly_map.amax((-2, -1)), anomaly_map

    return Raw(forward, _plain(trained).reference, OWN)


def _standardising(module: Any) -> Any:
    """EfficientAD's teacher, less its mean and over its spread, where they were measured."""
    teacher = copy.deepcopy(module.teacher)
    if module.is_set(module.mean_std):
        last = teacher.conv6 if hasattr(teacher, "conv6") else teacher.conv4
        mean, spread = (module.mean_std[key].detach().flatten() for key in ("mean", "std"))
        last.weight.data = last.weight.data / spread[:, None, None, None]
        last.bias.data = (last.bias.data - mean) / spread
    return teacher


def _quantile_factors(module: Any) -> tuple[float, float, float]:
    """(a, b, c) of EfficientAD's map, a * student-teacher + b * autoencoder + c, from its quantiles if it has any."""
    if not module.is_set(module.quantiles):
        return 0.5, 0.5, 0.0
    low_st, high_st, low_ae, high_ae = (float(module.quantiles[key]) for key in ("qa_st", "qb_st", "qa_ae", "qb_ae"))
    if low_st == high_st or low_ae == high_ae:
        raise Mistake("efficient_ad: its maps are the same everywhere on every validation frame; train it for longer")
    st, ae = 0.05 / (high_st - low_st), 0.05 / (high_ae - low_ae)
    return st, ae, -st * low_st - ae * low_ae


def _smoother(blur: Any, trained: Trained) -> Callable[[Any], Any]:
    """`blur`, a GaussianBlur2d, on maps [N, 1, H, W] of the frames' size: the same as two products of matrices."""
    kernel = line_kernel(blur)
    height, width = trained.preparation.height, trained.preparation.width
    down = torch.from_numpy(enlarging(height, height, "linear", kernel))
    along = torch.from_numpy(enlarging(width, width, "linear", kernel)).T

    def smooth(maps: Any) -> Any:
        return down @ (maps @ along)

    return smooth

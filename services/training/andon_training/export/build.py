"""A trained model as ONNX."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch

from andon.errors import Mistake
from andon.inference import open_model
from andon_training.anomalib_models.trained import Trained
from andon_training.export.features import Extractor, extractor
from andon_training.export.front import add_front
from andon_training.export.options import Exported, ExportOptions
from andon_training.export.padim import add_padim, positions
from andon_training.export.patchcore import add_patchcore, memory
from andon_training.export.raw import OWN, raw
from andon_training.export.traced import INPUT, traced
from andon_training.export.watched import watched
from andon_training.graph import Graph, Outputs

Settings = dict[str, int | float | str]
Head = Callable[[Graph, dict[str, str]], Outputs]


def export(trained: Trained, options: ExportOptions | None = None) -> Exported:
    """`trained` as one ONNX model, or, where its extractor is frozen and `options` split it, as backbone and head.

    It takes `frames`, uint8 [N, H, W, C] of its preparation, and gives `score` float32 [N] and `map` float32
    [N, h, w], raw: anomalib's post-processing is left out. The same module gives the same bytes. Opset 18, standard
    operators, N free. Raises Mistake when a model cannot be exported, or an option is not one it can have.
    """
    return next(export_each(trained, [options or ExportOptions()]))


def export_each(trained: Trained, options: Iterable[ExportOptions]) -> Iterator[Exported]:
    """As `export`, once for each of `options`; what they have in common is traced once."""
    make = _headed(trained) if type(trained.module).__name__ in HEADS else partial(_whole, trained)
    for each in options:
        exported = make(each)
        open_model(exported.model, backbone=exported.backbone, threads=1)
        yield exported


def _whole(trained: Trained, _: ExportOptions) -> Exported:
    height, width, _channels = trained.preparation.shape
    form = raw(trained)
    forward = watched(trained.module, form.forward)
    with torch.no_grad():
        count = len(forward(trained.module, torch.zeros(1, 3, height, width)))
    names = ["score", "map", *(f"seen-{i}" for i in range(count - 2))]
    model = traced(trained.name, trained.module, forward, (height, width), names)
    rows, columns = (dim.dim_value for dim in model.graph.output[1].type.tensor_type.shape.dim[1:])
    graph = Graph()
    score, anomaly_map, *seen = graph.include(model, {INPUT: add_front(graph, trained.front)}, names, "model")
    outputs: Outputs = {"score": (score, ("N",)), "map": (anomaly_map, ("N", rows, columns))}
    settings: Settings = {"score_offset": form.offset} if form.offset else {}
    data = graph.model(trained.preparation.shape, outputs)
    return Exported(data, None, form.scale, form.offset, settings, tuple(seen))


def _headed(trained: Trained) -> Callable[[ExportOptions], Exported]:
    """Of a model that is a frozen extractor and a head of Andon's own: how it is made, the extractor traced."""
    is_fitted, head_of = HEADS[type(trained.module).__name__]
    if not is_fitted(trained.module):
        raise Mistake(f"{trained.name}: it was not fitted: it remembers nothing; train it first")
    features = extractor(trained)

    def make(options: ExportOptions) -> Exported:
        head, settings = head_of(trained, features, options)
        if options.split:
            names = tuple(features.shapes)
            return Exported(_head_bytes(features, head), features.backbone(), OWN, 0.0, settings, names)
        graph = Graph()
        seen = features.add(graph)
        model = graph.model(trained.preparation.shape, head(graph, seen))
        return Exported(model, None, OWN, 0.0, settings, tuple(seen.values()))

    return make


def _head_bytes(features: Extractor, head: Head) -> bytes:
    graph = Graph()
    given = {name: ("N", *shape) for name, shape in features.shapes.items()}
    return graph.head(given, head(graph, {name: name for name in given}))


def _padim(trained: Trained, features: Extractor, options: ExportOptions) -> tuple[Head, Settings]:
    learned = positions(trained.module, features.shapes)

    def head(graph: Graph, given: dict[str, str]) -> Outputs:
        return add_padim(graph, given, features.shapes, trained, learned, options.covariance)

    return head, {"covariance": options.covariance}


def _patchcore(trained: Trained, features: Extractor, options: ExportOptions) -> tuple[Head, Settings]:
    learned = memory(trained, options.bank_size, options.num_neighbors)

    def head(graph: Graph, given: dict[str, str]) -> Outputs:
        return add_patchcore(graph, given, features.shapes, trained, learned)

    cells, neighbours = learned.neighbours.shape
    return head, {"bank_size": cells, "num_neighbors": neighbours}


def _has_gaussians(module: Any) -> bool:
    return bool(module.gaussian.mean.numel())


def _has_memory(module: Any) -> bool:
    return bool(module.memory_bank.numel())


HEADS = {"PadimModel": (_has_gaussians, _padim), "PatchcoreModel": (_has_memory, _patchcore)}
"""By the class of the module: whether it was fitted, and its head."""

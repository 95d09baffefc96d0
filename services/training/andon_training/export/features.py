"""The frozen feature extractor of PaDiM and PatchCore as a backbone: the same bytes for every station that has it."""

from dataclasses import dataclass
from typing import Any

import torch

from andon.errors import Mistake
from andon_training.anomalib_models.trained import Trained
from andon_training.export.front import add_front
from andon_training.export.traced import INPUT, traced
from andon_training.graph import Graph

Shapes = dict[str, tuple[int, int, int]]
"""Of feature maps: name -> (channels, rows, columns), in the order of the model's layers."""


@dataclass(frozen=True)
class Extractor:
    """The extractor of `trained` as ONNX. `graph` is its onnx.ModelProto: `input` gives `shapes`' feature maps."""

    trained: Trained
    graph: Any
    shapes: Shapes

    def add(self, graph: Graph) -> dict[str, str]:
        """Front and extractor in `graph`: the feature maps' values by name."""
        given = {INPUT: add_front(graph, self.trained.front)}
        names = list(self.shapes)
        return dict(zip(names, graph.include(self.graph, given, names, "features"), strict=True))

    def backbone(self) -> bytes:
        """The backbone: `frames` give the feature maps."""
        graph = Graph()
        outputs = {name: (value, ("N", *self.shapes[name])) for name, value in self.add(graph).items()}
        return graph.model(self.trained.preparation.shape, outputs)


def extractor(trained: Trained) -> Extractor:
    """The extractor of a PaDiM or PatchCore module. Raises Mistake when it cannot be exported."""
    module, height, width = trained.module, trained.preparation.height, trained.preparation.width
    if module.tiler is not None:
        raise Mistake(f"{trained.name}: a tiled model cannot be exported; train it without tiles, on larger frames")

    def forward(features: Any, given: Any) -> tuple[Any, ...]:
        return tuple(features(given).values())

    with torch.no_grad():
        maps = module.feature_extractor(torch.zeros(1, 3, height, width))
    shapes = {str(layer): tuple(each.shape[1:]) for layer, each in maps.items()}
    graph = traced(trained.name, module.feature_extractor, forward, (height, width), list(shapes))
    return Extractor(trained, graph, shapes)

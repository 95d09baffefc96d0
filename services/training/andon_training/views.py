"""Views: what a frame looks like to the method, at each scale and depth of the backbone. One graph value a view."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import onnx

from andon_training.backbones import Backbone, Output
from andon_training.graph import Graph
from andon_training.lighting import SPREADS
from andon_training.options import Lighting, Pixels
from andon_training.pixels import for_backbone, grey_levels, half, three_channels
from andon_training.register import Template, add_shift, moved

MOST_DEPTH = {8: 64, 16: 128}  # channels of a view, by stride; more of a wide backbone cost memory and bring little
MOST_COVARIANCES = 6_000_000  # numbers in the covariances of a view: what a fit holds a dozen times over
FINE_WEIGHT = 0.5  # of the stride-8 view against the others
SEED = 20_26
SHIFT = "shift"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the method sees, before anything is learned."""

    backbone: Backbone
    pixels: Pixels
    lighting: Lighting = Lighting.LEVELLED
    template: Template | None = field(default=None, compare=False)  # None: frames are looked at as they lie
    spread: float = SPREADS[0]  # grey levels that levelled frames are brought to


@dataclass(frozen=True)
class View:
    """One view: where it stands in a graph, float32 [N, depth, rows, columns], and its weight among the views."""

    name: str
    value: str
    depth: int
    rows: int
    columns: int
    weight: float


@dataclass(frozen=True)
class Eyes:
    """A model that gives the views of frames, uint8 [N, *shape], as ONNX bytes: one output a view, by its name.

    Each is float32 [N, depth, rows, columns]; where `registered`, SHIFT says how far each frame lay off.
    """

    model: bytes
    shape: tuple[int, int, int]
    views: tuple[View, ...]
    registered: bool = False

    @property
    def given(self) -> dict[str, tuple[object, ...]]:
        """The shapes of what the model gives, by name: what a head that goes on from it takes."""
        shapes: dict[str, tuple[object, ...]] = {
            view.name: ("N", view.depth, view.rows, view.columns) for view in self.views
        }
        return shapes | ({SHIFT: ("N", 1, 1, 2)} if self.registered else {})

    def add_to(self, graph: Graph) -> tuple[tuple[View, ...], str | None]:
        """The same views inside `graph`, and the shift, where frames are registered."""
        names = [view.name for view in self.views] + [SHIFT] * self.registered
        values = graph.include(onnx.load_model_from_string(self.model), {"frames": "frames"}, names, "eyes")
        views = tuple(replace(view, value=value) for view, value in zip(self.views, values, strict=False))
        return views, values[-1] if self.registered else None


def view_model(recipe: Recipe, shape: tuple[int, int, int]) -> Eyes:
    """The eyes of `recipe` for `frames`, uint8 [N, *shape] with shape (height, width, 1 or 3).

    Stride 8 at full size, stride 16 at full size, stride 16 at half size: fine, middle and wide. Measured with
    MobileNetV2, the two of stride 16 alone gave .885 and .924 on magtile and solar; one size alone .872 and .915.
    """
    height, width, channels = shape
    graph = Graph()
    levels = grey_levels(graph, recipe.lighting, recipe.spread)
    shift = add_shift(graph, levels, (height, width), recipe.template) if recipe.template else None
    levels = moved(graph, levels, (height, width), shift) if shift else levels
    levels = three_channels(graph, levels, channels)
    outputs = {output.stride: output for output in recipe.backbone.outputs}
    near = _scale(graph, recipe, levels, tuple(outputs.values()), (height, width), "near")
    wide = outputs.get(16, recipe.backbone.outputs[0])
    far = _scale(graph, recipe, half(graph, levels), (wide,), (height // 2, width // 2), "far")
    views = (*near, *far)
    eyes = Eyes(b"", shape, views, registered=shift is not None)
    values = {view.name: view.value for view in views} | ({SHIFT: shift} if shift else {})
    given = {name: (values[name], sides) for name, sides in eyes.given.items()}
    return replace(eyes, model=graph.model(shape, given))


def _scale(
    graph: Graph, recipe: Recipe, levels: str, outputs: tuple[Output, ...], sides: tuple[int, int], scale: str
) -> tuple[View, ...]:
    given = {recipe.backbone.input: for_backbone(graph, levels, recipe.pixels)}
    values = graph.include(recipe.backbone.model, given, [output.name for output in outputs], scale)
    return tuple(_view(graph, output, value, sides, scale) for output, value in zip(outputs, values, strict=True))


def _view(graph: Graph, output: Output, value: str, sides: tuple[int, int], scale: str) -> View:
    rows, columns = sides[0] // output.stride, sides[1] // output.stride
    depth = min(output.depth, MOST_DEPTH[output.stride], math.isqrt(MOST_COVARIANCES // (rows * columns)))
    if depth < output.depth:
        value = graph.add("Gather", value, graph.constant(_kept(output.depth, depth)), axis=1)
    weight = FINE_WEIGHT if output.stride == 8 else 1.0
    return View(f"{scale}-{output.stride}", value, depth, rows, columns, weight)


def _kept(of: int, depth: int) -> list[int]:
    """Which channels of a wide output are kept: a random choice, always the same one, as PaDiM makes it."""
    return sorted(int(channel) for channel in np.random.default_rng(SEED).permutation(of)[:depth])

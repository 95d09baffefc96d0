"""The methods a bundle can be made by, as one: learn what is good, tell how far a frame is from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from andon.inference import EMBEDDING
from andon_training import bank, gaussian
from andon_training.bank import Bank
from andon_training.embedding import Look, add_embedding, learn_look, pooled
from andon_training.gaussian import Gaussian
from andon_training.graph import Graph, Outputs
from andon_training.maps import add_score, anomaly_maps, grid, scores
from andon_training.options import Method
from andon_training.progress import Progress, silent
from andon_training.views import SHIFT, Eyes, View

Singles = NDArray[np.float32]
Normal = Gaussian | Bank
FOLDS = 5


@dataclass(frozen=True)
class Learned:
    """What is good, one entry a view. `levels` are the mean distances of held-out good frames. `look` is what
    the frames were like as a whole; None where it cannot be told.
    """

    normals: tuple[Normal, ...]
    levels: tuple[float, ...]
    look: Look | None = None


def cross_fit(
    views: Sequence[View], features: Sequence[Singles], method: Method, folds: int = FOLDS, progress: Progress = silent
) -> tuple[Learned, Singles]:
    """What all frames teach, and each frame's score under what the folds it is not in teach, float32 [n].

    `features` are float32 [n, rows, columns, depth], one a view. Folds are blocks of consecutive frames, because
    neighbours in time look alike: on solar, whose modules differ, a 2 % budget made 5.8 % of false calls on modules not
    seen with interleaved folds, 3.3 % with blocks.
    """
    n = len(features[0])
    edges = [n * k // folds for k in range(folds + 1)]
    normals, distances = [], []
    for done, view in enumerate(features):
        normal, held_out = _cross_fit_view(view, edges, method)
        normals.append(normal)
        distances.append(held_out)
        progress("learning", done + 1, len(features))
    levels = tuple(float(held_out.mean(dtype=np.float64)) for held_out in distances)
    learned = Learned(tuple(normals), levels, learn_look([pooled(view) for view in features]))
    return learned, scores(anomaly_maps(distances, views, learned.levels))


def _cross_fit_view(features: Singles, edges: Sequence[int], method: Method) -> tuple[Normal, Singles]:
    blocks = [slice(low, high) for low, high in pairwise(edges)]
    held_out = np.empty(features.shape[:3], np.float32)
    if method is Method.BANK:
        for block in blocks:
            rest = np.concatenate([features[: block.start], features[block.stop :]])
            held_out[block] = bank.distances(bank.bank(rest), features[block])
        return bank.bank(features), held_out
    parts = [gaussian.moments(features[block]) for block in blocks]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    for block, part in zip(blocks, parts, strict=True):
        held_out[block] = gaussian.distances(gaussian.gaussian(whole - part), features[block])
    return gaussian.gaussian(whole), held_out


def learn(features: Sequence[Singles], method: Method) -> tuple[Normal, ...]:
    """What these frames teach, one entry a view."""
    if method is Method.BANK:
        return tuple(bank.bank(view) for view in features)
    return tuple(gaussian.gaussian(gaussian.moments(view)) for view in features)


def distances(normals: Sequence[Normal], features: Sequence[Singles]) -> list[Singles]:
    """float32 [n, rows, columns] a view."""
    return [_distances(normal, view) for normal, view in zip(normals, features, strict=True)]


def inspection_model(eyes: Eyes, learned: Learned) -> bytes:
    """ONNX: `frames` uint8 [N, *shape] gives raw `score` [N] and `map` [N, rows, columns], with a look `embedding`."""
    graph = Graph()
    views, shift = eyes.add_to(graph)
    return graph.model(eyes.shape, _judged(graph, views, learned, shift))


def head_model(eyes: Eyes, learned: Learned) -> bytes:
    """ONNX: what `eyes` give, float32 by name, makes the outputs that `inspection_model` makes of frames."""
    graph = Graph()
    views = [replace(view, value=view.name) for view in eyes.views]
    return graph.head(eyes.given, _judged(graph, views, learned, SHIFT if eyes.registered else None))


def _judged(graph: Graph, views: Sequence[View], learned: Learned, shift: str | None) -> Outputs:
    values = [_added(graph, view, normal) for view, normal in zip(views, learned.normals, strict=True)]
    found = add_score(graph, values, views, learned.levels, shift)
    outputs: Outputs = {"score": (found["score"], ("N",)), "map": (found["map"], ("N", *grid(views)))}
    if learned.look is not None:
        outputs[EMBEDDING] = add_embedding(graph, [view.value for view in views], learned.look)
    return outputs


def _distances(normal: Normal, features: Singles) -> Singles:
    return bank.distances(normal, features) if isinstance(normal, Bank) else gaussian.distances(normal, features)


def _added(graph: Graph, view: View, normal: Normal) -> str:
    if isinstance(normal, Bank):
        return bank.add_distances(graph, view, normal)
    return gaussian.add_distances(graph, view, normal)

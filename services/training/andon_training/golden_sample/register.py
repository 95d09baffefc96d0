"""Sub-pixel registration: first the frame as a whole, then each neighbourhood, held to the whole by a prior.

Lucas and Kanade 1981: the displacement that explains the difference by the reference's gradients, in the least squares,
a few times over. It follows a turn or stretch of a pixel or two; a defect is far smaller than a neighbourhood, and
so cannot move it.
"""

from dataclasses import dataclass

from andon_training.golden_sample.lighting import relit
from andon_training.golden_sample.pixels import shrunk
from andon_training.golden_sample.warp import CELL, Field, places, sample
from andon_training.graph import Graph

HALF, QUARTER = 2, 4
NEIGHBOURHOOD = 13  # cells of the frame
PRIOR = 0.1  # weight of the frame's displacement, as a share of the frame's own mean gradient energy
LEAST_ENERGY = 1e-2  # squared grey levels a pixel: a blank reference moves nothing
WHOLE_ROUNDS = (QUARTER, HALF)
LOCAL_ROUNDS = 2
MOST_STEP = 4.0  # pixels beyond the whole shift found before, since that is known to cells of four


@dataclass(frozen=True)
class Pair:
    """Brightness of frame and reference, [N, 1, h, w] each, at 1/`scale` of the frame's size."""

    frame: str
    reference: str
    scale: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Sums:
    """Means over neighbourhoods, [N, 1, rows, columns] each: of products of gradients, and of these with the error."""

    xx: str
    xy: str
    yy: str
    xe: str
    ye: str


def pair(graph: Graph, frame: str, reference: str, size: tuple[int, int], scale: int) -> Pair:
    """Brightness [N, 1, *size] of both, smaller and smooth enough to have gradients."""
    small = size[0] // scale, size[1] // scale
    return Pair(_smooth(graph, frame, scale), _smooth(graph, reference, scale), scale, small)


def register(graph: Graph, pairs: dict[int, Pair], shift: str, size: tuple[int, int], stretch: int) -> Field:
    """The displacement of every cell, starting from `shift` [N, 2, 1, 1], at most `stretch` off that of the whole."""
    whole = Field(shift, size)
    for scale in WHOLE_ROUNDS:
        whole = Field(_near(graph, _step(graph, pairs[scale], whole), shift, MOST_STEP), size)
    if not stretch:
        return whole
    local = whole
    rows, columns = size[0] // CELL, size[1] // CELL
    for _ in range(LOCAL_ROUNDS):
        moved = _step(graph, pairs[HALF], local, prior=whole.value)
        local = Field(_near(graph, moved, whole.value, float(stretch)), size, rows, columns)
    return local


def drawn_small(graph: Graph, pair: Pair, field: Field) -> str:
    """The reference of `pair` where the frame shows it, [N, 1, h, w]."""
    return sample(graph, pair.reference, places(graph, field, pair.size))


def _smooth(graph: Graph, value: str, scale: int) -> str:
    kernel = {"kernel_shape": [3, 3], "pads": [1] * 4}
    return graph.add("AveragePool", shrunk(graph, value, scale), count_include_pad=0, **kernel)


def _near(graph: Graph, value: str, centre: str, most: float) -> str:
    """`value` within `most` of `centre`, along each side."""
    off = graph.add("Clip", graph.add("Sub", value, centre), graph.scalar(-most), graph.scalar(most))
    return graph.add("Add", centre, off)


def _step(graph: Graph, pair: Pair, field: Field, prior: str | None = None) -> str:
    """The displacement after one round: of the frame as a whole, or with a `prior` of each cell."""
    drawn = drawn_small(graph, pair, field)
    error = graph.add("Sub", relit(graph, pair.frame, pair.frame, drawn), drawn)
    across, down = _gradients(graph, drawn, pair.size)
    sums = _sums(graph, (across, down, error), 0 if prior is None else CELL // pair.scale)
    pull = None if prior is None else graph.add("Sub", prior, field.value)
    return graph.add("Add", field.value, _solved(graph, sums, pull, pair.scale))


def _gradients(graph: Graph, value: str, size: tuple[int, int]) -> tuple[str, str]:
    """Central differences along x and along y of [N, 1, *size], in grey levels a pixel of it."""
    padded, half = graph.pad(value, 1, "edge"), graph.scalar(0.5)
    cuts = {
        (y, x): graph.add(
            "Slice", padded, graph.constant([y, x]), graph.constant([y + size[0], x + size[1]]), graph.constant([2, 3])
        )
        for y, x in ((1, 0), (1, 2), (0, 1), (2, 1))
    }
    across = graph.add("Mul", graph.add("Sub", cuts[1, 2], cuts[1, 0]), half)
    return across, graph.add("Mul", graph.add("Sub", cuts[2, 1], cuts[0, 1]), half)


def _sums(graph: Graph, parts: tuple[str, str, str], cell: int) -> Sums:
    """`cell` 0: over the whole; else over the neighbourhood of each `cell` pixels."""
    x, y, error = parts
    products = [graph.add("Mul", a, b) for a, b in ((x, x), (x, y), (y, y), (x, error), (y, error))]
    if not cell:
        return Sums(*(graph.add("ReduceMean", one, graph.constant([2, 3])) for one in products))
    wide = {"kernel_shape": [NEIGHBOURHOOD] * 2, "pads": [NEIGHBOURHOOD // 2] * 4, "count_include_pad": 0}
    return Sums(*(graph.add("AveragePool", shrunk(graph, one, cell), **wide) for one in products))


def _solved(graph: Graph, sums: Sums, pull: str | None, scale: int) -> str:
    """(x, y) in pixels of the frame, [N, 2, rows, columns]: (A + w I) d = b + w pull, by Cramer's rule."""
    energy = graph.add("ReduceMean", graph.add("Add", sums.xx, sums.yy), graph.constant([2, 3]))
    share = graph.scalar(0.0 if pull is None else PRIOR)
    weight = graph.add("Add", graph.add("Mul", energy, share), graph.scalar(LEAST_ENERGY))
    right_x, right_y = sums.xe, sums.ye
    if pull is not None:
        drag = graph.add("Mul", graph.add("Mul", pull, weight), graph.scalar(1 / scale))
        right_x = graph.add("Add", right_x, _channel(graph, drag, 0))
        right_y = graph.add("Add", right_y, _channel(graph, drag, 1))
    xx, yy = graph.add("Add", sums.xx, weight), graph.add("Add", sums.yy, weight)
    inverse = graph.add("Div", graph.scalar(float(scale)), _cross(graph, (xx, yy), (sums.xy, sums.xy)))
    x = _cross(graph, (yy, right_x), (sums.xy, right_y))
    y = _cross(graph, (xx, right_y), (sums.xy, right_x))
    return graph.add("Mul", graph.add("Concat", x, y, axis=1), inverse)


def _cross(graph: Graph, plus: tuple[str, str], minus: tuple[str, str]) -> str:
    return graph.add("Sub", graph.add("Mul", *plus), graph.add("Mul", *minus))


def _channel(graph: Graph, value: str, at: int) -> str:
    return graph.add("Slice", value, graph.constant([at]), graph.constant([at + 1]), graph.constant([1]))

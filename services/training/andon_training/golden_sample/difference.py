"""What is left when all that a good part may do is taken away: strong where it fills a blob, weak along thin edges.

Grey-value morphology (Serra 1982): a pixel differs by as much as it lies above the brightest, or below the darkest,
that the other image has within the tolerance; both ways, so that a thin line is seen whether it came or went.
"""

from andon_training.graph import Graph

MAP_CELL = 4  # pixels
FLOOR = 1.0  # grey levels: less than one step of the camera is no difference


def difference(graph: Graph, frame: str, reference: str, tolerance: int) -> str:
    """Grey levels, [N, 1, H, W], of [N, C, H, W] each, the channel that differs most."""
    there = _beyond(graph, frame, reference, tolerance)
    whole = graph.add("Max", there, _beyond(graph, reference, frame, tolerance)) if tolerance else there
    return graph.add("ReduceMax", graph.add("Relu", whole), graph.constant([1]))


def blobs(graph: Graph, value: str, blob: int) -> str:
    """The greatest mean over `blob` x `blob` pixels around each place of a cell: [N, 1, H / 4, W / 4]."""
    mean = graph.add("AveragePool", value, kernel_shape=[blob] * 2, pads=[blob // 2] * 4, count_include_pad=1)
    best = graph.add("MaxPool", mean, kernel_shape=[MAP_CELL] * 2, strides=[MAP_CELL] * 2)
    return graph.add("Max", best, graph.scalar(FLOOR))


def _beyond(graph: Graph, value: str, other: str, tolerance: int) -> str:
    """By how much `value` leaves the range that `other` has nearby; below 0 inside it."""
    above = graph.add("Sub", value, _brightest(graph, other, tolerance))
    darkest = _brightest(graph, graph.add("Neg", other), tolerance)
    below = graph.add("Neg", graph.add("Add", value, darkest))
    return graph.add("Max", above, below)


def _brightest(graph: Graph, value: str, tolerance: int) -> str:
    kernel = [2 * tolerance + 1] * 2
    return graph.add("MaxPool", value, kernel_shape=kernel, pads=[tolerance] * 4) if tolerance else value

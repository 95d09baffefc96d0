"""Two judges' scores in one chart: the line's upwards, the other's downwards, the threshold at 1."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from andon.comparing.table import Floats
from andon_training.evaluate.chart import BARS, TAIL, TOP, Bar, Chart, Mark, Scale, Tick, across, upward

HEADROOM = 1.15  # above the highest bar, for the word at the threshold
UP, DOWN = "good", "defective"  # the page's two colours


def distributions(first: Floats, second: Floats, names: tuple[str, str]) -> Chart:
    """Strengths [n] of two judges, called `names`; scores without a number are left out."""
    up, down = first[np.isfinite(first)], second[np.isfinite(second)]
    everything = np.concatenate([up, down, [1.0]])
    low, top = min(0.0, float(np.quantile(everything, 0.001))), float(everything.max())
    high = max(1.1, min(top, float(np.quantile(everything, 0.995)) * TAIL))
    edges = np.linspace(low, high, BARS + 1)
    counts = [np.histogram(np.clip(each, low, high), edges)[0] for each in (up, down)]
    x, y = across(low, high), upward(-max(1, int(counts[1].max())), max(1, int(counts[0].max())) * HEADROOM)
    beyond = int((everything > high).sum())
    return Chart(
        title="Scores",
        x_label="score over threshold",
        y_label=f"frames: {names[0]} up, {names[1]} down",
        x_ticks=x.ticks(),
        y_ticks=tuple(Tick(tick.at, tick.text.removeprefix("-")) for tick in y.ticks() if "." not in tick.text),
        bars=(*_bars(counts[0], edges, x, y, UP, names[0]), *_bars(-counts[1], edges, x, y, DOWN, names[1])),
        rule=Mark(x(1.0), TOP, "threshold"),
        note=f"Frames beyond {high:.3g}, in the last bar: {beyond}, up to {top:.3g}." if beyond else "",
    )


def _bars(counts: NDArray[np.int64], edges: Floats, x: Scale, y: Scale, side: str, name: str) -> Iterator[Bar]:
    for count, left, right in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        if count:
            told = f"{name}: {abs(count)} frames from {left:.3g} to {right:.3g}"
            width, height = round(x(right) - x(left), 1), round(abs(y(count) - y(0)), 1)
            yield Bar(x(left), min(y(0), y(count)), width, height, side, told)

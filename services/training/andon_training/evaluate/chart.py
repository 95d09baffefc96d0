"""Charts as numbers: where lines, bars and ticks lie on paper. The page's template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from andon_training.evaluate.froc import RATES, Froc
from andon_training.evaluate.metrics import labelled_scores

WIDTH, HEIGHT = 420, 300  # of the paper, in SVG units
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 44  # margins
BARS = 40
TAIL = 1.05  # of the scores' 98th percentile: what lies beyond joins the last bar
MOST_POINTS = 400

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, at `at` on paper."""

    at: float
    text: str


@dataclass(frozen=True)
class Bar:
    """A rectangle on paper; `side` is good or defective, `told` what it stands for."""

    x: float
    y: float
    width: float
    height: float
    side: str
    told: str


@dataclass(frozen=True)
class Mark:
    """A point, or where `text` stands, on paper."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Chart:
    """One chart on paper of WIDTH x HEIGHT. `path` is SVG path data; `rule` the x of an upright line."""

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    path: str = ""
    diagonal: bool = False
    bars: tuple[Bar, ...] = ()
    rule: Mark | None = None
    mark: Mark | None = None
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """From numbers to paper: `low` lies at `begin`, `high` at `end`."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        """Where `value` lies on paper, to a tenth of a unit."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 1)

    def ticks(self, most: int = 6) -> tuple[Tick, ...]:
        """Round numbers within the scale."""
        step = _round_step((self.high - self.low) / most)
        first, last = int(np.ceil(self.low / step - 1e-9)), int(np.floor(self.high / step + 1e-9))
        return tuple(Tick(self(i * step), f"{i * step:.6g}") for i in range(first, last + 1))


def across(low: float, high: float) -> Scale:
    """The scale of an x axis."""
    return Scale(low, high, LEFT, WIDTH - RIGHT)


def upward(low: float, high: float) -> Scale:
    """The scale of a y axis."""
    return Scale(low, high, HEIGHT - BOTTOM, TOP)


def histogram(good: Sequence[float], defective: Sequence[float], threshold: float) -> Chart:
    """Scores of good frames upwards, of defective ones downwards, with the threshold."""
    everything = np.array([*good, *defective, threshold])
    low, top = float(everything.min()), float(everything.max())
    high = max(threshold, min(top, float(np.quantile(everything, 0.98)) * TAIL))
    low, high = (low, high) if high > low else (low - 0.5, low + 0.5)
    edges = np.linspace(low, high, BARS + 1)
    up, down = (np.histogram(np.minimum(scores, high), edges)[0] for scores in (good, defective))
    x, y = across(low, high), upward(-max(1, int(down.max())), max(1, int(up.max())))
    bars = [*_bars(up, edges, x, y, "good"), *_bars(-down, edges, x, y, "defective")]
    beyond = int((everything > high).sum())
    return Chart(
        title="Scores",
        x_label="raw score",
        y_label="frames: good up, defective down",
        x_ticks=x.ticks(),
        y_ticks=tuple(Tick(tick.at, tick.text.removeprefix("-")) for tick in y.ticks() if "." not in tick.text),
        bars=tuple(bars),
        rule=Mark(x(threshold), TOP, f"threshold {threshold:.4g}"),
        note=f"Frames beyond {high:.3g}, in the last bar: {beyond}, up to {top:.3g}." if beyond else "",
    )


def roc(good: Sequence[float], defective: Sequence[float], threshold: float) -> Chart:
    """Share of defective frames called, against share of good ones. Needs both."""
    scores, labels = labelled_scores(good, defective)
    false_calls, found, _ = roc_curve(labels, scores)
    here = (_share_above(good, threshold), _share_above(defective, threshold))
    return _curve("ROC", "good frames called", "defective frames called", false_calls, found, here, diagonal=True)


def precision_recall(good: Sequence[float], defective: Sequence[float], threshold: float) -> Chart:
    """Share of calls that are right, against share of defective frames called. Needs both."""
    scores, labels = labelled_scores(good, defective)
    precision, recall, _ = precision_recall_curve(labels, scores)
    called = scores > threshold
    here = (_share_above(defective, threshold), float(labels[called].mean())) if called.any() else None
    return _curve("Precision and recall", "defective frames called", "calls that are right", recall, precision, here)


def froc_chart(froc: Froc, threshold: tuple[float, float]) -> Chart:
    """Share of regions found, against false blobs a frame; `threshold` is the point of the bundle's own."""
    blobs = np.array([point.false_blobs for point in froc.points])
    found = np.array([point.found for point in froc.points])
    high = max(RATES[0], float(blobs.max()))
    return _curve("FROC", "false blobs a frame", "defect regions found", blobs, found, threshold, x_high=high)


def _curve(
    title: str,
    x_label: str,
    y_label: str,
    xs: Floats,
    ys: Floats,
    here: tuple[float, float] | None,
    *,
    x_high: float = 1.0,
    diagonal: bool = False,
) -> Chart:
    x, y = across(0, x_high), upward(0, 1)
    some = np.unique(np.linspace(0, len(xs) - 1, MOST_POINTS).astype(int))
    path = "M" + "L".join(f"{x(min(a, x_high))} {y(b)}" for a, b in zip(xs[some], ys[some], strict=True))
    mark = Mark(x(min(here[0], x_high)), y(here[1]), "at the threshold") if here else None
    return Chart(title, x_label, y_label, x.ticks(), y.ticks(), path, diagonal, mark=mark)


def _bars(counts: NDArray[np.int64], edges: Floats, x: Scale, y: Scale, side: str) -> list[Bar]:
    """One a count that is not 0, from the zero line up, or down where counts are negative."""
    return [
        Bar(
            x=x(left),
            y=min(y(0), y(count)),
            width=round(x(right) - x(left), 1),
            height=round(abs(y(count) - y(0)), 1),
            side=side,
            told=f"{abs(count)} {side} from {left:.4g} to {right:.4g}",
        )
        for count, left, right in zip(counts.tolist(), edges[:-1], edges[1:], strict=True)
        if count
    ]


def _share_above(scores: Sequence[float], threshold: float) -> float:
    return float((np.asarray(scores) > threshold).mean())


def _round_step(least: float) -> float:
    """The least of 1, 2, 5, 10 ... times a power of ten that is not below `least`."""
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9)))

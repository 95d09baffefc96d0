"""False alarms against delay: who buys the one with the other."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from streams_made import CORRELATIONS
from streams_table import Cells, per_cell, quantile, rate

CHANGE = "step 0.5 sd"
MARKS = {
    "Andon: CUSUM alone": ("o", "#0b6e4f"),
    "Andon: all three": ("*", "#0b6e4f"),
    "river ADWIN": ("s", "#b5651d"),
    "river Page-Hinkley": ("^", "#b5651d"),
    "river KSWIN": ("v", "#b5651d"),
    "PSI > 0.2, windows of 500": ("D", "#7a7a7a"),
    "CUSUM, textbook": ("x", "#7a7a7a"),
    "always fires": ("+", "#000000"),
}
LEAST = 1e-2


def draw(path: Path, cells: Cells, asked: float) -> None:
    """A panel an autocorrelation, a mark a marginal; the dotted line is what was asked for."""
    figure, panels = plt.subplots(1, len(CORRELATIONS), figsize=(11, 4), sharex=True, sharey=True)
    for panel, correlation in zip(panels, CORRELATIONS, strict=True):
        for row, (mark, colour) in MARKS.items():
            points = [_point(cell, row) for _, cell in per_cell(cells, [correlation])]
            panel.scatter(*zip(*points, strict=True), marker=mark, c=colour, s=45, alpha=0.8, label=row)
        panel.axvline(1e4 / asked, ls=":", c="#0b6e4f", lw=1)
        panel.set(xscale="log", yscale="log", title=f"autocorrelation {correlation:g}", ylim=(3, 6000))
        panel.set_xlabel("false alarms per 10,000 stable frames")
        panel.grid(alpha=0.2)
    panels[0].set_ylabel("median frames until 0.5 sd is told\n(6,000: not told)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=4, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.savefig(path, dpi=110)


def _point(cell: Any, row: str) -> tuple[float, float]:
    """False alarms and delay; a detector that fires anyway tells everything by its next alarm."""
    told, often = cell["changes"][CHANGE][row], rate(cell["quiet"]["none"][row])
    delay = quantile(told, 0.5) if told["delays"] else 1e4 / often / 2
    return max(often, LEAST), max(min(delay, 6000.0), 3.0)

"""The figures of streams.py as gates and tables, for people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from report import Table, write
from streams_made import CHANGES, CORRELATIONS, DAY, MARGINALS

Cells = Mapping[str, Any]
OURS = "Andon: "
SCENARIOS = ("values missing", "daily sine", "product switch")
MOST_US = 50.0


@dataclass(frozen=True)
class Gate:
    """What must be reached: `value` at least, or at most, `limit`."""

    what: str
    value: float
    limit: float
    least: bool = False

    @property
    def reached(self) -> bool:
        """As asked."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    def row(self) -> list[str]:
        """For the table."""
        sign = "at least" if self.least else "at most"
        return [self.what, f"{self.value:.3g}", f"{sign} {self.limit:g}", "PASS" if self.reached else "MISS"]


def per_cell(cells: Cells, correlations: Sequence[float] = CORRELATIONS) -> Iterator[tuple[str, Any]]:
    """Cells of these correlations, with their names."""
    for correlation in correlations:
        for name in MARGINALS:
            yield f"{name} {correlation:g}", cells[f"{name} {correlation:g}"]


def ratio(counted: Mapping[str, float], asked: float) -> float:
    """Achieved over asked run length; with no alarm at all, as if there had been one."""
    return counted["frames"] / max(counted["alarms"], 1) / asked


def rate(counted: Mapping[str, float]) -> float:
    """False alarms per 10,000 frames."""
    return 1e4 * counted["alarms"] / max(counted["frames"], 1)


def quantile(told: Mapping[str, Any], share: float) -> float:
    """Of the delays; inf where that stream missed it."""
    found = sorted(inf if delay is None else float(delay) for delay in told["delays"])
    return found[min(int(share * len(found)), len(found) - 1)] if found else inf


def slowest(cells: Cells, correlation: float, change: str, row: str) -> float:
    """The median delay of the marginal that is told last."""
    return max(quantile(cell["changes"][change][row], 0.5) for _, cell in per_cell(cells, [correlation]))


def gates(cells: Cells, costs: Mapping[str, Any], asked: float) -> list[Gate]:
    """Those of the issue, each over its worst cell."""
    rows = [row for row in next(iter(cells.values()))["quiet"]["none"] if row.startswith(OURS)]
    worst = {row: min(ratio(cell["quiet"]["none"][row], asked) for _, cell in per_cell(cells)) for row in rows}
    found = [Gate(f"achieved / asked run length, {row}, worst of 12 cells", at, 0.5, True) for row, at in worst.items()]
    for phi in CORRELATIONS:
        delay = max(
            quantile(cell["changes"]["step 0.5 sd"][f"{OURS}CUSUM alone"], 0.5) for _, cell in per_cell(cells, [phi])
        )
        if phi <= 0.5:
            found.append(Gate(f"step of 0.5 sd, median frames, autocorrelation {phi:g}, worst marginal", delay, 150))
        wider = slowest(cells, phi, "sd x 1.5", f"{OURS}W1 alone")
        found.append(Gate(f"sd x 1.5, median frames, autocorrelation {phi:g}, worst marginal", wider, 1000))
    switch = [cell["quiet"]["product switch"][f"{OURS}all three"] for _, cell in per_cell(cells)]
    told = {key: sum(each[key] for each in switch) for key in ("alarms", "frames")}
    found.append(Gate("achieved / asked run length while products change, all cells", ratio(told, asked), 0.5, True))
    return [*found, Gate("microseconds a number a frame", costs[f"{OURS}all three"]["us"], MOST_US)]


def tables(cells: Cells, costs: Mapping[str, Any], frames: int, asked: float) -> list[Table]:
    """Everything."""
    gate = Table("Gates", ["", "measured", "asked", ""], [each.row() for each in gates(cells, costs, asked)])
    return [gate, _achieved(cells, asked), _stable(cells, frames), _scenarios(cells), *_delays(cells), _costs(costs)]


def _achieved(cells: Cells, asked: float) -> Table:
    names = [name for name, _ in per_cell(cells)]
    rows = [row for row in cells[names[0]]["quiet"]["none"] if row.startswith(OURS)]
    body = [[row, *(f"{ratio(cells[name]['quiet']['none'][row], asked):.2f}" for name in names)] for row in rows]
    learned = ["frames learned from", *(f"{cells[name]['learned_from']:.0f}" for name in names)]
    remark = (
        f"One false alarm in {asked:,.0f} frames was asked of each chart alone, and of all three together, a third"
        " each. A hundred references a cell: the ratio is over all of them, good and bad."
    )
    return Table(
        "Achieved over asked run length, by marginal and autocorrelation", ["", *names], [*body, learned], remark
    )


def _pooled(cells: Cells, correlations: Sequence[float], scenario: str, row: str) -> str:
    told = [cell["quiet"][scenario].get(row) for _, cell in per_cell(cells, correlations)]
    known = [one for one in told if one]
    if not known:
        return ""
    alarms, frames = (sum(one[key] for one in known) for key in ("alarms", "frames"))
    return f"{rate({'alarms': alarms, 'frames': frames}):.2f}"


def _stable(cells: Cells, frames: int) -> Table:
    rows = list(next(iter(cells.values()))["quiet"]["none"])
    body = [[row, *(_pooled(cells, [phi], "none", row) for phi in CORRELATIONS)] for row in rows]
    remark = f"{frames:,} frames a cell and detector, four marginals together; KSWIN, which is slow, 10,000 a cell."
    head = ["", *(f"autocorrelation {phi:g}" for phi in CORRELATIONS)]
    return Table("False alarms per 10,000 stable frames", head, body, remark)


def _scenarios(cells: Cells) -> Table:
    rows = [row for row in next(iter(cells.values()))["quiet"]["none"] if "KSWIN" not in row]
    body = [[row, *(_pooled(cells, CORRELATIONS, scenario, row) for scenario in SCENARIOS)] for row in rows]
    remark = (
        "All cells. Values missing: a third of them. Daily sine: 0.5 sd up and down, a day of "
        f"{DAY:,} frames, two days in the reference (more where the charts asked for more). Product switch: another "
        "product every 1,000 frames; ours has a reference for each, others see one stream."
    )
    return Table("False alarms per 10,000 frames where nothing is wrong either", ["", *SCENARIOS], body, remark)


def _delays(cells: Cells) -> Iterator[Table]:
    for phi in CORRELATIONS:
        first = next(cell for _, cell in per_cell(cells, [phi]))
        rows = list(first["changes"]["step 0.5 sd"])
        body = [[row, *(_delay(cells, phi, change, row) for change in CHANGES)] for row in rows]
        remark = (
            "Four marginals together: 400 streams for ours, 120 for others, 12 for KSWIN (1,000 frames to find it in; "
            "4,000 for others, 7,000 for the ramp of 5,000). `-`: that many streams never told it. "
            "`fires anyway`: an alarm within the 100 frames before the change in more than half of the streams."
        )
        title = f"Frames until it was told, autocorrelation {phi:g}: median / 95 % (missed)"
        yield Table(title, ["", *CHANGES], body, remark)


def _delay(cells: Cells, phi: float, change: str, row: str) -> str:
    told = [cell["changes"][change].get(row) for _, cell in per_cell(cells, [phi])]
    known = [one for one in told if one]
    delays = {"delays": [delay for one in known for delay in one["delays"]]}
    early = sum(one["early"] for one in known)
    if not known:
        return ""
    if early > len(delays["delays"]):
        return "fires anyway"
    median, late = quantile(delays, 0.5), quantile(delays, 0.95)
    missed = np.mean([delay is None for delay in delays["delays"]])
    return f"{_frames(median)} / {_frames(late)}" + (f" ({max(missed, 0.01):.0%})" if missed else "")


def _frames(value: float) -> str:
    return f"{value:.0f}" if value < inf else "-"


def _costs(costs: Mapping[str, Any]) -> Table:
    body = [[row, f"{one['us']:.2f}", f"{one['bytes']:,.0f}"] for row, one in costs.items()]
    learn = costs[f"{OURS}all three"]["learn_s"]
    remark = f"Ours: a place of 11 numbers, all charts. Its reference of 10,000 frames is learned in {learn:.2f} s."
    return Table("Cost of one number", ["", "microseconds a frame", "bytes of state"], body, remark)


def _known(value: float) -> float | None:
    return value if value < inf else None


def write_table(
    path: Path, machine: Mapping[str, str], cells: Cells, costs: Mapping[str, Any], frames: int, asked: float
) -> None:
    """Markdown and JSON; the JSON holds counts, the median and the 95 % quantile (`late`), not every delay."""
    figures = {
        name: cell
        | {
            "changes": {
                change: {
                    row: {
                        "streams": len(told["delays"]),
                        "early": told["early"],
                        "missed": sum(delay is None for delay in told["delays"]),
                        "median": _known(quantile(told, 0.5)),
                        "late": _known(quantile(told, 0.95)),
                    }
                    for row, told in rows.items()
                }
                for change, rows in cell["changes"].items()
            }
        }
        for name, cell in cells.items()
    }
    write(
        path,
        "Drift in streams of one number",
        machine,
        tables(cells, costs, frames, asked),
        {"frames": frames, "asked": asked, "cells": figures, "costs": costs},
    )

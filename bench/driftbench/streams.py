"""Drift in streams of one number: false alarms, delays and costs of Andon's charts and of what others would use.

    python bench/driftbench/streams.py [--frames 1000000] [--only "normal 0.5"] [--anew]

A cell is a marginal and an autocorrelation. In each, a hundred streams have a reference of their own of 5,000 frames
(more where the charts ask for more) and are watched over a million stable frames and through every change. Cells that
were measured are kept in --cache. Needs river, and matplotlib for the picture. One core.

Writes bench/results/driftbench-streams.md, .json and .png.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HOME = Path(__file__).parents[2]
sys.path.insert(0, str(HOME / "bench"))

from machine import machine  # noqa: E402
from streams_made import CHANGES, CORRELATIONS, DAY, MARGINALS, Doubles, Marginal, Source, changed, dropped, sine  # noqa: E402
from streams_ours import LEAST, Alarm, Ours, alarms, learned  # noqa: E402
from streams_picture import draw  # noqa: E402
from streams_rivals import RIVALS, SLOW, Rival, costs  # noqa: E402
from streams_table import write_table  # noqa: E402

from andon.charts import BASE, Charts, Sample, learn  # noqa: E402
from andon.charts.learn import Learned  # noqa: E402
from andon.records.drift import Chart  # noqa: E402

RESULTS = HOME / "bench" / "results" / "driftbench-streams"
ASKED = 20_000.0
STREAMS, FEW, FEWEST = 100, 30, 3
SLOW_FRAMES, SLOW_HORIZON = 10_000, 1000
SLOW_CHANGES = ("step 0.5 sd", "step 1 sd", "sd x 1.5")
ALONE = {Chart.CUSUM: "Andon: CUSUM alone", Chart.EWMA: "Andon: EWMA alone", Chart.WASSERSTEIN: "Andon: W1 alone"}
TOGETHER = "Andon: all three"
Found = dict[str, list[Alarm]]


class Cell:
    """One marginal and one autocorrelation: `STREAMS` references, and what watches them."""

    def __init__(self, marginal: str, correlation: float, frames: int) -> None:
        self.marginal = Marginal.of(MARGINALS[marginal]())
        self.source = Source(self.marginal, correlation, np.random.default_rng([len(marginal), int(correlation * 10)]))
        self.frames = frames
        references: list[Doubles] = []

        def make(count: int) -> Doubles:
            references.append(self.source.stable(count, 1)[:, 0])
            return references[-1]

        self.alone = learned(make, STREAMS, ASKED)
        self.reference = np.stack([one[:LEAST] for one in references if len(one) == LEAST][:STREAMS], axis=1)
        self.together = learned(make, STREAMS, ASKED * len(ALONE))

    def ours(self, stream: Doubles) -> Found:
        """Alarms of ours: each chart alone at the asked run length, and all three sharing it."""
        found = {name: [] for name in ALONE.values()} | {
            ALONE[chart]: told for chart, told in alarms(self.alone, stream).items()
        }
        return found | {TOGETHER: _merged(alarms(self.together, stream).values())}

    def rivals(self, stream: Doubles, rivals: Mapping[str, Rival], streams: int) -> Found:
        """Alarms of others, on the first `streams` of them."""
        mean, sd = self.reference.mean(axis=0)[:streams], self.reference.std(axis=0)[:streams]
        reference = (self.reference[:, :streams] - mean) / sd
        scaled = (stream[:, :streams] - mean) / sd
        return {name: rival(reference, scaled) for name, rival in rivals.items()}


def _merged(found: Iterable[list[Alarm]]) -> list[Alarm]:
    """One after the other: what begins while another is open is no new alarm."""
    merged: list[Alarm] = []
    last: dict[int, int] = {}
    for alarm in sorted((alarm for each in found for alarm in each), key=lambda alarm: alarm.frame):
        if alarm.frame > last.get(alarm.column, -1):
            merged.append(alarm)
        last[alarm.column] = max(last.get(alarm.column, -1), alarm.until)
    return merged


def measure(name: str, correlation: float, frames: int) -> dict[str, Any]:
    """One cell."""
    cell = Cell(name, correlation, frames)
    told: dict[str, Any] = {"learned_from": cell.alone.learned_from, "quiet": quiet(cell), "changes": {}}
    for change, (effect, horizon) in CHANGES.items():
        stream, begin = changed(cell.source, effect, horizon, STREAMS)
        found = cell.ours(stream)
        rows = {row: delays(each, begin, horizon) for row, each in found.items()}
        rows |= {row: delays(each, begin[:FEW], horizon) for row, each in cell.rivals(stream, RIVALS, FEW).items()}
        if change in SLOW_CHANGES:
            short = stream[: begin[:FEWEST].max() + SLOW_HORIZON]
            rows |= {
                row: delays(each, begin[:FEWEST], SLOW_HORIZON)
                for row, each in cell.rivals(short, SLOW, FEWEST).items()
            }
        told["changes"][change] = rows
    return told


def quiet(cell: Cell) -> dict[str, Any]:
    """What nobody should be told of: false alarms by scenario and row."""
    each = cell.frames // STREAMS
    stable = cell.source.stable(each, STREAMS)
    told = {"none": {row: counted(found, stable.size) for row, found in cell.ours(stable).items()}}
    told["none"] |= {row: counted(found, stable.size) for row, found in cell.rivals(stable, RIVALS, STREAMS).items()}
    slow = cell.rivals(stable[: SLOW_FRAMES // FEWEST], SLOW, FEWEST)
    told["none"] |= {row: counted(found, SLOW_FRAMES) for row, found in slow.items()}
    part = cell.source.stable(each, STREAMS)
    missing = dropped(part, np.zeros((1, 1), dtype=np.int64), cell.marginal, cell.source.random)
    told["values missing"] = _both(cell, missing)
    return told | {"daily sine": daily(cell), "product switch": switched(cell)}


def _both(cell: Cell, stream: Doubles) -> dict[str, Any]:
    few = cell.rivals(stream, RIVALS, FEW)
    return {row: counted(found, stream.size) for row, found in cell.ours(stream).items()} | {
        row: counted(found, stream[:, :FEW].size) for row, found in few.items()
    }


def daily(cell: Cell) -> dict[str, Any]:
    """A daily course that the reference knows: days of DAY frames, so that 5,000 frames hold two."""
    ours = learned(lambda n: sine(cell.source.stable(n, 1), cell.marginal, DAY)[:, 0], FEW, ASKED * len(ALONE))
    stream = sine(cell.source.stable(4 * DAY, FEW), cell.marginal, DAY)
    rows = {TOGETHER: counted(_merged(alarms(ours, stream).values()), stream.size)}
    return rows | {row: counted(each, stream.size) for row, each in cell.rivals(stream, RIVALS, FEW).items()}


def switched(cell: Cell) -> dict[str, Any]:
    """Another product every 1,000 frames. Ours has a place, and so a reference, for each; others see one stream."""

    def other(frames: int, streams: int) -> Doubles:
        return cell.source.stable(frames, streams) * 1.5 + 2 * cell.marginal.sd

    first, second = cell.source.stable(5000, FEW), other(5000, FEW)
    of_second = learned(lambda n: other(n, 1)[:, 0], FEW, ASKED * len(ALONE))
    of_first = Ours(dict(list(cell.together.watched.items())[:FEW]), cell.together.frames[:FEW])
    found = [_merged(alarms(of_first, first).values()), _merged(alarms(of_second, second).values())]
    rows = {TOGETHER: counted([alarm for each in found for alarm in each], first.size + second.size)}
    mixed = np.concatenate([part[at : at + 1000] for at in range(0, 5000, 1000) for part in (first, second)])
    return rows | {row: counted(each, mixed.size) for row, each in cell.rivals(mixed, RIVALS, FEW).items()}


def counted(found: list[Alarm], frames: int) -> dict[str, float]:
    """Alarms, and the frames that were watched: not those while an alarm was open."""
    return {"alarms": len(found), "frames": frames - sum(alarm.until - alarm.frame for alarm in found)}


def delays(found: list[Alarm], begin: NDArray[np.int64], horizon: int) -> dict[str, Any]:
    """Frames from the change to the first alarm after it, None where there is none within `horizon`; streams in which
    an alarm was open, or began, within the last 100 frames before it are left out as `early`."""
    early = {alarm.column for alarm in found if alarm.frame <= begin[alarm.column] <= alarm.until + 100}
    first: dict[int, int] = {}
    for alarm in found:
        late = alarm.frame - int(begin[alarm.column])
        if 0 < late <= horizon:
            first[alarm.column] = min(first.get(alarm.column, late), late)
    return {"delays": [first.get(at) for at in range(len(begin)) if at not in early], "early": len(early)}


def cost() -> dict[str, dict[str, float]]:
    """Of a place with 11 numbers: microseconds a number a frame, bytes of state, seconds to learn; and of others."""
    source = Source(Marginal.of(MARGINALS["normal"]()), 0.5, np.random.default_rng(0))
    names = tuple(f"n{at}" for at in range(11))
    reference = source.stable(10_000, 11)
    started = time.perf_counter()
    found = learn(Sample(reference, names, np.zeros(10_000, dtype=np.bool_)), run_length=1e7, ewma=names[:1])
    took = time.perf_counter() - started
    assert isinstance(found, Learned)
    charts = Charts(Ours(found.watched).baseline(1e7))
    calm = np.zeros(BASE, dtype=np.bool_)
    stream = source.stable(50_000, 11)
    blocks = [Sample(stream[at : at + BASE], names, calm) for at in range(0, len(stream), BASE)]
    started = time.perf_counter()
    for block in blocks:
        charts.advance(block)
    spent = time.perf_counter() - started
    ours = {"us": 1e6 * spent / stream.size, "bytes": len(charts.dump()) / 11, "learn_s": took}
    return {TOGETHER: ours} | costs(stream[:, 0])


def main() -> None:
    """Every cell that is not measured yet, then the tables."""
    parser = argparse.ArgumentParser(description="Drift in streams of one number.")
    parser.add_argument("--frames", type=int, default=1_000_000, help="stable frames a cell")
    parser.add_argument("--only", default="", help="cells whose name holds this")
    parser.add_argument("--anew", action="store_true", help="measure again what was measured")
    parser.add_argument("--cache", type=Path, default=HOME / ".cache" / "driftbench" / "streams")
    told = parser.parse_args()
    told.cache.mkdir(parents=True, exist_ok=True)
    cells: dict[str, Any] = {}
    wanted = [(name, phi) for phi in CORRELATIONS for name in MARGINALS if told.only in f"{name} {phi:g}"]
    began = time.monotonic()
    for done, (name, phi) in enumerate(wanted, start=1):
        file = told.cache / f"{name} {phi:g} {told.frames}.json"
        if told.anew or not file.exists():
            file.write_text(json.dumps(measure(name, phi, told.frames)))
        cells[f"{name} {phi:g}"] = json.loads(file.read_text())
        print(f"{done}/{len(wanted)} {name}, autocorrelation {phi:g}: {time.monotonic() - began:.0f} s", flush=True)
    if not told.only:
        write_table(RESULTS, machine() | {"river": version("river")}, cells, cost(), told.frames, ASKED)
        draw(RESULTS.with_suffix(".png"), cells, ASKED)
        print(f"wrote {RESULTS}.md")


if __name__ == "__main__":
    main()

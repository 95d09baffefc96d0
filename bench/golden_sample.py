"""How well golden-sample mode finds the defects of real printed boards, and what a frame costs.

    ANDON_TEST_DATA=FOLDER python bench/golden_sample.py [--levels 24]

FOLDER/pcb holds binarised boards of 640x640 pixels: test/mixed/X is compared with its template test/good/X, which the
model must pick among all of test/good by itself. boxes.csv has the defects' boxes.

A blob is a connected component (8 neighbours) of the anomaly map above a level; a cell of the map is 4x4 pixels. A box
is found when a blob overlaps it, be it in one cell. A blob that touches no box is false. Below, one row a level; then
the same for the plain difference of the two pictures, unregistered, whose blobs are of pixels and have a least area.
Single-threaded; about half a minute.
"""

import argparse
import csv
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from report import Table
from rich.console import Console

from andon.inference import Model, open_model
from andon_training.evaluate.froc import Places, froc, point_at
from andon_training.golden_sample import Settings, reference_model
from andon_training.golden_sample.difference import MAP_CELL

Image = NDArray[np.uint8]
Box = tuple[int, int, int, int]
Maps = NDArray[np.float32]

FALSE_BLOBS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
LEAST_AREAS = (1, 5, 10, 15, 20, 30, 40, 60)  # pixels, of a plain difference's blobs
BATCHES = (1, 8)
ROUNDS = 7


@dataclass(frozen=True)
class Boards:
    """Frames and templates, uint8 [n, h, w, 1] each, in one order, and each frame's boxes (x1, y1, x2, y2)."""

    frames: Image
    templates: Image
    boxes: list[list[Box]]


def read_boards(folder: Path) -> Boards:
    """What `folder` holds."""
    names = sorted(file.stem for file in (folder / "test" / "mixed").iterdir())
    boxes: dict[str, list[Box]] = {name: [] for name in names}
    with (folder / "boxes.csv").open() as file:
        for row in csv.DictReader(file):
            boxes[row["image"]].append((int(row["x1"]), int(row["y1"]), int(row["x2"]), int(row["y2"])))
    return Boards(_read(folder / "test" / "mixed", names), _read(folder / "test" / "good", names), list(boxes.values()))


def _read(folder: Path, names: Sequence[str]) -> Image:
    images = [cv2.imread(str(folder / f"{name}.jpg"), cv2.IMREAD_GRAYSCALE) for name in names]
    return np.stack(images)[..., np.newaxis]


def places(anomaly_map: NDArray[np.float32], boxes: Sequence[Box], cell: int) -> Places:
    """What the curve needs of one map whose cells are `cell` pixels a side."""
    where = [(slice(y1 // cell, y2 // cell + 1), slice(x1 // cell, x2 // cell + 1)) for x1, y1, x2, y2 in boxes]
    defect = np.zeros(anomaly_map.shape, bool)
    for each in where:
        defect[each] = True
    return Places(anomaly_map, defect, np.array([anomaly_map[each].max() for each in where], np.float32))


def run(model: Model, boards: Boards) -> tuple[Maps, int]:
    """All maps, and how many frames were compared with another template than their own."""
    results = [model.session.run(["map", "reference"], {"frames": frame[np.newaxis]}) for frame in boards.frames]
    chosen = np.concatenate([reference for _, reference in results])
    return np.concatenate([one for one, _ in results]), int((chosen != np.arange(len(chosen))).sum())


def summary(frames: Sequence[Places]) -> Table:
    """The share of boxes found where false blobs are at most so many."""
    curve = froc(frames)
    assert curve is not None
    points = [(limit, curve.at(limit)) for limit in FALSE_BLOBS]
    rows = [[f"{limit:g}", f"{p.level:.1f}", f"{p.false_blobs:.2f}", f"{p.found:.2%}"] for limit, p in points]
    head = ["false blobs an image, at most", "level", "false blobs an image", "boxes found"]
    return Table(f"Printed boards: {curve.regions} boxes in {len(frames)} images", head, rows)


def whole_curve(frames: Sequence[Places], count: int) -> Table:
    """One row a level, in grey levels."""
    points = [point_at(frames, float(level)) for level in np.linspace(8, 8 * count, count)]
    rows = [[f"{p.level:.0f}", f"{p.found:.2%}", f"{p.false_blobs:.2f}"] for p in points]
    return Table("The curve, by level of the map", ["level", "boxes found", "false blobs an image"], rows)


def plain(boards: Boards) -> Table:
    """The yardstick: |frame - template| above 127, blobs of at least so many pixels."""
    rows = []
    for area in LEAST_AREAS:
        frames = [
            places(_large(cv2.absdiff(frame, template), area), boxes, 1)
            for frame, template, boxes in zip(boards.frames, boards.templates, boards.boxes, strict=True)
        ]
        point = point_at(frames, 0.5)
        rows.append([str(area), f"{point.found:.2%}", f"{point.false_blobs:.2f}"])
    return Table("The plain difference, by least area", ["pixels", "boxes found", "false blobs an image"], rows)


def _large(difference: Image, area: int) -> NDArray[np.float32]:
    """1 in connected components above 127 of at least `area` pixels, else 0."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((difference > 127).astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= area
    keep[0] = False
    large: NDArray[np.float32] = keep[labels].astype(np.float32)
    return large


def cost(model: Model, frames: Image) -> Table:
    """CPU-ms a frame on one thread, the least of ROUNDS."""
    rows = [[str(size), f"{_cpu_ms(lambda size=size: model.run(frames[:size])) / size:.1f}"] for size in BATCHES]
    return Table("CPU-ms a frame of the model, one thread", ["batch", "ms"], rows)


def _cpu_ms(act: Callable[[], object]) -> float:
    act()
    times = []
    for _ in range(ROUNDS):
        before = time.process_time()
        act()
        times.append((time.process_time() - before) * 1000)
    return min(times)


def main() -> None:
    """Runs it and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", type=int, default=24, help="rows of the curve, 8 grey levels apart")
    levels = parser.parse_args().levels
    console = Console()
    boards = read_boards(Path(os.environ["ANDON_TEST_DATA"]) / "pcb")
    model = open_model(reference_model(boards.templates.shape[1:], boards.templates, Settings()), threads=1)
    maps, strange = run(model, boards)
    frames = [places(*one, MAP_CELL) for one in zip(maps, boards.boxes, strict=True)]
    console.print(f"{Settings()}\n{strange} of {len(maps)} frames compared with another template than their own\n")
    for table in (summary(frames), whole_curve(frames, levels), plain(boards), cost(model, boards.frames)):
        table.show(console)


if __name__ == "__main__":
    main()

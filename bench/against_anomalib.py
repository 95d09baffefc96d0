"""The same PaDiM and PatchCore: anomalib's OpenVINO inferencer against Andon's bundles, on the same cores, in one run.

    .venvs/torch/bin/python bench/against_anomalib.py SET [SET ...] [--frames 60] [--rounds 7] [--cores 1]

SET is a folder in MVTec AD layout. Frames are prepared once, as RGB of 256x256, and given to both as uint8 arrays, so
that reading and resizing count for neither. ResNet-18 with random weights (the same ones), or MobileNetV2 with those of
`--weights FILE.onnx`; anomalib's defaults otherwise. Writes bench/results/against_anomalib.{json,md}, or
against_anomalib_mobilenet. Needs what `make train-env` installs.
"""

import argparse
import contextlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from machine import load, machine
from report import Table, write
from rival import SIZE, Rival, fitted
from sklearn.metrics import roc_auc_score

from andon.bundle import Bundle
from andon.images.limits import ImageLimits
from andon.images.opencv import configure_opencv
from andon.images.prepare import prepare
from andon.inference import Runtime, open_bundle, open_model
from andon.manifest import Training
from andon.preparation import Preparation
from andon_training.anomalib_models.trained import Trained, front_for
from andon_training.assemble import Inspection, assemble
from andon_training.evaluate.labelled import labelled_frames
from andon_training.export import ExportOptions, export
from andon_training.folder import good_frames
from andon_training.progress import silent
from andon_training.rounding.bundle import rounded_bundle
from andon_training.sample import evenly, prepared_frames

FOLDER = Path(__file__).parent / "results"
MODELS = ("padim", "patchcore")
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCHES = (1, 8)
TIMED = 24  # frames a round
PREPARATION = Preparation(width=SIZE, height=SIZE, channels=3)
RIVAL = "anomalib"
RAW = "PyTorch, raw scores"

Scorer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Row:
    """One way to run one model on one set; `auroc_raw` is that of the model in PyTorch, before any clamp.

    Images a second, from the best round, by batch.
    """

    set: str
    model: str
    way: str
    auroc: float
    auroc_raw: float
    per_s: dict[int, float]
    ratio: dict[int, float]
    megabytes: float


@dataclass(frozen=True)
class Pictures:
    """Prepared frames, uint8 [n, 256, 256, 3]: to fit on, and to test on, with what is defective."""

    train: list[Path]
    frames: np.ndarray
    defective: np.ndarray


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=60, help="good frames to fit on: PatchCore's coreset takes long")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--weights", type=Path, help="MobileNetV2's as ONNX: then on these, else on a random ResNet-18")
    asked = parser.parse_args()
    configure_opencv(ImageLimits().max_pixels)
    keep_to(asked.cores)
    again = {(folder.name, name) for folder in asked.sets for name in asked.models}
    results = FOLDER / ("against_anomalib" if asked.weights is None else "against_anomalib_mobilenet")
    rows = [row for row in known(results) if (row.set, row.model) not in again]
    for folder in asked.sets:
        for name in asked.models:
            rows += measured(folder, name, asked)
            title = "anomalib's OpenVINO inferencer and Andon's bundles"
            write(results, title, told(asked), [_table(rows)], {"rows": [asdict(row) for row in rows]})
    print(_table(rows).markdown())


def known(results: Path) -> list[Row]:
    """The rows of other sets and models, measured before."""
    path = results.with_suffix(".json")
    found = json.loads(path.read_text())["rows"] if path.exists() else []
    by_batch = ("per_s", "ratio")
    return [Row(**row | {name: {int(k): v for k, v in row[name].items()} for name in by_batch}) for row in found]


def keep_to(cores: int) -> None:
    """This process and all its threads, anomalib's too, on that many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])
    import torch

    torch.set_num_threads(cores)


def measured(folder: Path, name: str, asked: argparse.Namespace) -> list[Row]:
    """All rows of one model on one set."""
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        work = Path(place)
        pictures = prepared(folder, work / "frames", asked.frames)
        with contextlib.redirect_stdout(io.StringIO()):
            rival = fitted(name, work / "frames", work, asked.weights)
        bundles = {"float32": our_bundle(rival, name, pictures)}
        bundles |= in_int8(bundles["float32"], work / "frames")
        ways: dict[str, Scorer] = {RIVAL: rival.scores}
        sizes = {RIVAL: (work / "any/weights/openvino/model.bin").stat().st_size}
        for precision, bundle in bundles.items():
            for runtime in (Runtime.ONNXRUNTIME, Runtime.OPENVINO):
                model = open_bundle(bundle, runtime=runtime)
                ways[f"{precision}, {runtime}"] = scorer(model)
                sizes[f"{precision}, {runtime}"] = len(bundle.model) + len(bundle.backbone or b"")
        aurocs = {way: roc_auc_score(pictures.defective, score(pictures.frames)) for way, score in ways.items()}
        aurocs[RAW] = roc_auc_score(pictures.defective, rival.raw_scores(pictures.frames))
        speeds = timed(rival, ways, pictures.frames[:TIMED], asked.rounds)
        rows = [
            Row(
                set=folder.name,
                model=name,
                way=way,
                auroc=round(aurocs[way], 4),
                auroc_raw=round(aurocs[RAW], 4),
                per_s={batch: round(speeds[way, batch], 1) for batch in BATCHES},
                ratio={batch: round(speeds[way, batch] / speeds[RIVAL, batch], 2) for batch in BATCHES},
                megabytes=round(sizes[way] / 1e6, 1),
            )
            for way in ways
        ]
        for row in rows:
            print(row, flush=True)
        return rows


def scorer(model: object) -> Scorer:
    """A bundle's scores of frames, one at a time."""
    return lambda frames: np.concatenate([model.run(frame[None]).score for frame in frames])


def prepared(folder: Path, place: Path, count: int) -> Pictures:
    """The frames of `folder` as both will see them, written as PNG for anomalib to fit on."""
    train = [
        _written(place / "train/good", path.stem, tensor)
        for path, tensor in _tensors(evenly(good_frames(folder), count))
    ]
    frames, defective = [], []
    for each in labelled_frames(folder).frames:
        for _, tensor in _tensors([each.path]):
            _written(place / "test" / ("good" if each.good else "bad"), f"{each.kind}-{each.path.stem}", tensor)
            frames.append(tensor)
            defective.append(not each.good)
    return Pictures(train, np.stack(frames), np.array(defective))


def _tensors(paths: object) -> Iterator[tuple[Path, np.ndarray]]:
    for path in paths:
        yield path, prepare(path.read_bytes(), PREPARATION).tensor


def _written(place: Path, stem: str, tensor: np.ndarray) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{stem}.png"
    cv2.imwrite(str(path), cv2.cvtColor(tensor, cv2.COLOR_RGB2BGR))
    return path


def our_bundle(rival: Rival, name: str, pictures: Pictures) -> Bundle:
    """The very model that anomalib fitted, as a bundle, its threshold from the frames it was fitted on."""
    trained = Trained(name, rival.lightning.model, PREPARATION, front_for(3, *IMAGENET), {})
    exported = export(trained, ExportOptions())
    unread: list[str] = []
    read = list(prepared_frames(pictures.train, PREPARATION, unread, silent))
    model = open_model(exported.model, backbone=exported.backbone)
    held_out = np.concatenate([model.run(tensor[None]).score for _, tensor in read])
    made = Inspection(
        model=exported.model,
        backbone=exported.backbone,
        preparation=PREPARATION,
        frames=[frame for frame, _ in read],
        held_out=held_out,
        training=Training(method=name, extractor="resnet18", frames=len(read), frames_offered=len(read)),
        folds=1,
    )
    return assemble(made, budget=0.05, product=None, andon_version="bench")


def in_int8(bundle: Bundle, frames: Path) -> dict[str, Bundle]:
    """The bundle in int8, where `andon quantise` makes one."""
    found = rounded_bundle(bundle, "int8", good_frames(frames))
    for each in found.tries:
        print("int8 by", each.way, each.found, each.worst, flush=True)
    return {} if found.bundle is None else {"int8": found.bundle}


def timed(rival: Rival, ways: dict[str, Scorer], frames: np.ndarray, rounds: int) -> dict[tuple[str, int], float]:
    """Images a second by way and batch: the best of `rounds`, in each of which every way has its turn."""
    calls = {(way, batch): _calls(rival, way, score, frames, batch) for way, score in ways.items() for batch in BATCHES}
    best = dict.fromkeys(calls, 0.0)
    for _ in range(rounds + 1):
        for key, call in calls.items():
            began = time.perf_counter()
            call()
            best[key] = max(best[key], len(frames) / (time.perf_counter() - began))
    return best


def _calls(rival: Rival, way: str, score: Scorer, frames: np.ndarray, batch: int) -> Callable[[], object]:
    size = rival.batch(batch) if way == RIVAL else batch
    run = rival.run if way == RIVAL else score.__closure__[0].cell_contents.run
    batches = [frames[i : i + size] for i in range(0, len(frames), size)]
    return lambda: [run(each) for each in batches]


def told(asked: argparse.Namespace) -> dict[str, str]:
    """Where and how."""
    import anomalib
    import openvino

    return machine() | {
        "anomalib": anomalib.__version__,
        "openvino": openvino.__version__,
        "cores used": str(asked.cores),
        "weights": "ResNet-18, random, the same for all ways" if asked.weights is None else asked.weights.name,
        "fitted on": f"{asked.frames} good frames",
        "load at the end": load(),
    }


def _table(rows: list[Row]) -> Table:
    head = [
        "set, model, way",
        "AUROC",
        "of the model in PyTorch",
        "images/s, batch 1",
        "batch 8",
        "against anomalib, batch 1",
        "batch 8",
        "MB",
    ]
    cells = [
        [
            f"{row.set}, {row.model}, {row.way}",
            f"{row.auroc:.4f}",
            f"{row.auroc_raw:.4f}",
            *(f"{row.per_s[batch]:.1f}" for batch in BATCHES),
            *(f"{row.ratio[batch]:.2f}" for batch in BATCHES),
            f"{row.megabytes:.1f}",
        ]
        for row in rows
    ]
    remark = (
        "AUROC of anomalib is that of its own clamped scores. Its images a second are of its export of fixed size "
        "for one image at a time, of its default export for eight; PatchCore's exports take two images and no other "
        "number, so there both are of two at a time."
    )
    return Table("The same models, the same cores, the same run", head, cells, remark)


if __name__ == "__main__":
    main()

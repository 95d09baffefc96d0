"""The table nobody publishes: models by runtime and precision, what they find and what they cost.

    make bench-models DIRS="SET [SET ...]" ARGS="--models fit padim patchcore --weights random"

SET is a folder in MVTec AD layout. Every bundle is made by `andon fit` or `andon train`, rounded by `andon quantise`
and measured by `andon evaluate`, each in a process of its own, on one thread. Rows that bench/results/models.json has
are not measured again (--again does); bundles are kept in --work. Models of anomalib need what `make train-env`
installs; CUDA rows a card.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import onnxruntime
from machine import machine
from report import Table, write

from andon.bundle import read_bundle

RESULTS = Path(__file__).parent / "results" / "models"
WORK = Path(".cache/bench-models")
RESNET = ("--set", "backbone=resnet18")
LAYERS = {"padim": "layers=blocks.1,blocks.2,blocks.4", "patchcore": "layers=blocks.2,blocks.4"}
MOBILE = ("--set", "backbone=mobilenetv2_100", "--pixels", "symmetric")
RECIPES: dict[str, tuple[str, ...]] = {
    "fit": ("fit",),
    "padim": ("train", "padim", *RESNET),
    "padim-diagonal": ("train", "padim", *RESNET, "--diagonal"),
    "patchcore": ("train", "patchcore", *RESNET, "--set", "coreset_sampling_ratio=0.01", "--neighbours", "1"),
    "padim-mobilenet": ("train", "padim", *MOBILE, "--set", LAYERS["padim"], "--set", "n_features=100"),
    "patchcore-mobilenet": (
        *("train", "patchcore", *MOBILE, "--set", LAYERS["patchcore"]),
        *("--set", "coreset_sampling_ratio=0.01", "--neighbours", "1"),
    ),
    "stfpm": ("train", "stfpm", *RESNET),
    "fastflow": ("train", "fastflow", *RESNET),
    "efficient_ad": ("train", "efficient_ad"),
    "reverse_distillation": ("train", "reverse_distillation", *RESNET),
    "supersimplenet": ("train", "supersimplenet"),
    "dinomaly": ("train", "dinomaly"),
}
DEFAULT = ("fit", "padim", "padim-diagonal", "patchcore")
ON_CPU = (("cpu", "onnxruntime"), ("cpu", "openvino"))
HEAD = ("set, model", "weights", "runs on", "AUROC", "AUPRO", "CPU-ms", "ms, batch 1", "images/s a core, batch 8", "MB")


@dataclass(frozen=True)
class Row:
    """One bundle on one runtime. Milliseconds cover preparation and model of a frame, megabytes the whole bundle.

    `per_s`: of one core in batches of 8, on a card by the clock. `refused` says why there are no figures.
    """

    set: str
    model: str
    weights: str
    precision: str
    device: str
    runtime: str
    image_auroc: float | None = None
    aupro: float | None = None
    cpu_ms: float | None = None
    ms: float | None = None
    per_s: float | None = None
    megabytes: float | None = None
    refused: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from all others."""
        return self.set, self.model, self.weights, self.precision, self.device, self.runtime


def main() -> None:
    """Measures what is missing and writes after every row."""
    asked = _asked()
    rows = {} if asked.again else {row.key: row for row in known()}
    for folder in asked.sets:
        for name in asked.models:
            for row in measured(folder, name, asked, set(rows)):
                rows[row.key] = row
                print(_cells(row), flush=True)
                keep(list(rows.values()))
    keep(list(rows.values()))
    print(table(list(rows.values())).markdown())


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--models", nargs="+", default=list(DEFAULT), choices=list(RECIPES))
    parser.add_argument("--weights", default="random", help="for anomalib's models: a file, 'hub' or 'random'")
    parser.add_argument("--work", type=Path, default=WORK, help="where bundles are kept")
    parser.add_argument("--again", action="store_true", help="measure every row anew")
    return parser.parse_args()


def known() -> list[Row]:
    """The rows measured before."""
    path = RESULTS.with_suffix(".json")
    return [Row(**row) for row in json.loads(path.read_text())["rows"]] if path.exists() else []


def keep(rows: list[Row]) -> None:
    """Writes the table as it is now: what is measured is not lost when the rest is interrupted."""
    write(RESULTS, "Models, runtimes, precisions", machine(), [table(rows)], {"rows": [asdict(row) for row in rows]})


def measured(folder: Path, name: str, asked: argparse.Namespace, done: set[tuple[str, ...]]) -> Iterator[Row]:
    """The rows of one model on one set that are not `done`."""
    weights = "Andon's own" if name == "fit" else Path(asked.weights).name
    wanted = [row for row in _wanted(folder.resolve().name, name, weights) if row.key not in done]
    if not wanted:
        return
    exact = made(folder, name, asked)
    if exact is None:
        yield from (_refused(row, "it could not be made: see above") for row in wanted)
        return
    bundles: dict[str, Path | str] = {"float32": exact}
    for row in wanted:
        if row.precision not in bundles:
            bundles[row.precision] = rounded(exact, row.precision, folder)
        bundle = bundles[row.precision]
        yield _refused(row, bundle) if isinstance(bundle, str) else evaluated(row, bundle, folder)


def _wanted(folder: str, name: str, weights: str) -> Iterator[Row]:
    for precision in ("float32", "int8"):
        for device, runtime in ON_CPU:
            yield Row(folder, name, weights, precision, device, runtime)
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers() and Path("/dev/nvidiactl").exists():
        for precision in ("float32", "float16"):
            yield Row(folder, name, weights, precision, "cuda", "onnxruntime")


def made(folder: Path, name: str, asked: argparse.Namespace) -> Path | None:
    """The bundle of a model, made now or before; None where that fails."""
    command, *rest = RECIPES[name]
    if command == "train" and find_spec("anomalib") is None:
        print(f"{name}: no anomalib in this environment; make train-env installs it", file=sys.stderr)
        return None
    own = {"hub": ["--download"]}.get(asked.weights, ["--weights", asked.weights]) if command == "train" else []
    model = rest[:1] if command == "train" else []
    path = asked.work / f"{folder.resolve().name}-{name}-{Path(asked.weights).stem if own else 'own'}.andon"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        andon(command, *model, str(folder), *rest[len(model) :], *own, "--out", str(path), "--budget", "1 per 100")
    return path if path.exists() else None


def rounded(exact: Path, precision: str, folder: Path) -> Path | str:
    """The bundle in fewer bits, or why `andon quantise` refuses it."""
    path = exact.with_name(f"{exact.stem}-{precision}.andon")
    if path.exists() and read_bundle(path).manifest.provenance.quantised_from == read_bundle(exact).digest:
        return path
    path.unlink(missing_ok=True)
    frames = ("--good", str(folder), "--test", str(folder))
    told = andon("quantise", str(exact), f"--{precision}", *frames, "--out", str(path))
    if path.exists():
        return path
    return "; ".join(f"{each['way']}: {each['reason']}" for each in told["tries"]) if told else "see above"


def evaluated(row: Row, bundle: Path, folder: Path) -> Row:
    """`row` with what `andon evaluate` finds; refused where the bundle fails its own gate there."""
    where = ("--device", row.device, "--runtime", row.runtime)
    proof = andon("verify", str(bundle), *where)
    if not proof or not proof["passed"]:
        why = proof["failures"][0] if proof else "see above"
        return _refused(row, f"it fails its gate there: {why}")
    found = andon("evaluate", str(bundle), str(folder), *where, "--no-report")
    if not found:
        return _refused(row, "it could not be evaluated: see above")
    batch_8 = found.get("cpu_ms_batch_8" if row.device == "cpu" else "ms_median_batch_8")
    return Row(
        *row.key,
        image_auroc=found["image_auroc"],
        aupro=found["aupro"],
        cpu_ms=found["cpu_ms"],
        ms=found["ms_median"],
        per_s=1000 / batch_8 if batch_8 else None,
        megabytes=bundle.stat().st_size / 1e6,
    )


def andon(*command: str) -> dict | None:
    """The last line of a command as JSON; None where it says nothing. What it tells people goes on to them."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "andon", *command, "--json"], stdout=subprocess.PIPE, env=environment, check=False
    )
    lines = run.stdout.splitlines()
    return json.loads(lines[-1]) if lines else None


def _refused(row: Row, why: str) -> Row:
    return Row(*row.key, refused=why)


def table(rows: list[Row]) -> Table:
    """The rows for people."""
    remark = (
        "One thread. Milliseconds cover preparation and model, of the median frame. CPU-ms, and images a second of a "
        "core that does nothing else (on a card: by the clock), tell what it costs; ms by the clock include what else "
        "ran here. Rows with random weights tell speed, and what rounding costs; not what the model can find."
    )
    return Table("Models, runtimes, precisions", HEAD, [_cells(row) for row in rows], remark)


def _cells(row: Row) -> list[str]:
    name, where = f"{row.set}, {row.model}", f"{row.runtime} {row.precision}, {row.device}"
    if row.refused:
        return [name, row.weights, where, f"refused: {row.refused}", "", "", "", "", ""]
    return [
        name,
        row.weights,
        where,
        _number(row.image_auroc, 4),
        _number(row.aupro, 3),
        _number(row.cpu_ms, 1),
        _number(row.ms, 1),
        _number(row.per_s, 1),
        _number(row.megabytes, 1),
    ]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()

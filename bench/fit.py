"""What `andon fit` reaches on labelled sets: every extractor, float32 and int8, through the commands a user runs.

    python bench/fit.py SET [SET ...] [--backbone FILE.onnx ...] [--budget "1 per 100"]

SET is a folder in MVTec AD layout. Writes bench/results/fit.json and prints a table. Each row is one `andon fit` and
one `andon evaluate`, one after the other, each in a process of its own, so that time and memory are its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "fit.json"
TABLE = RESULTS.with_suffix(".md")
FILTER_BANK = "filter-bank"
HEAD = """# What `andon fit` reaches

Made by `bench/fit.py`: each row one `andon fit`, nothing decided beforehand, and one `andon evaluate`. CPU-ms cover
decode, preparation and model, on one thread. False calls: those on good frames not seen before, those asked for, and
between which rates the fit said the truth lies (90 % sure). Where int8 would have lost too much, its row says float32.

| set | extractor | | AUROC | AUPRO | false calls: got, asked, stated | escapes | CPU-ms, batch 1 / 8 | MB | fit |
|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One bundle: how it was made, what that cost, and what it is worth."""

    set: str
    extractor: str
    precision: str
    image_auroc: float | None
    pixel_auroc: float | None
    aupro: float | None
    budget: float
    false_call_rate: float | None
    stated: tuple[float, float]
    escape_rate: float | None
    cpu_ms: float
    cpu_ms_batch_8: float
    megabytes: float
    fit_seconds: float
    fit_mebibytes: float
    plan: str


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--backbone", action="append", default=[], help="a feature extractor to compare, ONNX")
    parser.add_argument("--budget", default="1 per 100")
    asked = parser.parse_args()
    rows = []
    print(HEAD, end="")
    for folder in asked.sets:
        for extractor in (None, FILTER_BANK, *asked.backbone):
            for int8 in (False, True):
                rows.append(measured(folder, extractor, int8, asked.budget))
                print(_cells(rows[-1]), end="", flush=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    TABLE.write_text(table(rows))
    print(f"wrote {RESULTS} and {TABLE}")


def measured(folder: Path, extractor: str | None, int8: bool, budget: str) -> Row:
    """One row."""
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        bundle = Path(place, "b.andon")
        options = ["--budget", budget, *(["--backbone", extractor] if extractor else []), *(["--int8"] if int8 else [])]
        fitted, seconds, mebibytes = told("fit", str(folder), "--out", str(bundle), *options)
        found, _, _ = told("evaluate", str(bundle), str(folder), "--no-report", threads=1)
        training, calibration = fitted["training"], fitted["calibration"]
        return Row(
            set=folder.name,
            extractor=training["extractor"],
            precision=training["precision"],
            image_auroc=found["image_auroc"],
            pixel_auroc=found["pixel_auroc"],
            aupro=found["aupro"],
            budget=calibration["budget"],
            false_call_rate=found["false_call_rate"],
            stated=(calibration["interval"]["low"], calibration["interval"]["high"]),
            escape_rate=found["escape_rate"],
            cpu_ms=found["cpu_ms"],
            cpu_ms_batch_8=found["cpu_ms_batch_8"],
            megabytes=bundle.stat().st_size / 1e6,
            fit_seconds=seconds,
            fit_mebibytes=mebibytes,
            plan=next(tried["plan"] for tried in training["candidates"] if tried["chosen"]),
        )


def told(*command: str, threads: int | None = None) -> tuple[dict, float, float]:
    """The command's last line as JSON, its wall time in seconds, its peak memory in MiB."""
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "andon", *command, "--json"], stdout=subprocess.PIPE, env=environment
    )
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"andon {' '.join(command)} failed")
    return json.loads(out.splitlines()[-1]), time.monotonic() - began, usage.ru_maxrss / 1024


def table(rows: list[Row]) -> str:
    """The rows for people, as Markdown."""
    return HEAD + "".join(_cells(row) for row in rows)


def _cells(row: Row) -> str:
    low, high = row.stated
    aupro = "" if row.aupro is None else f"{row.aupro:.3f}"
    return (
        f"| {row.set} | {row.extractor.removesuffix('.onnx')} | {row.precision} | {row.image_auroc:.4f} | {aupro} "
        f"| {row.false_call_rate:.1%}, {row.budget:.1%}, {low:.1%} to {high:.1%} | {row.escape_rate:.1%} "
        f"| {row.cpu_ms:.1f} / {row.cpu_ms_batch_8:.1f} | {row.megabytes:.1f} "
        f"| {row.fit_seconds:.0f} s, {row.fit_mebibytes:.0f} MiB |\n"
    )


if __name__ == "__main__":
    main()

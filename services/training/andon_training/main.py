"""`andon fit` and `andon verify`: wiring and words."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from andon.bundle import SUFFIX, Bundle, read_bundle, write_bundle
from andon.errors import Mistake
from andon.records.score import Verdict
from andon.run import andon_version

DEFAULT_BUDGET = "2 per 1000"
BLIND = "it finds none of the defects drawn into a good frame; the good frames may differ too much from each other"


def fit(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Images of good parts, or an MVTec AD folder.")],
    out: Annotated[Path | None, typer.Option(help="Where the bundle goes; default: the folder's name + .andon")] = None,
    budget: Annotated[str, typer.Option(help="Good parts that may be called anomalous.")] = DEFAULT_BUDGET,
    size: Annotated[int, typer.Option(help="Side of the square the model sees, in pixels.")] = 256,
    grey: Annotated[
        bool | None, typer.Option("--grey/--colour", help="What the model sees; default: the frames decide.")
    ] = None,
    product: Annotated[str | None, typer.Option(help="The product the frames show.")] = None,
    store: Annotated[str | None, typer.Option(help="A bundle store to put it in, too: any fsspec URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Turn good frames into a bundle: no download, no GPU, no defect needed."""
    from andon.images.limits import ImageLimits
    from andon.images.opencv import configure_opencv

    configure_opencv(ImageLimits().max_pixels)
    from andon.store import BundleStore
    from andon_training.calibrate import parse_budget
    from andon_training.fit import FitSettings, fit_bundle
    from andon_training.folder import good_frames

    began = time.monotonic()
    settings = FitSettings(parse_budget(budget), size, grey, product)
    sources = good_frames(folder)
    path = out or Path(folder.resolve().name + SUFFIX)
    if path.is_dir():
        raise Mistake(f"{path}: is a folder; name the bundle's file")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with _bar(console) as bar:
        bundle = fit_bundle(
            sources,
            settings,
            andon_version=andon_version(),
            created_at=datetime.now(UTC),
            progress=_shown(bar),
        )
    write_bundle(bundle, path)
    if store is not None:
        BundleStore(store).put(bundle)
    _tell_fit(console, bundle, path, time.monotonic() - began, store)
    if as_json:
        typer.echo(json.dumps(_fit_record(bundle, path, time.monotonic() - began)))


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle file.")],
    device: Annotated[str, typer.Option(help="cpu, cuda or auto: where it will serve.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Prove that a bundle gives here what it gave when it was made: exit status 0, else 1."""
    from andon.gate import run_gate
    from andon.inference import Device, open_model

    if device not in list(Device):
        raise Mistake(f"device {device!r}: cpu, cuda or auto")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    proven = read_bundle(bundle)
    model = open_model(proven.model, Device(device))
    result = run_gate(proven, model)
    for golden in result.results:
        console.print(f"[{'red' if golden.reason else 'green'}]{'fails' if golden.reason else 'agrees'}[/] {golden}")
    console.print(f"bundle {proven.digest[:12]} on {model.provider}: {result if result.passed else 'refused'}")
    if as_json:
        failures = [str(failure) for failure in result.failures]
        record = {"digest": proven.digest, "passed": result.passed, "golden": len(result.results), "failures": failures}
        typer.echo(json.dumps(record))
    raise typer.Exit(0 if result.passed else 1)


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _shown(bar: Progress) -> Callable[[str, int, int], None]:
    tasks = {step: bar.add_task(step, total=None) for step in ("reading", "learning", "proving")}

    def show(step: str, done: int, of: int) -> None:
        bar.update(tasks[step], completed=done, total=of)

    return show


def _tell_fit(console: Console, bundle: Bundle, path: Path, seconds: float, store: str | None) -> None:
    manifest = bundle.manifest
    training, calibration, interval = manifest.training, manifest.calibration, manifest.calibration.interval
    size = path.stat().st_size / 1e6
    console.print(f"[bold]{path}[/bold]  {size:.1f} MB  {seconds:.1f} s\nbundle {bundle.digest}")
    console.print(
        f"{training.frames} of {training.frames_offered} good frames, "
        f"{'grey' if manifest.preparation.channels == 1 else 'colour'} "
        f"{manifest.preparation.width}x{manifest.preparation.height}, {len(manifest.golden)} golden frames"
    )
    console.print(
        f"threshold {manifest.threshold:.4g} by {calibration.method}: {calibration.budget:.3g} of good frames "
        f"asked for, truly between {interval.low:.2g} and {interval.high:.2g} ({interval.confidence:.0%} sure)"
    )
    for name in training.unreadable:
        console.print(f"[yellow]skipped[/yellow] {escape(name)}")
    blind = [] if any(golden.verdict is Verdict.ANOMALOUS for golden in manifest.golden) else [BLIND]
    for warning in (*calibration.warnings, *blind):
        console.print(f"[yellow]warning[/yellow] {warning}")
    then = (
        f"andon assign STATION {bundle.digest}" if store else f"andon verify {path}, or fit with --store to assign it"
    )
    console.print(f"next: [bold]{then}[/bold]")


def _fit_record(bundle: Bundle, path: Path, seconds: float) -> dict[str, object]:
    manifest = bundle.manifest
    return {
        "bundle": str(path),
        "digest": bundle.digest,
        "threshold": manifest.threshold,
        "calibration": manifest.calibration.model_dump(mode="json"),
        "frames": manifest.training.frames,
        "unreadable": list(manifest.training.unreadable),
        "channels": manifest.preparation.channels,
        "size": manifest.preparation.width,
        "bytes": path.stat().st_size,
        "seconds": round(seconds, 2),
    }

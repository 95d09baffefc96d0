"""`andon calibrate`: another false-call budget for a bundle, without fitting it again."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from andon.bundle import SUFFIX, Bundle, read_bundle, write_bundle
from andon.errors import Mistake
from andon.records.score import Verdict
from andon_training.commands.guard import guard_images
from andon_training.commands.words import console_for_people, progress_bar, shown

if TYPE_CHECKING:
    from andon.inference import Model
    from andon_training.recalibrate import FreshScores

BLIND = "no golden frame is anomalous at this threshold: it may miss defects that the bundle was proven to find"


def calibrate(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle file.")],
    budget: Annotated[str, typer.Option(help="Good parts that may be called anomalous, such as '1 per 500'.")],
    good: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Images of good parts it was not fitted on, in the order they were taken."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the new bundle goes; default: beside it, NAME-budget-SHARE.andon.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="A bundle store to put it in, too: any fsspec URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Move a bundle's threshold to another false-call budget: the same model, a new digest, nothing fitted.

    Example: andon calibrate weld.andon --budget "1 per 500"
    """
    guard_images()
    from andon.budget import parse_budget
    from andon.inference import open_bundle
    from andon.store import BundleStore
    from andon_training.recalibrate import recalibrated

    share = parse_budget(budget)
    path = _out(bundle, share, out)
    before = read_bundle(bundle)
    model = open_bundle(before)
    console = console_for_people()
    fresh = _fresh(good, before, model, console) if good is not None else None
    sample = fresh.sample if fresh else None
    after = recalibrated(before, share, model, fresh=sample, created_at=datetime.now(UTC))
    write_bundle(after, path)
    if store is not None:
        BundleStore(store).put(after)
    _tell(console, before, after, path, fresh.left_out if fresh else (), store)
    if as_json:
        typer.echo(json.dumps(_record(before, after, path)))


def _out(bundle: Path, budget: float, out: Path | None) -> Path:
    """Where the new bundle goes. Raises Mistake rather than overwrite the one it comes from."""
    path = out or bundle.with_name(f"{bundle.name.removesuffix(SUFFIX)}-budget-{budget:.6g}{SUFFIX}")
    if path.is_dir():
        raise Mistake(f"{path}: is a folder; name the new bundle's file")
    if path.resolve() == bundle.resolve():
        raise Mistake(f"{path}: is the bundle itself, which stays as it is; name another file with --out")
    return path


def _fresh(folder: Path, bundle: Bundle, model: "Model", console: Console) -> "FreshScores":
    from andon_training.folder import good_frames
    from andon_training.recalibrate import score_fresh

    with progress_bar(console) as bar:
        return score_fresh(good_frames(folder), bundle.manifest, model, shown(bar, ("scoring",)))


def _tell(
    console: Console, before: Bundle, after: Bundle, path: Path, left_out: Sequence[str], store: str | None
) -> None:
    from andon_training.recalibrate import flipped

    old, new = before.manifest, after.manifest
    found, interval = new.calibration, new.calibration.interval
    console.print(f"[bold]{escape(str(path))}[/bold]\nbundle {after.digest}, from {before.digest[:12]}")
    console.print(
        f"threshold {old.threshold:.4g} becomes {new.threshold:.4g} by {found.method} from {found.good_frames} "
        f"{found.source} good frames: {found.budget:.3g} of good frames asked for (before: "
        f"{old.calibration.budget:.3g}), truly between {interval.low:.2g} and {interval.high:.2g} "
        f"({interval.confidence:.0%} sure)"
    )
    lost = len(old.golden) - len(new.golden)
    console.print(
        f"{len(flipped(old, new))} of {len(new.golden)} golden frames get the other verdict; "
        f"{lost} {'is' if lost == 1 else 'are'} too near the threshold and left out"
    )
    for name in left_out:
        console.print(f"[yellow]skipped[/yellow] {escape(name)}")
    blind = [] if any(golden.verdict is Verdict.ANOMALOUS for golden in new.golden) else [BLIND]
    for warning in (*found.warnings, *blind):
        console.print(f"[yellow]warning[/yellow] {warning}")
    then = f"andon assign STATION {after.digest}" if store else f"andon verify {path}, or --store to assign it"
    console.print(f"next: [bold]{escape(then)}[/bold]")


def _record(before: Bundle, after: Bundle, path: Path) -> dict[str, object]:
    from andon_training.recalibrate import flipped

    old, new = before.manifest, after.manifest
    return {
        "bundle": str(path),
        "digest": after.digest,
        "recalibrated_from": before.digest,
        "threshold": new.threshold,
        "threshold_before": old.threshold,
        "budget_before": old.calibration.budget,
        "calibration": new.calibration.model_dump(mode="json"),
        "golden": len(new.golden),
        "golden_left_out": len(old.golden) - len(new.golden),
        "golden_flipped": list(flipped(old, new)),
    }

"""`andon quantise`: a bundle in fewer bits, where it sees as well."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from andon.bundle import SUFFIX, Bundle, read_bundle, write_bundle
from andon.errors import Mistake
from andon_training.commands.guard import guard_images
from andon_training.commands.words import console_for_people, progress_bar, shown

if TYPE_CHECKING:
    from andon_training.rounding.bundle import Rounded
    from andon_training.rounding.tries import Try


def quantise(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle file, in float32.")],
    good: Annotated[
        Path, typer.Option(metavar="DIR", help="Images of good parts, better ones it was not made from: 100 or more.")
    ],
    int8: Annotated[bool, typer.Option("--int8", help="For CPUs: what sees, in 8 bits.")] = False,
    float16: Annotated[bool, typer.Option("--float16", help="For GPUs: half the size.")] = False,
    test: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Labelled frames in MVTec AD layout; default: defects are drawn."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the new bundle goes; default: beside it, NAME-int8.andon.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="A bundle store to put it in, too: any fsspec URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Round a bundle's model to int8 or float16, if it still sees as well: a new bundle, or exit status 1 and why not.

    Accepted: at most 0.005 of AUROC lost, and no score near the threshold moved by more than 10 % of it.
    Example: andon quantise weld.andon --int8 --good more-good-frames/
    """
    guard_images()
    from andon.store import BundleStore
    from andon_training.folder import good_frames
    from andon_training.rounding.bundle import STEPS, rounded_bundle

    precision = _precision(int8=int8, float16=float16)
    path = _out(bundle, precision, out)
    before = read_bundle(bundle)
    console = console_for_people()
    with progress_bar(console) as bar:
        progress = shown(bar, STEPS)
        found = rounded_bundle(
            before, precision, good_frames(good), test, created_at=datetime.now(UTC), progress=progress
        )
    if found.bundle is not None:
        write_bundle(found.bundle, path)
        if store is not None:
            BundleStore(store).put(found.bundle)
    _tell(console, before, found, path)
    if as_json:
        typer.echo(json.dumps(_record(before, found, path)))
    raise typer.Exit(0 if found.bundle is not None else 1)


def _precision(*, int8: bool, float16: bool) -> Literal["int8", "float16"]:
    if int8 == float16:
        raise Mistake("say one of --int8, for CPUs, and --float16, for GPUs")
    return "int8" if int8 else "float16"


def _out(bundle: Path, precision: str, out: Path | None) -> Path:
    """Where the new bundle goes. Raises Mistake rather than overwrite the one it comes from."""
    path = out or bundle.with_name(f"{bundle.name.removesuffix(SUFFIX)}-{precision}{SUFFIX}")
    if path.is_dir():
        raise Mistake(f"{path}: is a folder; name the new bundle's file")
    if path.resolve() == bundle.resolve():
        raise Mistake(f"{path}: is the bundle itself, which stays as it is; name another file with --out")
    return path


def _tell(console: Console, before: Bundle, found: "Rounded", path: Path) -> None:
    defects = "real" if found.real_defects else "drawn"
    for each in found.tries:
        console.print(f"tried  {escape(_told(each, defects))}", markup=True)
    if found.bundle is None:
        console.print(f"[red]refused[/red] bundle {before.digest[:12]} stays in float32")
        return
    size = len(found.bundle.model) + len(found.bundle.backbone or b"")
    was = len(before.model) + len(before.backbone or b"")
    new, old = found.bundle.manifest, before.manifest
    console.print(f"[bold]{escape(str(path))}[/bold]\nbundle {found.bundle.digest}, from {before.digest[:12]}")
    console.print(
        f"chosen {found.way}: model {was / 1e6:.1f} MB becomes {size / 1e6:.1f} MB, "
        f"threshold {old.threshold:.4g} becomes {new.threshold:.4g} by {escape(found.scores_from)}"
    )
    console.print(f"golden frames: {len(new.golden)} of {len(old.golden)}, proven within {new.tolerance.relative:.1%}")
    for warning in new.calibration.warnings:
        console.print(f"[yellow]warning[/yellow] {warning}")
    console.print(f"next: [bold]{escape(f'andon verify {path} --runtime auto')}[/bold]")


def _told(each: "Try", defects: str) -> str:
    found = each.found
    after = "none" if found.auroc_after is None else f"{found.auroc_after:.4f}"
    band = "" if found.band is None else f", scores moved by up to {found.band:.1%} of the threshold"
    worst = f" ({each.worst})" if each.worst else ""
    why = f": {found.reason}" if found.reason else ""
    costs = f"AUROC {found.auroc_float32:.4f} becomes {after} on {defects} defects{band}"
    return f"{found.precision} by {each.way}: {costs}{worst}{why}"


def _record(before: Bundle, found: "Rounded", path: Path) -> dict[str, object]:
    bundle = found.bundle
    return {
        "bundle": str(path) if bundle else None,
        "digest": bundle.digest if bundle else None,
        "quantised_from": before.digest,
        "way": found.way or None,
        "defects": "real" if found.real_defects else "drawn",
        "tries": [
            {"way": each.way, **each.found.model_dump(mode="json"), "worst": str(each.worst) if each.worst else None}
            for each in found.tries
        ],
        "threshold": bundle.manifest.threshold if bundle else None,
        "threshold_before": before.manifest.threshold,
        "tolerance": bundle.manifest.tolerance.relative if bundle else None,
        "scores_from": found.scores_from or None,
    }

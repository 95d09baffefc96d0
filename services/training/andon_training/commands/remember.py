"""`andon remember`: a confirmed false call is not called again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape

from andon.bundle import SUFFIX, Bundle, write_bundle
from andon.errors import Mistake
from andon_training.commands.guard import guard_images
from andon_training.commands.replaying import station as station_of
from andon_training.commands.words import console_for_people, progress_bar, shown

if TYPE_CHECKING:
    from andon_training.memory.work import Worked


def remember(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="A bundle file, or the digest of one in the store.")],
    station: Annotated[str, typer.Option(metavar="STATION", help="The station whose reviewed frames are meant.")],
    frame: Annotated[
        list[UUID] | None, typer.Option(metavar="ID", help="A false call to remember; as often as you like.")
    ] = None,
    from_reviewed: Annotated[
        bool, typer.Option("--from-reviewed", help="All false calls that people have confirmed there.")
    ] = False,
    product: Annotated[str | None, typer.Option(help="Only frames of this product; default: the bundle's.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the new bundle goes; default: beside it, NAME-remembers.andon.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="A bundle store to put it in, too: any fsspec URL.")] = None,
    even_so: Annotated[
        bool, typer.Option("--even-so", help="Keep the new bundle though it loses known defects.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Teach a bundle that a false call is good: a new bundle in seconds, nothing trained, the threshold as it was.

    For bundles with a memory: andon fit --method memory-bank, and patchcore of andon train. What looked anomalous on
    the false call joins the memory, at most 600 cells of it; so no part scores higher than before, and at most the
    budget's share of good parts is called. A defect that looks like the false call is lost, too: so every frame that
    people have judged is scored again, before and after. One lost known defect ends it with status 1, nothing stored.

    Example: andon remember weld.andon --station weld-07 --from-reviewed; then: andon shadow weld-07 DIGEST
    """
    guard_images()
    from andon.settings import load
    from andon.store import BundleStore
    from andon_training.memory.remember import STEPS
    from andon_training.memory.work import remembered
    from andon_training.places import ReviewedSettings
    from andon_training.replay.candidate import find_bundle
    from andon_training.reviewed import judged_frames

    named, name = _asked(frame, from_reviewed), station_of(station)
    settings = load(ReviewedSettings)
    path = _out(bundle, out)
    before = find_bundle(bundle, BundleStore.of(settings.store))
    console = console_for_people()
    with progress_bar(console) as bar:
        worked = remembered(
            before,
            judged_frames(settings.evidence.url, name),
            named,
            name,
            product or before.manifest.product,
            created_at=datetime.now(UTC),
            progress=shown(bar, STEPS),
        )
    stored = even_so or not worked.scored.lost
    if stored:
        write_bundle(worked.found.bundle, path)
        if store is not None:
            BundleStore(store).put(worked.found.bundle)
    _tell(console, before, worked, path, stored=stored)
    if stored:
        console.print(f"next: [bold]{escape(_next(worked, name, path, in_store=store is not None))}[/bold]")
    if as_json:
        typer.echo(json.dumps(_record(before, worked, path, stored=stored)))
    raise typer.Exit(0 if stored else 1)


def _asked(frames: list[UUID] | None, from_reviewed: bool) -> list[UUID]:
    """The frames that were named; none for all. Raises Mistake unless one of the two was asked for."""
    if bool(frames) == from_reviewed:
        raise Mistake("say which false calls: --frame ID, once for each, or --from-reviewed for all of the station")
    return frames or []


def _out(bundle: str, out: Path | None) -> Path:
    """Where the new bundle goes. Raises Mistake rather than overwrite the one it comes from."""
    beside = Path(bundle) if Path(bundle).is_file() else Path(bundle[:12])
    path = out or beside.with_name(f"{beside.name.removesuffix(SUFFIX)}-remembers{SUFFIX}")
    if path.is_dir():
        raise Mistake(f"{path}: is a folder; name the new bundle's file")
    if path.resolve() == Path(bundle).resolve():
        raise Mistake(f"{path}: is the bundle itself, which stays as it is; name another file with --out")
    return path


def _tell(console: Console, before: Bundle, worked: "Worked", path: Path, *, stored: bool) -> None:
    from andon_training.memory.words import report, told

    if stored:
        console.print(f"[bold]{escape(str(path))}[/bold]\nbundle {worked.found.bundle.digest}")
        console.print(f"from {before.digest[:12]}")
    for line in (*told(worked.found), *report(worked.scored)):
        console.print(line, markup=False)
    if worked.scored.lost and not stored:
        console.print(
            "[red]nothing stored[/red] a bundle that lets known defects pass is not kept: remember fewer false calls "
            "(--frame), make it again with more good frames (andon fit --reviewed), or keep it with --even-so"
        )


def _next(worked: "Worked", station: str, path: Path, *, in_store: bool) -> str:
    shadow = f"andon shadow {station} {worked.found.bundle.digest[:12]}"
    return shadow if in_store else f"andon bundles put {path}, then {shadow}, to try it beside the one that serves"


def _record(before: Bundle, worked: "Worked", path: Path, *, stored: bool) -> dict[str, object]:
    found = worked.found
    return {
        "bundle": str(path) if stored else None,
        "digest": found.bundle.digest if stored else None,
        "remembered_from": before.digest,
        "remembered": [str(each) for each in found.remembered],
        "still_called": [str(each) for each in found.still_called],
        "not_called": [str(each) for each in found.not_called],
        "left_out": list(found.left_out),
        "cells": list(found.cells),
        "full": found.full,
        "threshold": found.bundle.manifest.threshold,
        "rescored": worked.scored.model_dump(mode="json"),
    }

"""`andon curate`: a look at supposedly good frames before a bundle learns from them."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from andon.bundle import write_whole
from andon.errors import Mistake
from andon.run import andon_version
from andon_training.commands.guard import guard_images
from andon_training.commands.words import console_for_people, progress_bar, shown
from andon_training.progress import Progress

if TYPE_CHECKING:
    from andon_training.curate import Curation, Look, Unreadable

MOST_TOLD = 3  # frames of a kind


def curate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Images of good parts, or an MVTec AD folder.")],
    keep: Annotated[Path | None, typer.Option(help="The keep list; default: the folder's name + .keep.txt")] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="The contact sheet; default: the folder's name + .curated.html")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a keep list that was edited.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Find repeats and strange frames among good ones: a keep list for fit, a contact sheet for people.

    Nothing is deleted or moved.
    """
    guard_images()
    from andon_training.curate import curate as curated
    from andon_training.curate.keep import keep_list, refuse_edited
    from andon_training.curate.sheet import refuse_other
    from andon_training.curate.sheet import sheet as page
    from andon_training.folder import good_frames

    sources = good_frames(folder)
    name = folder.resolve().name
    keep_path, sheet_path = keep or Path(f"{name}.keep.txt"), sheet or Path(f"{name}.curated.html")
    _check_places(keep_path, sheet_path, sources)
    if not force:
        refuse_edited(keep_path)
        refuse_other(sheet_path)
    console = console_for_people()
    with progress_bar(console) as bar:
        progress = shown(bar, ("looking", "pictures"))
        found = curated(_looks(sources, folder, progress))
        data = page(
            found,
            lambda frame: _read(folder / frame),
            folder=str(folder),
            keep=str(keep_path),
            made_at=datetime.now(UTC),
            andon_version=andon_version(),
            progress=progress,
        )
    write_whole(keep_path, keep_list(found, str(folder)))
    write_whole(sheet_path, data)
    _tell(console, found, folder, keep_path, sheet_path)
    if as_json:
        typer.echo(json.dumps(_record(found, keep_path, sheet_path)))


def _looks(sources: Sequence[Path], folder: Path, progress: Progress) -> "list[Look | Unreadable]":
    """Each frame, named by its path within `folder`."""
    from andon_training.curate import look_in

    looks = []
    for i, source in enumerate(sources):
        looks.append(look_in(source.relative_to(folder).as_posix(), source))
        progress("looking", i + 1, len(sources))
    return looks


def _read(path: Path) -> bytes:
    """What a frame's file holds; nothing where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _check_places(keep: Path, sheet: Path, sources: Sequence[Path]) -> None:
    """Raises Mistake where a result cannot go, before anything is looked at."""
    if keep.resolve() == sheet.resolve():
        raise Mistake(f"{keep}: cannot hold both the keep list and the contact sheet; name two files")
    frames = {source.resolve() for source in sources}
    for path, option in ((keep, "--keep"), (sheet, "--sheet")):
        if path.is_dir() or path.resolve() in frames:
            raise Mistake(f"{path}: is {'a folder' if path.is_dir() else 'a frame'}; name another file with {option}")
        if path.parent.is_dir() and not os.access(path.parent, os.W_OK):
            raise Mistake(f"{path.parent}: cannot be written to; name another place with {option}")


def _tell(console: Console, found: "Curation", folder: Path, keep: Path, sheet: Path) -> None:
    from andon_training.printable import printable

    if found.findings:
        console.print(_table(found))
    for note in found.notes:
        console.print(f"[yellow]note[/yellow] {escape(printable(note))}")
    dropped, to_look_at = len(found.frames) - len(found.kept), _to_look_at(found)
    console.print(f"{len(found.kept)} of {len(found.frames)} frames kept, {dropped} left out, {to_look_at} to look at")
    console.print(f"contact sheet: [bold]{escape(str(sheet))}[/bold]")
    console.print(f"next: [bold]andon fit {escape(quote(str(folder)))} --keep {escape(quote(str(keep)))}[/bold]")


def _table(found: "Curation") -> Table:
    from andon_training.curate import Kind
    from andon_training.printable import printable

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("found", "frames", "then", "for example"):
        table.add_column(column, justify="right" if column == "frames" else "left")
    for kind in Kind:
        if findings := found.of(kind):
            then = "[red]left out[/red]" if findings[0].dropped else "[yellow]look[/yellow]"
            names = ", ".join(printable(finding.frame) for finding in findings[:MOST_TOLD])
            more = " ..." if len(findings) > MOST_TOLD else ""
            table.add_row(kind, str(len(findings)), then, escape(names + more))
    return table


def _to_look_at(found: "Curation") -> int:
    return len({finding.frame for finding in found.findings if not finding.dropped})


def _record(found: "Curation", keep: Path, sheet: Path) -> dict[str, object]:
    counts: dict[str, int] = {}
    for finding in found.findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
    return {
        "frames": len(found.frames),
        "kept": len(found.kept),
        "dropped": len(found.frames) - len(found.kept),
        "to_look_at": _to_look_at(found),
        "counts": counts,
        "findings": [
            {
                "frame": finding.frame,
                "kind": finding.kind,
                "value": finding.measure and finding.measure.value,
                "limit": finding.measure and finding.measure.limit,
                "unit": finding.measure and finding.measure.unit,
                "repeats": finding.repeats,
                "says": finding.says,
            }
            for finding in found.findings
        ],
        "notes": list(found.notes),
        "keep": str(keep),
        "sheet": str(sheet),
    }

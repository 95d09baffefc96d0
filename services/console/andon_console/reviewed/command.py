"""`andon reviewed export`: reviewed frames as a data set in a folder."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from andon.commands.words import people, print_json, say, size_words, warn
from andon.errors import Mistake
from andon.reviewed import ReviewedFrame
from andon_console.reviewed.export import Format, exported
from andon_console.reviewed.files import File
from andon_console.reviewed.options import Options, Outlines, Wanted
from andon_console.reviewed.picture import Picture
from andon_console.reviewed.save import Saved, save
from andon_console.reviewed.shelf import opened, wanted

NEXT = {
    Format.MVTEC: "andon evaluate BUNDLE {folder}/{category}",
    Format.FOLDER: "README.txt says how anomalib's Folder reads it",
    Format.COCO: "annotations.json names every image relative to {folder}",
    Format.LABELSTUDIO: "make a project with labels.xml, then import tasks.json",
}


def export(
    folder: Annotated[Path, typer.Argument(help="Where to: a new folder, or one with the same export to go on with.")],
    format: Annotated[Format, typer.Option(help="What is to read it.")] = Format.MVTEC,
    station: Annotated[list[str] | None, typer.Option(help="Only of this station; may be given again.")] = None,
    product: Annotated[str | None, typer.Option(help="Only of this product.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only answered since: 8h, 30d, 2026-03-02.")] = None,
    outlines: Annotated[
        Outlines, typer.Option(help="model: where nobody outlined a defect, take the model's regions, and say so.")
    ] = Outlines.DRAWN,
    test_share: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the good frames set apart, for mvtec and folder.")
    ] = 0.2,
    image_url: Annotated[str, typer.Option(help="For labelstudio: what stands before the names of images.")] = "",
    names: Annotated[bool, typer.Option("--names", help="Say in metadata.csv who answered.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Export reviewed frames as MVTec AD, for anomalib's Folder, as COCO or for Label Studio.

    Images are written as they came, byte for byte. A mask shows what a person drew; the model's own regions are taken
    only with --outlines model, and metadata.csv says whose each is. Which good frames are set apart depends on their
    ids alone, so that it stays. The same command again goes on where it was, and takes in what was answered since;
    a file that no export wrote is never touched.

    Examples: andon reviewed export ./weld-07 --station weld-07

    andon reviewed export ./boards --format coco --product board-3 --since 30d
    """
    chosen = wanted(station, product, since)
    options = Options(outlines, test_share, image_url, names)
    asked: dict[str, Any] = {"format": format.value, "station": station or [], "product": product, "since": since}
    asked |= {"outlines": outlines.value, "test_share": test_share, "image_url": image_url, "names": names}
    shelf = opened()
    frames = shelf.frames(chosen)
    if not frames:
        raise Mistake(
            f"{shelf.url} holds no reviewed frames {chosen_words(chosen)}; andon reviewed shows what it holds"
        )
    passed: list[str] = []
    with _shown(frames, hidden=as_json) as counted:
        files = exported(counted, format, options, lambda frame, why: passed.append(f"{frame.answer.frame_id}: {why}"))
        done = _counted(files) if dry_run else save(files, folder, asked)
    for each in passed[:5]:
        warn(f"left out {each}")
    _tell(folder, format, frames, done, passed, dry_run=dry_run, as_json=as_json)


def chosen_words(chosen: Wanted) -> str:
    """Which frames were asked for, in words; '' for all."""
    stations = f"of {', '.join(chosen.stations)}" if chosen.stations else ""
    product = f"of product {chosen.product!r}" if chosen.product is not None else ""
    since = f"answered since {chosen.since:%Y-%m-%d %H:%M} UTC" if chosen.since else ""
    return ", ".join(each for each in (stations, product, since) if each) or "at all"


def _counted(files: Iterable[File]) -> Saved:
    return Saved(written=sum(1 for _ in files))


@contextmanager
def _shown(frames: list[ReviewedFrame], *, hidden: bool) -> Iterator[Iterator[ReviewedFrame]]:
    """The frames, one after another, with a bar for whoever looks at a terminal."""
    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=people(), transient=True, disable=hidden or not people().is_terminal) as bar:
        yield iter(bar.track(frames))


def _tell(
    folder: Path,
    format: Format,
    frames: list[ReviewedFrame],
    done: Saved,
    passed: list[str],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    if as_json:
        print_json({
            "folder": str(folder), "format": format.value, "dry_run": dry_run, "frames": len(frames),
            "left_out": passed, "written": done.written, "kept": done.kept, "removed": done.removed,
            "changed_by_others": done.left_behind, "bytes": done.bytes,
        })  # fmt: skip
        return
    if dry_run:
        say(f"would write {done.written} files of {len(frames)} reviewed frames to {folder}; nothing was written")
        return
    parts = [f"{done.written} files written ({size_words(done.bytes)})", f"{done.kept} were there already"]
    parts += [f"{done.removed} removed that no longer belong"] if done.removed else []
    parts += [f"{len(passed)} frames left out"] if passed else []
    say(f"{folder}: {', '.join(parts)}")
    for each in done.left_behind[:5]:
        warn(f"{folder / each} no longer belongs to the export, but somebody changed it: it stays")
    say(NEXT[format].format(folder=folder, category=Picture(frames[0]).category))

"""`andon explain`: a recorded verdict, made again."""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from andon_training.commands.guard import guard_images
from andon_training.commands.replaying import check_page, device_of, station, write_page
from andon_training.commands.words import console_for_people

if TYPE_CHECKING:
    from andon_training.replay.explain import Explanation
    from andon_training.replay.explain_letter import Refused
    from andon_training.replay.find import Word

COLOURS = {"same": "green", "nearly": "yellow", "differs": "red", "unknown": "dim"}


def explain(
    frame: Annotated[str, typer.Argument(metavar="FRAME_ID", help="The frame's id, or its first 8 digits or more.")],
    of: Annotated[
        str | None, typer.Option("--station", help="Its station: the search is quicker, and reads one partition.")
    ] = None,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="How far back to search: 24h, or ISO 8601.")
    ] = "24h",
    bundle: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="The verdict of this bundle, where several judged the frame.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with the pictures.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto: where it is scored again.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Rebuild a verdict from the frame and the bundle it names, and say what differs if anything does.

    Exit status 0: reproduced; 1: something differs; 2: it cannot be made again, or was not found.

    Example: andon explain 16bdb331-15b3-54dd-b023-1e025bf51942 --station weld-07
    """
    guard_images()
    from andon.kafka.at import RecordsAt
    from andon.settings import load
    from andon.store import BlobStore, BundleStore
    from andon_training.from_kafka.settings import CollectSettings
    from andon_training.replay.explain import explain
    from andon_training.replay.explain_letter import explain_letter
    from andon_training.replay.explain_words import letter_record, record
    from andon_training.replay.find import frame_text
    from andon_training.replay.search import letter_on, words_on
    from andon_training.replay.span import span

    text, name, time = frame_text(frame), None if of is None else station(of), span(since, None, datetime.now(UTC))
    check_page(html)
    settings, console = load(CollectSettings), console_for_people()
    blobs = BlobStore(settings.store.frames)
    word, others = words_on(settings.kafka, text, name, time, bundle)
    if word is None:
        refused = explain_letter(letter_on(settings.kafka, text, name, time), blobs)
        _tell_refused(console, refused)
        _letter_page(console, html, refused)
        said, ending = letter_record(refused), refused.ending
    else:
        with closing(RecordsAt(settings.kafka)) as at:
            bundles = BundleStore.of(settings.store)
            found = explain(word.score, word.record.topic, at, blobs, bundles, device_of(device))
        _tell(console, found, others)
        _page(console, html, found, others)
        said, ending = record(found, others), found.ending
    if as_json:
        typer.echo(json.dumps(said | {"page": str(html) if html else None}))
    raise typer.Exit(ending.exit_status)


def _page(console: Console, html: Path | None, found: "Explanation", others: "tuple[Word, ...]") -> None:
    if html is not None:
        from andon_training.replay.explain_page import page

        write_page(console, html, page(found, others))


def _letter_page(console: Console, html: Path | None, refused: "Refused") -> None:
    if html is not None:
        from andon_training.replay.explain_page import letter_page

        write_page(console, html, letter_page(refused))


def _tell(console: Console, found: "Explanation", others: "Sequence[Word]") -> None:
    from andon_training.replay.explain_words import recorded, words

    for name, text in recorded(found):
        console.print(f"{name:>9}  {text}", markup=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("then and now", "", ""):
        table.add_column(column, overflow="fold")
    for check in found.checks:
        colour = COLOURS[check.same.value]
        table.add_row(check.what, f"[{colour}]{check.same.value}[/{colour}]", escape(check.told))
    console.print(table)
    for word in others:
        console.print(f"bundle {(word.score.bundle or 'none')[:12]} said: {words(word.score)}", markup=False)
    _conclude(console, found.ending.exit_status, found.conclusion)


def _tell_refused(console: Console, refused: "Refused") -> None:
    console.print(f"frame {refused.frame_id} was dead-lettered", markup=False)
    for name, text in refused.facts:
        console.print(f"{name:>10}  {text}", markup=False)
    console.print("docs/reasons.md says what each reason means", markup=False)
    _conclude(console, refused.ending.exit_status, refused.conclusion)


def _conclude(console: Console, status: int, conclusion: str) -> None:
    console.print(f"[bold {('green', 'red', 'yellow')[status]}]{escape(conclusion)}[/]")

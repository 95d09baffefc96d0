"""`andon compare`: an active bundle and its shadow, over the same live frames."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from andon_training.commands.guard import guard_images
from andon_training.commands.replaying import check_page, rates, station, write_page
from andon_training.commands.words import console_for_people

if TYPE_CHECKING:
    from andon_training.replay.compare import Comparison


def compare(
    of: Annotated[str, typer.Argument(metavar="STATION", help="The station whose shadow is looked at.")],
    shadow: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Which bundle; default: the shadow now, else the last.")
    ] = None,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="How long ago (24h) or when (ISO 8601).")
    ] = "24h",
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Up to then, as --from; default: now.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with the disagreements.")] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Read every partition, not only the one its key belongs to.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Show where the active bundle and a shadow disagree on live frames, and what a promotion would change.

    Example: andon compare weld-07 --from 24h --html disagreements.html
    """
    guard_images()
    from andon.kafka.at import RecordsAt
    from andon.settings import load
    from andon.store import BlobStore, BundleStore
    from andon_training.from_kafka.settings import CollectSettings
    from andon_training.replay.compare import budgets_in, compare
    from andon_training.replay.compare_page import page
    from andon_training.replay.compare_words import record
    from andon_training.replay.gallery import Viewer
    from andon_training.replay.span import span

    name, time = station(of), span(since, until, datetime.now(UTC))
    check_page(html)
    settings = load(CollectSettings)
    bundles = BundleStore.of(settings.store)
    console = console_for_people()
    with rates(console, ("scores", "pictures")) as progress:
        budget = budgets_in(bundles)
        found = compare(
            settings.kafka, name, time, shadow=shadow, budget=budget, everywhere=everywhere, progress=progress
        )
        if html is not None:
            with closing(RecordsAt(settings.kafka)) as at:
                shown = page(found, Viewer(at, BlobStore(settings.store.frames), bundles), progress)
    _tell(console, found)
    if html is not None:
        write_page(console, html, shown)
    if as_json:
        typer.echo(json.dumps(record(found) | {"page": str(html) if html else None}))


def _tell(console: Console, found: "Comparison") -> None:
    from andon_training.replay.compare_words import heading, names, next_command, said, warnings

    console.print(f"{found.station}, {found.span}; {heading(found)}", markup=False)
    for line in said(found):
        console.print(line, markup=False)
    for line in warnings(found):
        console.print(f"[yellow]note[/yellow] {escape(line)}")
    console.print(f"next, if the {names(found)[1]} one is better: [bold]{escape(next_command(found))}[/bold]")

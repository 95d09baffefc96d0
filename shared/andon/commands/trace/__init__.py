"""`andon trace`: where one frame's time went."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from andon.commands.words import paper, people, print_json, say
from andon.settings import ServiceSettings, load
from andon.stage import Record

MANY = 20_000
STEP = 1_000


def trace(
    frame: Annotated[
        str,
        typer.Argument(
            help="A frame's id, its trace, station/epoch/seq, or topic/partition/offset.", metavar="FRAME_ID"
        ),
    ],
    station: Annotated[
        str | None, typer.Option(help="Its station, where you know it: only its partitions are read.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Do not look further back: 90s, 20min, 8h, 3d, or 2026-03-02T14:00.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show where one frame's time went: each hop from the camera to the page, from what the records themselves say.

    Exit status 1: nothing is known of such a frame.

    Example: andon trace 8f14e45f-ceea-5671-9b5e-1f2a3c4d5e6f --station weld-07
    """
    from andon.commands.trace import archive as archives
    from andon.commands.trace.picture import draw, record
    from andon.commands.trace.search import Search
    from andon.commands.trace.wanted import wanted
    from andon.incidents.when import past

    now = datetime.now(UTC)
    meant, limit = wanted(frame, station), past(since, "--since", now) if since else None
    with closing(archives.open_archive(load(ServiceSettings).kafka, shown)) as archive:
        found = Search(archive, meant, limit)()
    if as_json:
        print_json(record(found, now) | {"searched": found.searched})
    elif not found.nothing:
        draw(found, now, paper())
    if found.nothing:
        say(f"nothing is known of {frame}. Looked at: {'; '.join(found.searched)}.")
        raise typer.Exit(1)


def shown(records: Iterable[Record], topic: str, of: int) -> Iterator[Record]:
    """The records, with a bar on the terminal where they are many."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if of < MANY:
        yield from records
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=people(), transient=True) as bar:
        task = bar.add_task(f"looking through {topic}", total=of)
        for number, record in enumerate(records, 1):
            yield record
            if number % STEP == 0:
                bar.update(task, completed=number)

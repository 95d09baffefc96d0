"""`andon rescore`: what a candidate says of the frames that Kafka still holds."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from andon.errors import Mistake
from andon.run import andon_version
from andon_training.commands.guard import guard_images
from andon_training.commands.replaying import check_page, device_of, rates, station, write_page
from andon_training.commands.words import console_for_people

if TYPE_CHECKING:
    from andon_training.replay.rescore import Rescoring

STOPPED = 130  # what shells say of Ctrl-C


def rescore(
    of: Annotated[str, typer.Argument(metavar="STATION", help="The station whose frames are judged again.")],
    bundle: Annotated[
        str, typer.Option(metavar="DIGEST|FILE", help="The candidate: digest, its beginning, or a file.")
    ],
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="How long ago (2h) or when (ISO 8601).")] = "2h",
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Up to then, as --from; default: now.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Try this raw threshold instead of the bundle's.")] = None,
    budget: Annotated[str | None, typer.Option(help="Try this false-call budget, such as '1 per 500'.")] = None,
    product: Annotated[str | None, typer.Option(help="Only frames of this product; default: the bundle's.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many frames, the oldest first.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with the worst pictures.")] = None,
    work: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where scores are kept meanwhile; default: the user's cache.")
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Read every partition, not only those its key belongs to.")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Judge again the frames of a station that Kafka still holds, by another bundle, threshold or budget.

    Reads beside the line and moves none of its offsets. Stop it with Ctrl-C; the same command goes on where it was.

    Example: andon rescore weld-07 --from 2h --bundle candidate.andon --html flips.html
    """
    guard_images()
    from andon.gate import run_gate
    from andon.kafka.at import RecordsAt
    from andon.settings import load
    from andon.store import BlobStore, BundleStore
    from andon_training.from_kafka.settings import CollectSettings
    from andon_training.replay.candidate import candidate, find_bundle
    from andon_training.replay.gallery import Viewer
    from andon_training.replay.pictures import Opened, opened
    from andon_training.replay.rescore import STEPS, Asked, rescore
    from andon_training.replay.rescore_page import page
    from andon_training.replay.rescore_words import record
    from andon_training.replay.span import span
    from andon_training.replay.work import WorkFile, default_folder, whose, work_path

    asked = Asked(station(of), span(since, until, datetime.now(UTC)), product, limit, everywhere)
    check_page(html)
    settings = load(CollectSettings)
    bundles, blobs = BundleStore.of(settings.store), BlobStore(settings.store.frames)
    tried = candidate(find_bundle(bundle, bundles), threshold, budget)
    model = opened(tried.bundle, device_of(device)).model
    gate = run_gate(tried.bundle, model)
    if not gate.passed:
        raise Mistake(f"bundle {tried.bundle.digest[:12]} does not give here what it gave when it was made: {gate}")
    path = work or work_path(default_folder(), asked.station, tried.bundle.digest)
    console = console_for_people()
    kept = WorkFile(path, whose(tried.bundle.digest, model.runtime, andon_version()))
    try:
        with rates(console, (*STEPS, "pictures")) as progress:
            with kept:
                found = rescore(settings.kafka, blobs, asked, tried, model, kept, progress)
            if html is not None:
                with closing(RecordsAt(settings.kafka)) as at:
                    viewer = Viewer(at, blobs, bundles, device_of(device))
                    shown = page(found, viewer, Opened(tried.bundle, model, tried.map_threshold), progress)
    except KeyboardInterrupt:
        console.print(f"stopped; {len(kept.known)} scores are kept in {path}: the same command goes on from there")
        raise typer.Exit(STOPPED) from None
    _tell(console, found)
    if html is not None:
        write_page(console, html, shown)
    if as_json:
        typer.echo(json.dumps(record(found) | {"work": str(path), "page": str(html) if html else None}))


def _tell(console: Console, found: "Rescoring") -> None:
    from andon_training.replay.rescore_words import said, warnings

    candidate, reach = found.candidate, found.reach
    console.print(f"{found.asked.station}, {found.asked.span}; candidate {candidate.bundle.digest[:12]}", markup=False)
    if candidate.tried:
        console.print(candidate.tried, markup=False)
    again = f", {reach.before} of them by an earlier run" if reach.before else ""
    console.print(f"{reach.scored} of {reach.frames} frames scored{again}")
    for line in said(found):
        console.print(line, markup=False)
    for line in warnings(found):
        console.print(f"[yellow]note[/yellow] {escape(line)}")

"""`andon evaluate`: what a bundle is worth on labelled frames."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from andon.bundle import read_bundle, write_whole
from andon.errors import Mistake
from andon.run import andon_version
from andon_training.commands.guard import guard_images
from andon_training.commands.words import console_for_people, progress_bar, shown


def evaluate(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle file.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Labelled frames in MVTec AD layout: test/good ...")],
    split: Annotated[str, typer.Option(help="The folder within DIR; masks in SPLIT_ground_truth.")] = "test",
    report: Annotated[
        Path | None, typer.Option(help="Where the HTML report goes; default: beside the bundle, BUNDLE.SPLIT.html.")
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto: where it will serve.")] = "cpu",
    runtime: Annotated[str, typer.Option(help="onnxruntime, openvino or auto: what will run it.")] = "onnxruntime",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Tell what a bundle is worth on labelled frames: what it misses, what it calls falsely, where, how quickly."""
    guard_images()
    from andon_training.commands.runs import where_it_runs
    from andon_training.evaluate.record import record
    from andon_training.evaluate.report import report as page
    from andon_training.evaluate.run import STEPS, evaluate_bundle
    from andon_training.evaluate.tell import tell

    place = where_it_runs(device, runtime)
    path = None if no_report else _report_path(bundle, split, report)
    proven = read_bundle(bundle)
    console = console_for_people()
    with progress_bar(console) as bar:
        progress = shown(bar, STEPS if path is None else (*STEPS, "pictures"))
        found = evaluate_bundle(proven, folder, split, device=place.device, runtime=place.runtime, progress=progress)
        tell(console, found)
        if path is not None:
            now, version = datetime.now(UTC), andon_version()
            data = page(found, name=bundle.name, made_at=now, andon_version=version, progress=progress)
    if path is not None:
        write_whole(path, data)
        console.print(f"report: [bold]{escape(str(path))}[/bold]")
    if as_json:
        typer.echo(json.dumps({"bundle": str(bundle), **record(found), "report": str(path) if path else None}))


def _report_path(bundle: Path, split: str, report: Path | None) -> Path:
    """Where the report goes, so that no evaluation is done in vain. Raises Mistake when it cannot go there."""
    path = report or bundle.with_name(f"{bundle.stem}.{split.replace('/', '-')}.html")
    if path.is_dir() or path.resolve() == bundle.resolve():
        raise Mistake(f"{path}: is {'a folder' if path.is_dir() else 'the bundle'}; name another file with --report")
    return path

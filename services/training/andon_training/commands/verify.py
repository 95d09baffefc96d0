"""`andon verify`: a bundle proves itself."""

import json
from pathlib import Path
from typing import Annotated

import typer

from andon.bundle import read_bundle
from andon.errors import Mistake
from andon_training.commands.guard import guard_images
from andon_training.commands.words import console_for_people


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle file.")],
    device: Annotated[str, typer.Option(help="cpu, cuda or auto: where it will serve.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Prove that a bundle gives here what it gave when it was made: exit status 0, else 1."""
    guard_images()
    from andon.gate import run_gate
    from andon.inference import Device, open_bundle

    if device not in list(Device):
        raise Mistake(f"device {device!r}: cpu, cuda or auto")
    console = console_for_people()
    proven = read_bundle(bundle)
    model = open_bundle(proven, Device(device))
    result = run_gate(proven, model)
    for golden in result.results:
        console.print(f"[{'red' if golden.reason else 'green'}]{'fails' if golden.reason else 'agrees'}[/] {golden}")
    console.print(f"bundle {proven.digest[:12]} on {model.provider}: {result if result.passed else 'refused'}")
    if as_json:
        failures = [str(failure) for failure in result.failures]
        record = {"digest": proven.digest, "passed": result.passed, "golden": len(result.results), "failures": failures}
        typer.echo(json.dumps(record))
    raise typer.Exit(0 if result.passed else 1)

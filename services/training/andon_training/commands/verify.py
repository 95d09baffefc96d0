"""`andon verify`: a bundle proves itself."""

import json
from pathlib import Path
from typing import Annotated

import typer

from andon.bundle import read_bundle
from andon_training.commands.guard import guard_images
from andon_training.commands.words import console_for_people


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle file.")],
    device: Annotated[str, typer.Option(help="cpu, cuda or auto: where it will serve.")] = "cpu",
    runtime: Annotated[str, typer.Option(help="onnxruntime, openvino or auto: what will run it.")] = "onnxruntime",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Prove that a bundle gives here what it gave when it was made: exit status 0, else 1."""
    guard_images()
    from andon.gate import run_gate
    from andon.inference import open_bundle
    from andon_training.commands.runs import where_it_runs

    place = where_it_runs(device, runtime)
    console = console_for_people()
    proven = read_bundle(bundle)
    model = open_bundle(proven, place.device, runtime=place.runtime)
    result = run_gate(proven, model)
    for golden in result.results:
        console.print(f"[{'red' if golden.reason else 'green'}]{'fails' if golden.reason else 'agrees'}[/] {golden}")
    console.print(f"bundle {proven.digest[:12]} on {model.runtime}: {result if result.passed else 'refused'}")
    if as_json:
        failures = [str(failure) for failure in result.failures]
        told = {"passed": result.passed, "golden": len(result.results), "failures": failures, "runtime": model.runtime}
        typer.echo(json.dumps({"digest": proven.digest, **told}))
    raise typer.Exit(0 if result.passed else 1)

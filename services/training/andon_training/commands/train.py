"""`andon train`: any anomalib model, from good frames to a bundle."""

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from andon.errors import Mistake
from andon_training.commands.gather import Reviewed
from andon_training.commands.guard import guard_images
from andon_training.commands.words import console_for_people
from andon_training.options import Pixels

NEEDED = ("anomalib", "torch")
FROM, LEARNS, MADE = "What to learn from", "How it learns", "What is made of it"
WEIGHTS = "What it was pretrained with"


def train(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="An anomalib model, such as padim.")] = None,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Images of good parts, an MVTec AD or an anomalib folder.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the models; with MODEL, its parameters. Then stop.")
    ] = False,
    normal: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where in DIR the good frames lie.", rich_help_panel=FROM),
    ] = None,
    from_kafka: Annotated[
        str | None,
        typer.Option(
            metavar="STATION", help="Instead of DIR: this station's frames, from Kafka.", rich_help_panel=FROM
        ),
    ] = None,
    reviewed: Annotated[
        str | None,
        typer.Option(
            metavar="STATION",
            help="This station's judged frames: good ones are learned from, too; defects it is tried on.",
            rich_help_panel=FROM,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Kafka's frames since then: 2h ago, or 2026-05-04T06:00.",
            rich_help_panel=FROM,
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="... and before; default: now.", rich_help_panel=FROM)
    ] = None,
    frames: Annotated[
        int, typer.Option(help="How many frames to take from Kafka at most: the newest.", rich_help_panel=FROM)
    ] = 1000,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Learn only from the frames on this list of andon curate.", rich_help_panel=FROM
        ),
    ] = None,
    keep_all: Annotated[
        bool,
        typer.Option(
            "--keep-all", help="Learn from Kafka's frames that the line called anomalous, too.", rich_help_panel=FROM
        ),
    ] = False,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the model's own.", rich_help_panel=LEARNS),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="How often all frames are seen.", rich_help_panel=LEARNS)
    ] = None,
    steps: Annotated[int | None, typer.Option(min=2, help="How many batches are seen.", rich_help_panel=LEARNS)] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Frames at a time.", rich_help_panel=LEARNS)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.", rich_help_panel=LEARNS)] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.", rich_help_panel=LEARNS)] = 0,
    size: Annotated[
        int | None,
        typer.Option(help="Side of the square the model sees, in pixels; default: anomalib's.", rich_help_panel=LEARNS),
    ] = None,
    grey: Annotated[
        bool | None,
        typer.Option(
            "--grey/--colour", help="What the model sees; default: the frames decide.", rich_help_panel=LEARNS
        ),
    ] = None,
    outside: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Pictures of anything else, for EfficientAD.", rich_help_panel=LEARNS),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where an interrupted training is kept; default: beside the bundle.",
            rich_help_panel=LEARNS,
        ),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Between checkpoints.", rich_help_panel=LEARNS)
    ] = 60,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Weights you brought: safetensors, pth or onnx. 'random' is for trials.",
            rich_help_panel=WEIGHTS,
        ),
    ] = None,
    pixels: Annotated[
        Pixels | None,
        typer.Option(help="The pixel values they want; default: anomalib's.", rich_help_panel=WEIGHTS),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch what is missing from the network.", rich_help_panel=WEIGHTS)
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the bundle goes; default: the folder's or station's name + .andon", rich_help_panel=MADE
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(help="Good parts that may be called anomalous.", rich_help_panel=MADE)
    ] = "2 per 1000",
    product: Annotated[str | None, typer.Option(help="The product the frames show.", rich_help_panel=MADE)] = None,
    whole: Annotated[
        bool,
        typer.Option("--whole", help="One graph, though the backbone could be shared.", rich_help_panel=MADE),
    ] = False,
    bank: Annotated[
        int | None, typer.Option(min=1, help="PatchCore: keep so many cells of its memory.", rich_help_panel=MADE)
    ] = None,
    neighbours: Annotated[
        int | None, typer.Option(min=1, help="PatchCore: 1 scores by the farthest cell alone.", rich_help_panel=MADE)
    ] = None,
    diagonal: Annotated[
        bool,
        typer.Option("--diagonal", help="PaDiM: forget how features vary together.", rich_help_panel=MADE),
    ] = False,
    try_options: Annotated[
        bool,
        typer.Option("--try-options", help="Say what those would cost and gain.", rich_help_panel=MADE),
    ] = False,
    store: Annotated[
        str | None, typer.Option(help="A bundle store to put it in, too: any fsspec URL.", rich_help_panel=MADE)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line.", rich_help_panel=MADE)
    ] = False,
) -> None:
    """Train an anomalib model on good frames: exported, proven equal to PyTorch, calibrated. Stopped, it goes on.

    Example: andon train padim good-frames/ --out weld-07.andon --weights resnet18.safetensors
    """
    guard_images()
    check_installed()
    from andon_training.anomalib_models.quiet import hush, quietly

    hush()
    with quietly():
        from andon.budget import parse_budget
        from andon_training.anomalib_models.registry import model_kind
        from andon_training.anomalib_models.training import TrainSettings
        from andon_training.anomalib_models.weights import Weights
        from andon_training.commands.make_trained import Asked, kinds_told, make, place, where_from
        from andon_training.export import ExportOptions

    if listed or model is None:
        typer.echo(kinds_told(model, listed))
        return
    began, kind = time.monotonic(), model_kind(model)
    settings = TrainSettings(
        kind=kind,
        budget=parse_budget(budget),
        parameters=kind.read(sets or ()),
        epochs=epochs,
        steps=steps,
        batch=batch,
        size=size,
        grey=grey,
        product=product,
        device=device,
        seed=seed,
        weights=Weights.asked(weights or (), download),
        outside=outside,
        pixels=pixels,
        checkpoint_s=checkpoint_every,
        export=ExportOptions(not whole, bank, neighbours, "diagonal" if diagonal else "full"),
    )
    judged = None if reviewed is None else Reviewed.of(reviewed)
    where = where_from(folder, normal, keep, from_kafka, since, until, frames, keep_all, judged)
    path = place(out, where.name)
    asked = Asked(where, settings, path, work, store, try_options, sys.argv, judged)
    record = make(console_for_people(), asked, lambda: time.monotonic() - began)
    if as_json:
        typer.echo(json.dumps(record))


def check_installed() -> None:
    """Raises Mistake, saying how to get it, unless anomalib is here."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise Mistake(
            f"andon train needs {' and '.join(missing)}: install 'andon-training[anomalib]' where you train, or, in "
            "Andon's repository, run make train-env and use .venvs/torch/bin/andon; stations need none of it"
        )

"""`andon fit`: good frames become a bundle."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from andon.bundle import SUFFIX, write_bundle
from andon.errors import Mistake
from andon_training.commands.gather import Line, Reviewed, name_of, one_of
from andon_training.commands.guard import guard_images
from andon_training.commands.tell_fit import fit_record, tell_fit
from andon_training.commands.try_defects import tried_on
from andon_training.commands.words import console_for_people
from andon_training.options import Lighting, Method, Pixels

DEFAULT_BUDGET = "2 per 1000"
FROM, MADE, DECIDED = "What to learn from", "What is made of it", "What the frames decide, unless you do"


def fit(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Images of good parts, or an MVTec AD folder.")
    ] = None,
    from_kafka: Annotated[
        str | None,
        typer.Option(
            metavar="STATION",
            help="Instead of DIR: the newest frames of this station, from Kafka.",
            rich_help_panel=FROM,
        ),
    ] = None,
    reviewed: Annotated[
        str | None,
        typer.Option(
            metavar="STATION",
            help="This station's frames that people have judged: good ones are learned from, too (or alone), known "
            "defects it is tried on.",
            rich_help_panel=FROM,
        ),
    ] = None,
    frames: Annotated[
        int,
        typer.Option(
            help="How many frames to take from Kafka.",
            rich_help_panel=FROM,
        ),
    ] = 300,
    wait: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="How long to wait for them while Kafka holds fewer.", rich_help_panel=FROM
        ),
    ] = 600,
    spool: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the frames from Kafka here; default: a folder that is removed again.",
            rich_help_panel=FROM,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the bundle goes; default: the folder's or station's name + .andon", rich_help_panel=MADE
        ),
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            help="Good parts that may be called anomalous.",
            rich_help_panel=MADE,
        ),
    ] = DEFAULT_BUDGET,
    size: Annotated[
        int | None,
        typer.Option(
            help="Side of the square the model sees, in pixels; default: the frames decide.", rich_help_panel=DECIDED
        ),
    ] = None,
    grey: Annotated[
        bool | None,
        typer.Option(
            "--grey/--colour", help="What the model sees; default: the frames decide.", rich_help_panel=DECIDED
        ),
    ] = None,
    product: Annotated[
        str | None,
        typer.Option(
            help="The product the frames show.",
            rich_help_panel=MADE,
        ),
    ] = None,
    backbone: Annotated[
        Path | None,
        typer.Option(
            help="A feature extractor of your own, ONNX, with outputs of stride 8 or 16; default: Andon's.",
            rich_help_panel=DECIDED,
        ),
    ] = None,
    backbone_pixels: Annotated[
        Pixels | None,
        typer.Option(
            help="The pixel values your backbone wants; default: its metadata, or by trial.", rich_help_panel=DECIDED
        ),
    ] = None,
    method: Annotated[
        Method | None,
        typer.Option(
            help="How what is good is remembered; default: the frames decide.",
            rich_help_panel=DECIDED,
        ),
    ] = None,
    registered: Annotated[
        bool | None,
        typer.Option(
            "--registered/--as-it-lies",
            help="Move frames onto a template first, or not; default: by trial.",
            rich_help_panel=DECIDED,
        ),
    ] = None,
    lighting: Annotated[
        Lighting | None,
        typer.Option(
            help="Bring frames to one brightness and contrast, or not; default: by trial.", rich_help_panel=DECIDED
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Round the backbone to int8 where it sees as well: about half the CPU time.",
            rich_help_panel=MADE,
        ),
    ] = False,
    references: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="One picture of a perfect part for each kind of part: frames are compared with theirs. "
            "Good frames, if any are given, then set the threshold.",
            rich_help_panel=FROM,
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Learn only from the frames on this list of andon curate.", rich_help_panel=FROM
        ),
    ] = None,
    keep_all: Annotated[
        bool,
        typer.Option(
            "--keep-all", help="Learn from frames that stand apart from the others, too.", rich_help_panel=FROM
        ),
    ] = False,
    store: Annotated[
        str | None,
        typer.Option(
            help="A bundle store to put it in, too: any fsspec URL.",
            rich_help_panel=MADE,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object as the last line.",
            rich_help_panel=MADE,
        ),
    ] = False,
) -> None:
    """Turn good frames into a bundle: no download, no GPU, no defect needed.

    Example: andon fit good-frames/ --out weld-07.andon; straight from the line: andon fit --from-kafka weld-07
    """
    guard_images()
    from andon.budget import parse_budget
    from andon.store import BundleStore
    from andon_training.backbones import read_backbone
    from andon_training.choose import Fixed
    from andon_training.commands.make import from_good_frames, from_references
    from andon_training.fit import FitSettings

    began = time.monotonic()
    settings = FitSettings(
        budget=parse_budget(budget),
        fixed=Fixed(size, method, lighting, backbone_pixels, registered),
        grey=grey,
        product=product,
        backbone=None if backbone is None else read_backbone(backbone),
        int8=int8,
        keep_all=keep_all,
    )
    line = None if from_kafka is None else Line(from_kafka, frames, wait, spool, keep_all)
    judged = None if reviewed is None else Reviewed.of(reviewed)
    console = console_for_people()
    if references is None:
        where = one_of(folder, line, judged)
        path = _place(out, name_of(where))
        bundle = from_good_frames(console, where, keep, settings, judged)
    else:
        path = _place(out, references.resolve().name)
        repeats = one_of(folder, line, judged) if folder or line or judged else None
        bundle = from_references(console, references, repeats, settings, judged)
    write_bundle(bundle, path)
    if store is not None:
        BundleStore(store).put(bundle)
    tried = tried_on(console, bundle, judged)
    tell_fit(console, bundle, path, time.monotonic() - began, store)
    if as_json:
        typer.echo(json.dumps(fit_record(bundle, path, time.monotonic() - began) | tried))


def _place(out: Path | None, name: str) -> Path:
    """Where the bundle goes. Raises Mistake before any work is done for nothing."""
    path = out or Path(name + SUFFIX)
    if path.is_dir():
        raise Mistake(f"{path}: is a folder; name the bundle's file")
    return path

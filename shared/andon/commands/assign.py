"""`andon assign`: say which bundle serves a station."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from andon.errors import Mistake
from andon.ids import label, station_id
from andon.kafka.sink import KafkaSink
from andon.records import Assignment, write_event
from andon.records.assignment import EVERY
from andon.settings import ServiceSettings, load
from andon.stage import Message
from andon.topics import MODELS


def assign(
    station: Annotated[str, typer.Argument(help="The station, or '*' for every station without one of its own.")],
    bundle: Annotated[str, typer.Argument(help="The bundle's digest: 64 hex digits, as `andon fit` printed it.")],
    product: Annotated[str | None, typer.Option(help="Only for this product.")] = None,
    why: Annotated[str, typer.Option(help="Why; kept with the assignment.")] = "",
) -> None:
    """Let a bundle serve a station: scoring swaps to it between batches, without a restart.

    Example: andon assign weld-07 4be1... --why "new lighting"
    """
    at = datetime.now(UTC)
    try:
        given = Assignment(
            station=station if station == EVERY else station_id(station),
            product=label(product, "product") if product else None,
            bundle=bundle,
            by=getpass.getuser(),
            why=why,
            at=at,
        )
    except ValidationError:
        raise Mistake(f"{bundle!r} is not a bundle's digest: 64 hex digits, as `andon fit` printed it") from None
    sink = KafkaSink(load(ServiceSettings).kafka, compression="zstd")
    sink.send([Message(MODELS, given.key, write_event(given))], lambda: None)
    sink.close()
    Console(highlight=False).print(f"{station} is served by {bundle[:12]} from now on")

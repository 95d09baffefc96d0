"""What every press has in common: who sent it, what they get back, and what they are told when Kafka is away."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from fastapi import HTTPException
from fastapi.responses import RedirectResponse
from starlette.requests import Request
from starlette.responses import Response

from andon.errors import Broken
from andon_console.pages.paper import HX_REQUEST
from andon_console.pages.sign_in import local
from andon_console.world import World

AGAIN = "Nothing was written. Press again in a moment; said twice, it counts once."


@contextmanager
def needing(world: World) -> Iterator[None]:
    """Around what a press needs of Kafka: at once refused where it is known to be away.

    Raises HTTPException 503, whose sentence says that nothing was written.
    """
    if world.reachable.away_since is not None:
        raise HTTPException(503, f"Kafka does not answer. {AGAIN}")
    try:
        yield
    except Broken as error:
        raise HTTPException(503, f"It could not be done: {error}. {AGAIN}") from None


@contextmanager
def writing(world: World) -> Iterator[None]:
    """Around looking how things stand and writing: nobody else writes meanwhile. Raises as `needing`."""
    with needing(world), world.desk.alone():
        yield


def is_part(request: Request) -> bool:
    """Whether a part of a page asks, by script; a browser that goes back asks for all of it."""
    return request.headers.get(HX_REQUEST) == "true" and "HX-History-Restore-Request" not in request.headers


def address_of(request: Request) -> str:
    """The page that somebody looks at, of which a script asks for a part; else the one that is asked for."""
    told = urlsplit(request.headers.get("HX-Current-URL", ""))
    return local(f"{told.path}?{told.query}" if told.query else told.path) if told.path else request.url.path


def back_to(path: str) -> Response:
    """Where a browser without script goes after a form; only ever a page of ours."""
    return RedirectResponse(local(path), 303)


def said(events: Mapping[str, object]) -> dict[str, str]:
    """Headers by which the page's scripts hear of it, once what came back has its place."""
    return {"HX-Trigger-After-Settle": json.dumps(events)}

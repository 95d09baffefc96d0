"""Pages out of templates. Whatever people or cameras wrote is escaped, everywhere."""

from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request

from andon.incidents.when import spoken
from andon.letters import shown
from andon_console.answering import ABOUT_ANSWERS
from andon_console.models.memory import why_no_memory
from andon_console.pages.addresses import ADDRESSES, outlines_json
from andon_console.safe.door import PROOF_FIELD, PROOF_HEADER, Door
from andon_console.safe.people import Person
from andon_console.world import World

HERE = Path(__file__).parents[1]
STATIC = HERE / "static"
HX_REQUEST = "HX-Request"


def _world(request: Request) -> World:
    world: World = request.app.state.world
    return world


Seen = Annotated[World, Depends(_world)]
"""The world, as the type of a route's parameter."""


@cache
def templates() -> Environment:
    """The templates; an unknown name in one is an error, not an empty place."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = static_url
    made.globals["why_no_memory"] = why_no_memory
    made.globals |= ADDRESSES
    made.globals |= ABOUT_ANSWERS
    made.filters["outlines_json"] = outlines_json
    made.filters["spoken"] = spoken
    made.filters["iso"] = _iso
    made.filters["plainly"] = shown
    made.filters["clock"] = _clock
    return made


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """The template, for the person who asked; `person` is None on pages before the door."""
    return HTMLResponse(render(request, template, **context), status)


def render(request: Request, template: str, **context: Any) -> str:
    """The text of a template, with what every page shows."""
    person: Person | None = getattr(request.state, "person", None)
    door: Door = request.app.state.door
    world: World = request.app.state.world
    said = {
        "person": person,
        "proof": door.proof(person) if person else "",
        "proof_field": PROOF_FIELD,
        "proof_header": PROOF_HEADER,
        "world": world,
        "now": world.now(),
        "path": request.url.path,
        "part": request.headers.get(HX_REQUEST) == "true",
    }
    return templates().get_template(template).render(said | context)


@cache
def static_url(name: str) -> str:
    """The address of a static file; it changes with the file, so browsers may keep it for ever."""
    return f"/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _clock(at: datetime) -> str:
    """What stands there until the page's script says it in the viewer's own time zone."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"

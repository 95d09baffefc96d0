"""Drift at a station: how far it has learned, how near each number is to its limit, and having it learned anew."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from andon.baselines import Place
from andon.errors import Mistake
from andon.places import Standing, standings
from andon_console.drifting.act import offer, relearn
from andon_console.drifting.learning import Learning
from andon_console.pages.addresses import station_address
from andon_console.pages.incident import PARTS, Named, meant, part, parts_of, said_of, view_of
from andon_console.pages.models_at import MOST_WHY, plain_why
from andon_console.pages.paper import Seen, page, render
from andon_console.pages.pressing import back_to, is_part, said, writing
from andon_console.pages.station import Name
from andon_console.safe.asked import Engineer, Viewer
from andon_console.world import World

router = APIRouter()
TURNS = timedelta(hours=1)  # products that are made by turns are all shown
Why = Annotated[str, Form(max_length=4 * MOST_WHY)]
Stamp = Annotated[str, Form(max_length=16)]
Label = Annotated[str, Form(max_length=128)]


@router.get("/stations/{name}/drift")
def drift_part(request: Request, world: Seen, name: Name, _person: Viewer) -> Response:
    """The panel of a station page."""
    return page(request, "drift_panel.html.j2", **drift_of(world, name))


@router.post("/stations/{name}/relearn")
def relearn_at(
    request: Request,
    world: Seen,
    person: Engineer,
    name: Name,
    bundle: Label,
    seen: Stamp,
    why: Why = "",
    product: Label = "",
) -> Response:
    """Has one place of a station learned anew."""
    place = Place(name, product or None, bundle)
    with writing(world):
        told = relearn(world, person, [place], plain_why(why), seen)
    if not is_part(request):
        return back_to(station_address(name))
    text = render(request, "drift_panel.html.j2", **drift_of(world, name))
    return HTMLResponse(text, headers=said({"andon:tell": told}))


@router.post("/incidents/{incident}/relearn")
def relearn_of(
    request: Request, world: Seen, person: Engineer, incident: Named, seen: Stamp, why: Why = ""
) -> Response:
    """Has what an incident is about learned anew. Raises Mistake where it is about no reference."""
    found = meant(world, incident)
    offered = offer(world, found)
    if offered is None:
        raise Mistake("this incident is about no reference that could be learned anew, or no bundle serves there")
    with writing(world):
        told = relearn(world, person, offered.places, plain_why(why), seen)
    if not is_part(request):
        return back_to(f"/incidents/{found.id}")
    view = view_of(world, found)
    text = part(request, "acts", said_of(view)) + parts_of(request, view, [each for each in PARTS if each != "acts"])
    return HTMLResponse(text, headers=said({"andon:tell": told}))


def drift_of(world: World, name: str) -> dict[str, Any]:
    """What the panel says: `places` that are seen now, and `others` that were."""
    shown, trouble = world.watched.at(name)
    now = world.now()
    found = standings(world.references.at(name), [shown] if shown else [])
    newest = max((each.shown.last for each in found if each.shown and not each.place.sensors), default=now)
    current = [each for each in found if is_current(each, newest)]
    return {
        "name": name,
        "places": [Learning(each, now) for each in current],
        "others": [Learning(each, now) for each in found if each not in current],
        "trouble": trouble,
    }


def is_current(standing: Standing, newest: datetime) -> bool:
    """Whether it is of the sensors, or sent frames within an hour of the station's `newest`."""
    shown = standing.shown
    return standing.place.sensors or (shown is not None and newest - shown.last <= TURNS)

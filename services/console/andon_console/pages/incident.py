"""One incident: the page that a page links to. Its parts are asked for anew when something has changed."""

import re
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from andon.errors import Mistake
from andon.incidents import Incident, turn_words
from andon.incidents.chronicle import names
from andon.line import Plan
from andon_console.drifting.act import offer
from andon_console.drifting.drifted import with_others
from andon_console.incidents.quiet import quiet, shift_end
from andon_console.incidents.runbooks import filled
from andon_console.incidents.strip import chosen, strip
from andon_console.incidents.view import View, same_cause, wanted
from andon_console.incidents.words import name_of
from andon_console.pages.paper import Seen, page, render
from andon_console.pages.pressing import address_of
from andon_console.safe.asked import Viewer
from andon_console.safe.door import Door
from andon_console.shots import Shot
from andon_console.world import World

router = APIRouter()
DIGITS = re.compile(r"[0-9a-f]{6,32}")
MOST_OTHERS, MOST_BEFORE = 10, 5
BEFORE = timedelta(days=30)
PARTS = ("state", "drift", "moves", "strip", "acts", "facts", "history", "others")
"""What is asked for anew while somebody looks. What they look at, the chosen frame, is left alone."""

Named = Annotated[str, Path(max_length=64)]
Frame = Annotated[str, Query(max_length=64)]


@router.get("/incidents/{incident}")
def incident_page(request: Request, world: Seen, _person: Viewer, incident: Named, frame: Frame = "") -> Response:
    """All of it, by its id; its first 6 digits lead there."""
    found = meant(world, incident)
    if incident != str(found.id):
        return RedirectResponse(f"/incidents/{found.id}", 303)
    view = view_of(world, found, frame)
    said = said_of(view)
    parts = {name: part(request, name, said) for name in (*PARTS, "shown")}
    return page(request, "incident.html.j2", parts=parts, **said)


@router.get("/incidents/{incident}/now")
def now(request: Request, world: Seen, _person: Viewer, incident: Named, frame: Frame = "") -> Response:
    """The parts that change by themselves, each to be put where it belongs."""
    view = view_of(world, meant(world, incident), frame)
    return HTMLResponse(parts_of(request, view, PARTS))


@router.get("/incidents/{incident}/frame")
def frame_part(
    request: Request, world: Seen, _person: Viewer, incident: Named, frame: Frame, before: Frame = ""
) -> Response:
    """One frame, large, with what is said of it; `before` is the frame that was answered last."""
    view = view_of(world, meant(world, incident), frame)
    said = {"before": _answered(world, wanted(before)), "fresh": True, "back": address_of(request)}
    return HTMLResponse(part(request, "shown", said_of(view) | said))


def meant(world: World, text: str) -> Incident:
    """The incident of an address. Raises HTTPException 404 where none is known here, Mistake where it means several."""
    digits = text.strip().lower().replace("-", "")
    if DIGITS.fullmatch(digits):
        found = world.incidents.get(UUID(digits)) if len(digits) == 32 else None
        if found is not None:
            return found
        try:
            by_digits = world.incidents.meant(digits)
        except Mistake as error:
            if "begin so" in str(error):
                raise
        else:
            if by_digits.id.hex.startswith(digits):
                return by_digits
    raise HTTPException(404, _unknown(world, text))


def view_of(world: World, incident: Incident, frame: str = "") -> View:
    """It, and all that stands beside it."""
    now = world.now()
    frames = strip(incident, world.answers.of)
    plan = plan_of(world, incident)
    held = quiet(incident, world.silences.of, world.line, now)
    there = {each.id: each for station in sorted(names(incident)) for each in world.incidents.open_at(station)}
    past = {each.id: each for station in names(incident) for each in world.incidents.since(now - BEFORE, station)}
    return View(
        incident=incident,
        plan=plan,
        frames=frames,
        shown=chosen(frames, wanted(frame)),
        quiet=held,
        shift=shift_end(plan, now),
        untold=world.quieting.failed(held.targets),
        others=[each for each in there.values() if each.id != incident.id][:MOST_OTHERS],
        before=same_cause([each for each in past.values() if each.id not in there], incident, MOST_BEFORE),
        learn=offer(world, incident),
        drifts=with_others(incident, world.findings.open_at(incident.last.station)),
    )


def plan_of(world: World, incident: Incident) -> Plan:
    """What the line file says of its station; of its first, where it is of a whole line."""
    last = incident.last
    return world.line.of(last.stations[0] if last.station == "*" and last.stations else last.station)


def said_of(view: View) -> dict[str, Any]:
    """What the templates of its parts are given."""
    drift = view.drift
    runbook = filled(view.last.cause, view.own, drift.drift.named if drift else None)
    return {"view": view, "before": None, "words": turn_words, "name_of": name_of, "runbook": runbook}


def parts_of(request: Request, view: View, wanted: Iterable[str]) -> Markup:
    """Parts that find their own places in the page."""
    said = said_of(view)
    return Markup("").join(part(request, name, said, by_itself=True) for name in wanted)


def part(request: Request, name: str, said: dict[str, Any], *, by_itself: bool = False) -> Markup:
    """One part. `data-of` is another text whenever the part is, so that what has not changed is not touched."""
    door: Door = request.app.state.door
    proof = door.proof(request.state.person)  # another one each time: it is no change
    body = render(request, f"incident-{name}.html.j2", **said | {"proof": proof})
    digest = sha256(body.replace(proof, "").encode()).hexdigest()[:16]
    placed = Markup(' hx-swap-oob="true"') if by_itself else ""
    frame = said["view"].shown.shot.frame_id if name == "shown" and said["view"].shown else ""
    return Markup('<section id="{}" class="part" data-of="{}" data-frame="{}"{}>{}</section>').format(
        name,
        digest,
        frame,
        placed,
        Markup(body),  # noqa: S704  # out of a template that escapes
    )


def _answered(world: World, frame: UUID | None) -> Shot | None:
    """The frame that was answered last, which the incident may not show any more; worse ones take its place."""
    last = world.answers.last(frame) if frame is not None else None
    return Shot.of_answer(last) if last is not None else None


def _unknown(world: World, text: str) -> str:
    name, days = text[:40], world.settings.console.incidents_days
    if not world.caught_up:
        return f"No incident {name!r} is known here yet: the console is still reading. Load the page again in a moment."
    return (
        f"No incident {name!r} within the last {days:g} days, which are read back here. "
        f"An older one is told by: andon incidents show {name} --days 365"
    )

"""Acknowledge, resolve, silence: each one press, each once, with who and when."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from andon.incidents import Incident, acknowledged, resolved, stamp
from andon.records import Did, IncidentEvent, Silence, write_event
from andon.stage import Message
from andon.topics import INCIDENTS, SILENCES
from andon_console.answering import plain
from andon_console.incidents.quiet import Quiet, ended, ends_at, quiet, silences, spoken_until
from andon_console.incidents.words import again
from andon_console.pages.incident import PARTS, Named, meant, part, parts_of, plan_of, said_of, view_of
from andon_console.pages.paper import Seen
from andon_console.pages.pressing import back_to, is_part, said, writing
from andon_console.safe.asked import Reviewer
from andon_console.safe.people import Person
from andon_console.world import World

router = APIRouter()
MOST = 1000

Note = Annotated[str, Form(max_length=4 * MOST)]
Short = Annotated[str, Form(max_length=200)]


@router.post("/incidents/{incident}/acknowledge")
def acknowledge(request: Request, world: Seen, person: Reviewer, incident: Named, note: Note = "") -> Response:
    """Says that they have taken it on. The first counts; the second is told who that was."""
    found = meant(world, incident)
    with writing(world):
        told = _over(found) or _taken(found, person) or _acknowledge(world, person, found, plain(note, MOST))
    return _back(request, found, told)


@router.post("/incidents/{incident}/resolve")
def resolve(request: Request, world: Seen, person: Reviewer, incident: Named, note: Note = "") -> Response:
    """Says that it is over. One that is over already stays as it was ended."""
    found = meant(world, incident)
    with writing(world):
        told = _over(found) or _resolve(world, person, found, plain(note, MOST))
    return _back(request, found, told)


@router.post("/incidents/{incident}/silence")
def silence(
    request: Request,
    world: Seen,
    person: Reviewer,
    incident: Named,
    time: Short,
    why: Note = "",
    own: Short = "",
    seen: Annotated[str, Form(max_length=10_000)] = "",
) -> Response:
    """Lets nobody be called about its stations for a while. `seen` is how quiet the page said it was: where somebody
    has changed that since, they are first."""
    found = meant(world, incident)
    words: list[Silence] = []
    with writing(world):
        held = _quiet(world, found)
        told = _was_first(held, person, seen)
        if told is None:
            now = world.now()
            until = ends_at(time, own, plan_of(world, found), now)
            words = silences(held.targets, until, plain(why, MOST), person.name, now)
            _write(world, person, Did.SILENCED, words, held)
            told = f"Nobody is called about {held.about} until {spoken_until(until)}."
    world.quieting.tell(words, world.now())
    return _back(request, found, told)


@router.post("/incidents/{incident}/silence/end")
def end_silence(request: Request, world: Seen, person: Reviewer, incident: Named, seen: Note = "") -> Response:
    """Ends what keeps it quiet now."""
    found = meant(world, incident)
    words: list[Silence] = []
    with writing(world):
        held = _quiet(world, found)
        told = _was_first(held, person, seen) if held.on else "No silence is on."
        if told is None:
            words = ended(held.on, person.name, world.now())
            _write(world, person, Did.UNSILENCED, words, held)
            told = "The silence is over; what is open is told within half a minute."
    world.quieting.tell(words, world.now())
    return _back(request, found, told)


@router.post("/incidents/{incident}/silence/tell")
def tell_again(request: Request, world: Seen, _person: Reviewer, incident: Named) -> Response:
    """Tells Alertmanager once more what it could not be told."""
    found = meant(world, incident)
    held = _quiet(world, found)
    words = [each for target in held.targets if (each := world.silences.of(target)) is not None]
    world.quieting.tell(words, world.now())
    failed = world.quieting.failed(held.targets)
    return _back(request, found, "" if failed else "Alertmanager knows now.")


def _over(incident: Incident) -> str | None:
    over = incident.resolved
    if over is None:
        return None
    who = f"{over.by} ended it" if over.by else "It ended by itself"
    return f"{who} at {stamp(over.at)} UTC. Nothing was written."


def _taken(incident: Incident, person: Person) -> str | None:
    taken = incident.taken
    if taken is None:
        return None
    if taken.by == person.name:
        return "You have it."  # pressed twice
    return f"{taken.by or 'Somebody'} was first and has it since {stamp(taken.at)} UTC."


def _acknowledge(world: World, person: Person, incident: Incident, note: str) -> str:
    _turn(world, person, Did.ACKNOWLEDGED, acknowledged(incident, person.name, note, world.now()))
    return "You have it now; pages say so."


def _resolve(world: World, person: Person, incident: Incident, note: str) -> str:
    event = resolved(incident, person.name, note, world.now())
    _turn(world, person, Did.RESOLVED, event)
    return f"It is over; whoever was told of it is told so. {again(event.cause)}"


def _turn(world: World, person: Person, did: Did, event: IncidentEvent) -> None:
    message = Message(INCIDENTS, event.station.encode(), write_event(event))
    world.desk.write(
        person,
        did,
        [message],
        station=event.station,
        subject=str(event.incident_id),
        detail=event.note or "",
        after=event.summary,
    )


def _was_first(held: Quiet, person: Person, seen: str) -> str | None:
    """Whoever changed it after the page was made was first; twice by the same person is once."""
    if held.stamp == seen:
        return None
    last = max(held.on, key=lambda each: each.since, default=None)
    if last is None:
        return "Somebody has ended the silence meanwhile. Nothing was written; press again if you mean it."
    until = spoken_until(last.until)
    if last.by == person.name:
        return f"Nobody is called about {held.about} until {until}."
    return f"{last.by or 'Somebody'} was first: it is quiet until {until}. Press again to change that."


def _write(world: World, person: Person, did: Did, words: Sequence[Silence], held: Quiet) -> None:
    messages = [Message(SILENCES, each.key, write_event(each)) for each in words]
    before = ", ".join(f"{each.target} until {spoken_until(each.until)}" for each in held.on)
    after = ", ".join(f"{each.target} until {spoken_until(each.until)}" for each in words)
    targets = ", ".join(each.target for each in words)
    station = words[0].target if len(words) == 1 else "*"
    why = words[0].why
    world.desk.write(
        person, did, messages, station=station, subject=targets, detail=why, before=before or None, after=after
    )


def _quiet(world: World, incident: Incident) -> Quiet:
    return quiet(incident, world.silences.of, world.line, world.now())


def _back(request: Request, incident: Incident, told: str) -> Response:
    if not is_part(request):
        return back_to(f"/incidents/{incident.id}")
    world: World = request.app.state.world
    view = view_of(world, incident)
    rest = [each for each in PARTS if each not in ("acts", "strip")]
    text = part(request, "acts", said_of(view)) + parts_of(request, view, rest)
    return HTMLResponse(text, headers=said({"andon:tell": told}) if told else None)

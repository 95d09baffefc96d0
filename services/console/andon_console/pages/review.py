"""The review queue: one frame after another, large, with why it is asked, by key or by thumb."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from andon.errors import Broken
from andon.records import Answer
from andon_console.frames.frames import Gone
from andon_console.frames.gallery import Size
from andon_console.incidents.words import name_of
from andon_console.pages.paper import Seen, page, render
from andon_console.pages.verdicts import Asked as Named
from andon_console.pages.verdicts import shot_of
from andon_console.review.asking import Choice
from andon_console.review.queue import Candidate, Kind
from andon_console.review.words import KINDS, Progress, next_audit, progress, why
from andon_console.review.worth import Wanted
from andon_console.safe.asked import Viewer
from andon_console.safe.people import Person
from andon_console.shots import Shot
from andon_console.world import World

router = APIRouter()
TRIES = 5  # frames whose image turns out to be gone, before it is said that there is none


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: which frames, `frame` one of them, `before` the one that was looked at last, `skip`
    whether that was passed over."""

    wanted: Wanted
    frame: UUID | None = None
    before: UUID | None = None
    skip: bool = False

    @property
    def query(self) -> str:
        """Which frames, for an address: '' for any, else '&...'."""
        said = {"station": self.wanted.station, "product": self.wanted.product, "kind": self.wanted.kind or ""}
        chosen = urlencode({name: value for name, value in said.items() if value})
        return f"&{chosen}" if chosen else ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the page shows: the frame, why it is asked, and who said what of it and of the one before."""

    shot: Shot | None
    why: list[str]
    audit: bool
    answer: Answer | None
    before: Shot | None
    choice: Choice


Text = Annotated[str, Query(max_length=128)]


def _asked(
    station: Text = "",
    product: Text = "",
    kind: Literal["", "incident", "near", "disagree", "audit", "call"] = "",
    frame: UUID | None = None,
    before: UUID | None = None,
    skip: bool = False,
) -> Asked:
    return Asked(Wanted(station, product, Kind(kind) if kind else None), frame, before, skip)


Wish = Annotated[Asked, Depends(_asked)]


@router.get("/review")
def review(request: Request, world: Seen, person: Viewer, asked: Wish) -> Response:
    """The frame that is worth most, or the one that is named."""
    said = _said(world, person, asked)
    known = world.review.all()
    stations = sorted({each.shot.station for each in known} | ({asked.wanted.station} - {""}))
    products = sorted({each.shot.product or "" for each in known} | {asked.wanted.product})
    return page(request, "review.html.j2", stations=stations, products=[*filter(None, products)], **said)


@router.get("/review/frame")
def review_frame(request: Request, world: Seen, person: Viewer, asked: Wish) -> Response:
    """The same without the page around it."""
    said = _said(world, person, asked)
    said |= {"oob": True, "path": "/review"}  # where a form leads back to that no script has sent
    names = ("review-shown.html.j2", "review-progress.html.j2")
    return HTMLResponse("".join(render(request, name, **said) for name in names))


@router.get("/review/progress")
def review_progress(request: Request, world: Seen, person: Viewer, asked: Wish) -> Response:
    """How far people are; and who has answered the frame that is shown meanwhile."""
    if asked.frame is not None:
        world.review.seats.look(person.name, asked.frame)
    return HTMLResponse(render(request, "review-progress.html.j2", **_far(world, person, asked)))


def _said(world: World, person: Person, asked: Asked) -> dict[str, Any]:
    sight = _sight(world, person, asked)
    shown = replace(asked, frame=sight.shot.frame_id if sight.shot else None)
    world.review.seats.look(person.name, shown.frame)
    return {"sight": sight, "kinds": KINDS, "share": _share(world), **_far(world, person, shown)} | (
        {"expected": next_audit(world.stations.all(), _share(world))} if sight.shot is None else {"expected": ""}
    )


def _far(world: World, person: Person, asked: Asked) -> dict[str, Any]:
    now = world.now()
    waiting = world.review.all()
    begun: dict[str, Any] = {}

    def begins(station: str) -> Any:
        if station not in begun:
            begun[station] = world.line.of(station).shift_of(now).begins
        return begun[station]

    far: Progress = progress(world.answers.all(), waiting, person.name, begins, now)
    answer = world.answers.of(asked.frame) if asked.frame else None
    return {
        "asked": asked,
        "oob": False,
        "far": far,
        "left": sum(asked.wanted.has(each) for each in waiting),
        "by_other": answer.by if answer is not None and answer.by != person.name else "",
        "unremembered": world.reviewing is not None and world.reviewing.remembers.away_since is not None,
        "reading": world.reviewing is not None and world.reviewing.reading,
    }


def _sight(world: World, person: Person, asked: Asked) -> Sight:
    if asked.skip and asked.before is not None:
        world.review.seats.skip(person.name, asked.before)
    before = _known(world, asked.before) if asked.before and not asked.skip else None
    if asked.frame is not None:
        return _one(world, person, asked, asked.frame, before)
    for _ in range(TRIES):
        choice = world.review.choose(person.name, asked.wanted, asked.before)
        if choice.shown is None:
            break
        shot = _whole(world, choice.shown.shot)
        if not _is_gone(world, shot):
            return _sight_of(world, choice.shown, shot, before, choice)
        world.review.gone(shot.frame_id)
    return Sight(None, [], False, None, before, Choice(None, None, 0))


def _one(world: World, person: Person, asked: Asked, frame: UUID, before: Shot | None) -> Sight:
    """The frame that is named, be it answered. Raises HTTPException 410 where nothing is known of it."""
    choice = world.review.choose(person.name, asked.wanted, frame)
    found = world.review.find(frame)
    shot = _whole(world, found.shot) if found else shot_of(world, Named(frame_id=frame))
    if found is not None:
        return _sight_of(world, found, shot, before, choice)
    answer = world.answers.of(frame)
    return Sight(shot, [], bool(answer and answer.audit), answer, before, choice)


def _sight_of(world: World, found: Candidate, shot: Shot, before: Shot | None, choice: Choice) -> Sight:
    named = next((name_of(each.last.cause) for each in _incidents(world, found)), "")
    words = why(found, _share(world), named)
    return Sight(shot, words, found.kind is Kind.AUDIT, world.answers.of(shot.frame_id), before, choice)


def _incidents(world: World, found: Candidate) -> Any:
    shown = (world.incidents.get(each) for each in world.incidents.showing(found.frame_id))
    return (each for each in shown if each is not None and each.resolved is None)


def _known(world: World, frame: UUID) -> Shot | None:
    last = world.answers.last(frame)
    return Shot.of_answer(last) if last is not None else None


def _whole(world: World, shot: Shot) -> Shot:
    """With its regions, where its score can still be read."""
    place = shot.scored
    known = place is not None and place.offset >= 0
    named = Named(frame_id=shot.frame_id, **({"partition": place.partition, "offset": place.offset} if known else {}))  # type: ignore[union-attr]
    try:
        return shot_of(world, named)
    except (HTTPException, Broken):
        return shot


def _is_gone(world: World, shot: Shot) -> bool:
    """Made now, the picture is there when the browser asks."""
    try:
        return isinstance(world.gallery.picture(shot, Size.VIEW), Gone)
    except Broken:
        return False  # the page says so


def _share(world: World) -> float:
    return world.settings.console.audit_per_1000 / 1000

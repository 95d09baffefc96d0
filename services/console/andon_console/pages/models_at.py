"""The models of one station (and product): what serves, and changing that, one sheet a change."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from andon.assigning import named
from andon.assignments import Serving
from andon.commands.doubts import doubts
from andon.errors import Broken, Invalid, Mistake
from andon.records import Assignment, write_event
from andon.stage import Message
from andon.topics import MODELS
from andon_console.answering import plain
from andon_console.models.changing import Act, Where, Wish, changed, conflict, done, stamp, told, trial_of
from andon_console.models.shelf import Entry
from andon_console.models.words import place, standing, trial
from andon_console.pages.models import at_address
from andon_console.pages.paper import Seen, page, render
from andon_console.pages.pressing import back_to, is_part, said, writing
from andon_console.safe.asked import Engineer, Viewer
from andon_console.safe.people import Person
from andon_console.world import World

router = APIRouter()
MOST_WHY = 1000
MOST_CHOICES = 200
TITLES = {
    Act.ASSIGN: "Assign a bundle",
    Act.SHADOW: "Put a bundle beside it as a shadow",
    Act.UNSHADOW: "Drop a shadow",
    Act.PROMOTE: "Promote a shadow",
    Act.ROLLBACK: "Roll back",
}
HEX = r"^([0-9a-f]{64})?$"


def _where(station: Annotated[str, Path(max_length=128)], product: Annotated[str, Query(max_length=128)] = "") -> Where:
    try:
        return Where.of(station, product)
    except Invalid as error:
        raise HTTPException(404, error.detail) from None


Place = Annotated[Where, Depends(_where)]
Bundle = Annotated[str, Query(pattern=HEX)]


class Quicker(HTTPException):
    """Somebody has changed it since the page was made."""

    def __init__(self, told: str) -> None:
        super().__init__(409, told)


@dataclass(frozen=True, slots=True)
class Choice:
    """A bundle that may be chosen, and what is known of it."""

    digest: str
    words: str


@router.get("/models/at/{station}")
def at(request: Request, world: Seen, _person: Viewer, where: Place) -> Response:
    """What serves there, its shadows, what was asked of training for it."""
    return page(request, "models_at.html.j2", **standings(world, where))


@router.get("/models/at/{station}/now")
def now(request: Request, world: Seen, _person: Viewer, where: Place, asked: Bundle = "") -> Response:
    """The same as a part of the page; `asked` is the bundle that somebody here just asked for."""
    return page(request, "models_now.html.j2", **standings(world, where, asked))


@router.get("/models/at/{station}/{act}")
def sheet(
    request: Request, world: Seen, _person: Engineer, where: Place, act: Act, bundle: Bundle = "", why: str = ""
) -> Response:
    """The sheet of a change: what it does, to what, and what looks wrong about it."""
    template = "models_sheet.html.j2" if is_part(request) else "models_change.html.j2"
    return page(request, template, **sheet_of(world, where, act, bundle), why=why[:MOST_WHY])


@router.post("/models/at/{station}/{act}")
def change(
    request: Request,
    world: Seen,
    person: Engineer,
    where: Place,
    act: Act,
    bundle: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")],
    why: Annotated[str, Form(max_length=4 * MOST_WHY)],
    seen: Annotated[str, Form(max_length=16)],
    frames: Annotated[str, Form(max_length=12)] = "",
    budget: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Writes the change, unless somebody was quicker than the form."""
    wish = Wish(act, bundle, plain_why(why), trial_of(_count(frames), budget))
    if act is not Act.UNSHADOW:
        world.bench.shelf.servable(bundle)
    try:
        with writing(world):
            sentence = _change(world, person, where, wish, seen)
    except Quicker as first:
        if not is_part(request):
            raise
        return _again(request, where, wish, str(first.detail))
    if not is_part(request):
        return back_to(at_address(where))
    asked = bundle if act.swaps else ""
    text = render(request, "models_now.html.j2", **standings(world, where, asked) | {"oob": True})
    return HTMLResponse(text, headers=said({"andon:tell": sentence}))


def _again(request: Request, where: Where, wish: Wish, first: str) -> Response:
    """The sheet once more, as things stand now, with who was quicker; and what serves now."""
    world: World = request.app.state.world
    again = sheet_of(world, where, wish.act, wish.bundle)
    text = render(request, "models_sheet.html.j2", **again | {"quicker": first}, why=wish.why)
    text += render(request, "models_now.html.j2", **standings(world, where) | {"oob": True})
    return HTMLResponse(text, headers=said({"andon:tell": first}))


def standings(world: World, where: Where, asked: str = "") -> dict[str, Any]:
    """What the page of a station's models shows."""
    own = world.models.of(where.station, where.product)
    serving = own or world.models.lookup(where.station, where.product)
    return {
        "where": where,
        "own": own,
        "serving": serving,
        "stamp": stamp(own.active if own else None),
        "standing": standing(serving) if serving else None,
        "trial": trial(serving) if serving else None,
        "swap": world.models.swap_of(where.station, where.product),
        "overtaken": _overtaken(own, asked),
        "asked": asked,
        "asks": world.requests.at(where.station, where.product)[:20],
        "entry": world.bench.shelf.listing(0.5).of,
        "link": lambda act="", **query: at_address(where, act, **query),
        "place": place,
        "oob": False,
    }


def sheet_of(world: World, where: Where, act: Act, bundle: str) -> dict[str, Any]:
    """What a sheet shows; `bundle` is what was chosen so far."""
    own = world.models.of(where.station, where.product)
    serving = own or world.models.lookup(where.station, where.product)
    listing = world.bench.shelf.listing()
    choices = list(_choices(own, act, listing.entries))
    chosen = bundle or (choices[0].digest if act not in (Act.ASSIGN, Act.SHADOW) and choices else "")
    if chosen and chosen not in {each.digest for each in choices}:
        choices.insert(0, Choice(chosen, ""))
    found, trouble = _doubts(world, where, act, chosen, serving)
    return {
        "where": where,
        "act": act,
        "title": TITLES[act],
        "own": own,
        "serving": serving,
        "stamp": stamp(own.active if own else None),
        "choices": choices,
        "chosen": chosen,
        "doubts": found,
        "trouble": trouble or listing.trouble,
        "named": named,
        "quicker": "",
        "link": lambda name="", **query: at_address(where, name, **query),
    }


def _change(world: World, person: Person, where: Where, wish: Wish, seen: str) -> str:
    """The sentence that tells what was done. Raises Quicker, Mistake."""
    _must_be_read(world)
    own = world.models.of(where.station, where.product)
    before = own.active if own else None
    first = conflict(where, before, seen, person.name)
    if first is not None:
        raise Quicker(first)
    after = changed(where, before, wish, person.name, world.now())
    world.desk.write(
        person,
        wish.act.did,
        [Message(MODELS, after.key, write_event(after))],
        station=where.station,
        subject=wish.bundle,
        detail=f"product {where.product}: {wish.why}" if where.product else wish.why,
        before=told(before),
        after=told(after),
    )
    return done(where, before, after, wish.act, wish.bundle)


def _must_be_read(world: World) -> None:
    """Raises HTTPException 503 while nobody here knows how things stand."""
    for each in world.follows:
        if each.topic == MODELS and (not each.caught_up or each.trouble):
            raise HTTPException(
                503, f"What is assigned cannot be read now: {each.trouble or 'still reading'}. Nothing was written."
            )


def _choices(own: Serving | None, act: Act, entries: tuple[Entry, ...]) -> Any:
    """What may be chosen for a change."""
    known = {each.digest: each for each in entries}
    active = own.active if own else None
    match act:
        case Act.PROMOTE | Act.UNSHADOW:
            digests = list(active.shadows) if active else []
        case Act.ROLLBACK:
            digests = (
                list(dict.fromkeys(each.bundle for each in active.past if each.bundle != active.bundle))
                if active
                else []
            )
        case _:
            serving = {active.bundle} if active else set()
            digests = [each.digest for each in entries if not each.problem and each.digest not in serving][
                :MOST_CHOICES
            ]
    yield from (Choice(each, _words(known.get(each), _past(active, each, act))) for each in digests)


def _words(entry: Entry | None, more: str) -> str:
    if entry is None:
        return more
    made = f"made {entry.at:%Y-%m-%d %H:%M}" if entry.at else ""
    return ", ".join(filter(None, (entry.product, entry.method, made, more)))


def _past(active: Assignment | None, digest: str, act: Act) -> str:
    if active is None or act is not Act.ROLLBACK:
        return ""
    found = next((each for each in active.past if each.bundle == digest), None)
    return f"assigned {found.at:%Y-%m-%d %H:%M}{f' by {found.by}' if found.by else ''}" if found else ""


def _doubts(world: World, where: Where, act: Act, chosen: str, serving: Serving | None) -> tuple[list[str], str]:
    """What looks wrong about a bundle there, and why it cannot be looked at or may not serve."""
    if not chosen or act is Act.UNSHADOW:
        return [], ""
    shelf = world.bench.shelf
    try:
        manifest = shelf.servable(chosen)
    except (Broken, Mistake) as error:
        return [], str(error)
    before = None
    with suppress(Broken, Mistake):  # what serves may be gone from the store; the new one is not
        before = shelf.card(serving.active.bundle).manifest if serving else None
    return doubts(manifest, where.product, before), ""


def _overtaken(own: Serving | None, asked: str) -> Assignment | None:
    """The assignment that came after what was asked for here."""
    return own.active if own and asked and own.active.bundle != asked else None


def plain_why(why: str) -> str:
    """What somebody said why, on one line. Raises Mistake where they said nothing."""
    words = plain(why, MOST_WHY)
    if not words:
        raise Mistake("say why, in a few words: whoever looks tonight will want to know")
    return words


def _count(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal():
        raise Mistake(f"{text[:20]!r} is no number of frames; such as 2000")
    return int(text)

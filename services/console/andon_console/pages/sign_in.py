"""Signing in by a token, and out."""

from contextlib import suppress
from typing import Annotated

import structlog
from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from starlette.requests import Request
from starlette.responses import Response

from andon.errors import Broken
from andon.records import Did
from andon_console.pages.paper import Seen, page
from andon_console.safe.asked import Viewer
from andon_console.safe.door import Door
from andon_console.safe.people import Person
from andon_console.safe.roster import Roster
from andon_console.safe.tries import Tries
from andon_console.world import World

router = APIRouter()
WRONG = "No person here has that token. Ask whoever runs Andon for yours: andon console people add NAME"
TOO_MANY = "Too many wrong tokens came from your address. Wait a minute."


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "/") -> Response:
    """The form. A token after '#' in the address is filled in by the page; it never travels to a log."""
    return page(request, "sign-in.html.j2", next=local(next), wrong="")


@router.post("/sign-in")
def sign_in(
    request: Request,
    world: Seen,
    token: Annotated[str, Form(max_length=256)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """A session for whoever's token it is."""
    door: Door = request.app.state.door
    roster: Roster = request.app.state.roster
    tries: Tries = request.app.state.tries
    address = door.address(request)
    if not door.is_ours(request) or not tries.may(address):
        return page(request, "sign-in.html.j2", status=429, next=local(next), wrong=TOO_MANY)
    entry = roster.by_token(token.strip())
    if entry is None:
        tries.wrong(address)
        structlog.get_logger().warning("wrong_token", address=address)
        return page(request, "sign-in.html.j2", status=403, next=local(next), wrong=WRONG)
    tell(world, Person(entry.name, entry.role, "", address), Did.SIGNED_IN)
    answer = RedirectResponse(local(next), 303)
    door.let_in(answer, entry)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, world: Seen, person: Viewer) -> Response:
    """The session is over, here and in the browser."""
    door: Door = request.app.state.door
    answer = RedirectResponse("/sign-in", 303)
    door.let_out(answer, person)
    tell(world, person, Did.SIGNED_OUT)
    return answer


def tell(world: World, person: Person, did: Did) -> None:
    """Writes it to the audit log; while Kafka is away the log of the console alone has it: nothing can be changed then,
    and people may look."""
    if world.reachable.away_since is None:
        with suppress(Broken):
            world.desk.write(person, did)
            return
    structlog.get_logger().warning("not_in_the_audit_log", did=did.value, by=person.name, address=person.address)


def local(path: str) -> str:
    """`path` where it is one of our own pages; else the board."""
    is_plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if is_plain else "/"

"""What a route asks of whoever calls it: `Viewer`, `Reviewer` or `Engineer`, as the type of its parameter.

    @router.post("/incidents/{incident}/acknowledge")
    def acknowledge(incident: UUID, person: Reviewer, ...) -> Response: ...

Whatever is not GET or HEAD must be meant, too: sent by one of our pages, with the session's proof.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from andon_console.safe.door import PROOF_FIELD, PROOF_HEADER, Door
from andon_console.safe.people import Person, Role

SAFE = ("GET", "HEAD")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class NotSignedIn(Exception):
    """Nobody that is known: they may sign in."""


class NotAllowed(Exception):
    """Somebody that is known, and may not. The text is for them."""

    def __init__(self, person: Person, text: str) -> None:
        super().__init__(text)
        self.person = person


def at_least(role: Role) -> Callable[[Request], Awaitable[Person]]:
    """A dependency: the person, who may what `role` may, and meant what they sent."""

    async def check(request: Request) -> Person:
        door: Door = request.app.state.door
        person = door.who(request)
        if person is None:
            raise NotSignedIn
        if not person.role.may(role):
            raise NotAllowed(person, f"this needs the role {role}; you are signed in as {person.role}")
        if request.method not in SAFE:
            await _meant(door, person, request)
        request.state.person = person
        return person

    return check


async def _meant(door: Door, person: Person, request: Request) -> None:
    given = request.headers.get(PROOF_HEADER, "")
    if not given and request.headers.get("Content-Type", "").startswith(FORMS):
        given = str((await request.form()).get(PROOF_FIELD, ""))
    if not door.is_ours(request) or not door.is_proof(person, given):
        raise NotAllowed(person, "this did not come from your own page; load the page again and repeat it")


Viewer = Annotated[Person, Depends(at_least(Role.VIEWER))]
Reviewer = Annotated[Person, Depends(at_least(Role.REVIEWER))]
Engineer = Annotated[Person, Depends(at_least(Role.ENGINEER))]

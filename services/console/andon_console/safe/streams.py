"""Streams of events that stay open: how many of them somebody may hold, and whether they still may."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, HTTPException
from starlette.requests import Request

from andon_console.safe.asked import Viewer
from andon_console.safe.door import Door

MOST = 30  # of one person: a browser holds six at most, and there may be a wall of screens
LOOK_EVERY = 15  # asked so often, the door is asked once: at 0.3 s a look, every 5 s
TOO_MANY = HTTPException(429, "You have too many pages open that follow the line; close some.")


class Streams:
    """How many are open, by person. Only the loop of the server touches it."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def begin(self, name: str) -> bool:
        """One more, where they may."""
        if self._open[name] >= MOST:
            return False
        self._open[name] += 1
        return True

    def end(self, name: str) -> None:
        """One less."""
        self._open[name] -= 1
        if self._open[name] <= 0:
            del self._open[name]

    def of(self, name: str) -> int:
        """How many somebody has open."""
        return self._open[name]


class Stream:
    """One of them."""

    def __init__(self, door: Door, request: Request) -> None:
        self._door = door
        self._request = request
        self._looks = 0

    def is_welcome(self) -> bool:
        """Whether whoever opened it would still be let in: who was taken out, or signed out, hears no more."""
        self._looks += 1
        return self._looks % LOOK_EVERY != 0 or self._door.who(self._request) is not None


async def _one(request: Request, person: Viewer) -> AsyncIterator[Stream]:
    streams: Streams = request.app.state.streams
    if not streams.begin(person.name):
        raise TOO_MANY
    try:
        yield Stream(request.app.state.door, request)
    finally:
        streams.end(person.name)


OneStream = Annotated[Stream, Depends(_one)]
"""A stream of events for a viewer, as the type of a route's parameter: ask `is_welcome()` before each event."""

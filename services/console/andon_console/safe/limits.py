"""How much somebody may send, and for how long."""

import asyncio
from collections.abc import Callable

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1024 * 1024
WITHIN_S = 15.0
TOO_LARGE = HTTPException(413, f"At most {MOST_BYTES // 1024} KiB can be sent.")
TOO_SLOW = HTTPException(408, f"It did not arrive within {WITHIN_S:.0f} s. Nothing was changed; try again.")


class Limits:
    """Bodies end after MOST_BYTES and WITHIN_S. What a route never reads, nobody keeps."""

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BYTES, within_s: float = WITHIN_S) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer of the app, which reads its body by a measure."""
        if scope["type"] == "http":
            receive = _Measured(receive, Headers(scope=scope), self._most_bytes, self._within_s)
        await self._app(scope, receive, send)


class _Measured:
    """One request's body. Raises HTTPException inside of what reads it, so that it is told like any other mistake."""

    def __init__(self, receive: Receive, headers: Headers, most_bytes: int, within_s: float) -> None:
        self._receive = receive
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._until = self._clock() + within_s
        self._left = most_bytes
        self._more = True
        said = headers.get("content-length", "")
        self._says_more = said.isdecimal() and int(said[:19]) > most_bytes

    async def __call__(self) -> Message:
        if not self._more:  # only whether they are still there
            return await self._receive()
        if self._says_more:
            raise TOO_LARGE
        try:
            async with asyncio.timeout(self._until - self._clock()):
                message = await self._receive()
        except TimeoutError:
            raise TOO_SLOW from None
        return self._counted(message)

    def _counted(self, message: Message) -> Message:
        self._left -= len(message.get("body", b""))
        self._more = bool(message.get("more_body", False))
        if self._left < 0:
            raise TOO_LARGE
        return message

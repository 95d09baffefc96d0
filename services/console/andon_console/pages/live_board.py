"""What the board is told as it happens: one stream for its tiles, and for all that every page hears."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response, StreamingResponse

from andon_console.board.board import EVERY_S, Board
from andon_console.pages.board import TheBoard
from andon_console.pages.live import STAND_EVERY_S, standing, versions
from andon_console.pages.paper import Seen
from andon_console.safe.streams import OneStream, Stream
from andon_console.world import World

router = APIRouter()
Edition = Annotated[str, Query(max_length=40)]


@router.get("/live/board")
async def live_board(
    world: Seen,
    board: TheBoard,
    stream: OneStream,
    since: Edition = "",
    last_event_id: Annotated[str, Header(max_length=40)] = "",
) -> Response:
    """`board` is an edition: what changed of the tiles since the one before. `again` asks for the page anew: it is too
    old. `changed` and `standing` are those of `/live`. `since` is the edition that the page was made with; a browser
    that comes back by itself names the last one it heard."""
    told = events(world, board, stream, last_event_id or since)
    return StreamingResponse(told, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def events(world: World, board: Board, stream: Stream, edition: str) -> AsyncIterator[bytes]:
    """Every stream wakes at the same beats of one clock: the first looks at the world, all send what it found."""
    clock = asyncio.get_running_loop().time
    before, stood = versions(world), -STAND_EVERY_S
    while not world.ending and stream.is_welcome():
        board.turn(world.now())
        missed = board.since(edition)
        edition, found = missed or (board.edition, [])
        if missed is None:
            found.append(event("again", None, edition))
        after = versions(world)
        changed = [name for name, version in after.items() if version != before[name]]
        before = after
        if changed:
            found.append(event("changed", changed))
        if clock() - stood >= STAND_EVERY_S:
            stood = clock()
            found.append(event("standing", standing(world)))
        if found:
            yield b"".join(found)
        await asyncio.sleep(EVERY_S - clock() % EVERY_S)


def event(name: str, data: Any, edition: str = "") -> bytes:
    """One of a stream; a browser that comes back names the last `edition` that it was told."""
    text = json.dumps(data, separators=(",", ":"))
    return f"{f'id: {edition}{chr(10)}' if edition else ''}event: {name}\ndata: {text}\n\n".encode()

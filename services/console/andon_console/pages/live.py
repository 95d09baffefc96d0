"""What tells pages that something changed: one stream of events a page."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent

from andon_console.pages.paper import Seen
from andon_console.safe.streams import OneStream
from andon_console.world import World

router = APIRouter()
LOOK_EVERY_S = 0.3
STAND_EVERY_S = 5.0


@router.get("/live", response_class=EventSourceResponse)
async def live(world: Seen, stream: OneStream) -> AsyncIterator[ServerSentEvent]:
    """`changed` names what changed: incidents, answers, models, silences, deeds, requests, baselines.
    `standing` says how Kafka fares."""
    before, stood = versions(world), -STAND_EVERY_S
    clock = asyncio.get_running_loop().time
    while not world.ending and stream.is_welcome():
        if clock() - stood >= STAND_EVERY_S:
            stood = clock()
            yield ServerSentEvent(event="standing", data=standing(world))
        after = versions(world)
        changed = [name for name, version in after.items() if version != before[name]]
        if changed:
            before = after
            yield ServerSentEvent(event="changed", data=changed)
        await asyncio.sleep(LOOK_EVERY_S)


def versions(world: World) -> dict[str, int]:
    """A number for each thing that a page may show; another one when it changed."""
    return {
        "incidents": world.incidents.version,
        "answers": world.answers.version,
        "models": world.models.version,
        "silences": world.silences.version,
        "deeds": world.deeds.version,
        "requests": world.requests.version,
        "baselines": world.references.version,
    }


def standing(world: World) -> dict[str, object]:
    """Whether what is shown is of now, for the line at the top of each page."""
    away = world.reachable.away_since
    troubles = {each.topic: each.trouble for each in world.follows if each.trouble}
    return {
        "away_since": away.isoformat() if away else None,
        "reading": not world.caught_up,
        "troubles": troubles,
    }

"""One dead letter: why it was refused, its picture, and what to do about it."""

from typing import Literal

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from andon.errors import Mistake
from andon.incidents.when import stamp
from andon.letters import Letter, Wanted, Way, advice, read_letter, way
from andon.letters.bytes import kind_of, look_of
from andon.letters.headers import headers_shown
from andon.stage import Record
from andon.topics import DEAD_LETTERS
from andon_console.frames.gallery import Size
from andon_console.pages.frames import SIZES, Offset, Partition, answered, type_of
from andon_console.pages.letters import Why, discarded, replayed
from andon_console.pages.paper import Seen, page
from andon_console.pages.pressing import back_to, needing
from andon_console.safe.asked import Engineer, Viewer
from andon_console.world import World

router = APIRouter()


@router.get("/letters/{partition}/{offset}")
def letter(request: Request, world: Seen, _person: Viewer, partition: Partition, offset: Offset) -> Response:
    """All that is known of it."""
    record = _record(world, partition, offset)
    found = read_letter(record)
    alike = world.letters.piles(Wanted(found.reason, found.station, handled=True), 1)
    how = way(found, world.settings.frames)
    return page(
        request,
        "letter.html.j2",
        letter=found,
        advice=advice(found.reason),
        turn=world.letters.turn(found),
        alike=alike.count,
        able=isinstance(how, Way),
        why_not="" if isinstance(how, Way) else how,
        from_image=how is Way.ITS_IMAGE,
        look=look_of(record.value),
        headers=list(headers_shown(record.headers)),
    )


@router.get("/letters/{partition}/{offset}/{size}.jpg")
def picture(
    world: Seen, _person: Viewer, partition: Partition, offset: Offset, size: Literal["thumb", "view"]
) -> Response:
    """It as a JPEG; where no decoder should see it, a picture that says what it is."""
    answer = answered(lambda: world.letter_pictures.picture(partition, offset, SIZES[size]), "image/jpeg", SIZES[size])
    answer.headers["Cache-Control"] = "no-store"  # another letter may come to lie there, in a topic made anew
    return answer


@router.get("/letters/{partition}/{offset}/original")
def original(world: Seen, _person: Viewer, partition: Partition, offset: Offset) -> Response:
    """Its bytes as they came, to be saved: a browser never shows what the line refused."""
    answer = answered(lambda: world.letter_pictures.original(partition, offset), "", Size.VIEW)
    if answer.status_code == 200:
        data = bytes(answer.body)
        answer.headers["Content-Type"] = type_of(data)[0]
        name = f"letter-{partition}-{offset}.{kind_of(data).ending}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/letters/{partition}/{offset}/replay")
def replay_one(world: Seen, person: Engineer, partition: Partition, offset: Offset, why: Why = "") -> Response:
    """Sends it again. Raises Mistake where somebody handled it first, or it cannot be sent."""
    with needing(world), world.mailroom.alone:
        (outcome,) = replayed(world, person, [_unhandled(world, partition, offset)], why)
    if outcome.refused:
        raise Mistake(f"dead letter {outcome.letter.name} was not sent again: {outcome.refused}")
    return back_to(f"/letters/{partition}/{offset}")


@router.post("/letters/{partition}/{offset}/discard")
def discard_one(world: Seen, person: Engineer, partition: Partition, offset: Offset, why: Why = "") -> Response:
    """Says that nothing is to be done about it."""
    with needing(world), world.mailroom.alone:
        discarded(world, person, [_unhandled(world, partition, offset)], why)
    return back_to(f"/letters/{partition}/{offset}")


def _record(world: World, partition: int, offset: int) -> Record:
    """Raises HTTPException 410 where Kafka holds it no more; Busy, Broken."""
    found = world.mailroom.at(DEAD_LETTERS, partition, offset)
    if found is None:
        raise HTTPException(410, f"Kafka holds no dead letter {partition}/{offset}: it has expired, or never was.")
    return found


def _unhandled(world: World, partition: int, offset: int) -> Letter:
    """Raises Mistake where somebody was first."""
    found = read_letter(_record(world, partition, offset))
    turn = world.letters.turn(found)
    if turn is not None:
        raise Mistake(f"{turn.by} {turn.kind} it at {stamp(turn.at)} UTC. Nothing was done.")
    return found

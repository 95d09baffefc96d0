"""The answers of people: a press is an answer, written before the page that shows it comes back."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from andon.errors import Mistake
from andon.rates import is_audited
from andon.records import Answer, Did, FramePlace, Told, write_event
from andon.stage import Message
from andon.topics import SCORES, VERDICTS
from andon_console.answering import (
    MOST_DEFECT,
    MOST_NOTE,
    NAMES,
    Words,
    answered,
    of_evidence,
    of_score,
    outlines_of,
    plain,
    said_again,
    says_the_same,
    stamp,
    withdrawn,
)
from andon_console.pages.paper import Seen, render
from andon_console.pages.pressing import address_of, back_to, is_part, needing, said, writing
from andon_console.safe.asked import Reviewer, Viewer
from andon_console.safe.people import Person
from andon_console.shots import Shot
from andon_console.world import World

router = APIRouter()
MOST_DRAWN = 60_000  # characters: 16 outlines of 200 points
GONE = "This frame's score is not kept any more, and no incident that is known here shows it: it cannot be answered."

Partition = Annotated[int | None, Field(ge=0, lt=2**31)]
Offset = Annotated[int | None, Field(ge=0, lt=2**63)]


class Asked(BaseModel):
    """A frame, by its id and where its score lies. `seen` is the stamp of the answer that stood when the form was made;
    `line`: the answer is shown in one line. `audit`: it is asked of a random sample."""

    frame_id: UUID
    partition: Partition = None
    offset: Offset = None
    seen: Annotated[str, Field(max_length=40)] = ""
    line: bool = False
    audit: bool = False
    back: Annotated[str, Field(max_length=2000)] = "/"


class Said(Asked):
    """What somebody pressed, and what they wrote and drew. An empty `defect`, `outlines` or `note` says nothing."""

    answer: Told
    defect: Annotated[str, Field(max_length=4 * MOST_DEFECT)] = ""
    outlines: Annotated[str, Field(max_length=MOST_DRAWN)] = ""
    note: Annotated[str, Field(max_length=4 * MOST_NOTE)] = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a frame stands after a press: `told` is for who pressed, where it did not go as they meant. `news`: it was
    written."""

    shot: Shot
    told: str = ""
    news: bool = True


@router.post("/verdicts")
def say(request: Request, world: Seen, person: Reviewer, form: Annotated[Said, Form()]) -> Response:
    """One answer on one frame. Of two people at once the first counts, and the second is told who was first."""
    words = _words(world, form)
    with needing(world):
        shot = shot_of(world, form)
    with writing(world):
        outcome = _say(world, person, shot, words, form.seen)
    name = {"frame_id": str(shot.frame_id), "answer": words.answer.value, "refined": bool(words.defect or words.note)}
    return _back(request, form, outcome, {"andon:said": name} if outcome.news else {})


@router.post("/verdicts/undo")
def undo(request: Request, world: Seen, person: Reviewer, form: Annotated[Asked, Form()]) -> Response:
    """Takes one's own answer back; or, where the last word on the frame is that one did, says it again."""
    with writing(world):
        outcome = _undo(world, person, form)
    return _back(request, form, outcome, {})


@router.get("/verdicts")
def verdict(request: Request, world: Seen, _person: Viewer, form: Annotated[Asked, Query()]) -> Response:
    """The buttons and the answer as they stand; 204 where nothing has changed since the page was made."""
    if stamp(world.answers.last(form.frame_id)) == form.seen:
        return Response(status_code=204)
    return _component(request, form, Outcome(shot_of(world, form)), {})


def shot_of(world: World, asked: Asked) -> Shot:
    """The frame as Andon itself knows it: by its score, by an incident that shows it, or by what was said of it before.

    Raises HTTPException 410 where none of these is left, Mistake where another frame's score lies there; Broken.
    """
    place = _place(asked)
    score = world.frames.score(place, asked.frame_id) if place is not None else None
    if score is not None and place is not None:
        return of_score(score, place)
    for each in world.incidents.showing(asked.frame_id):
        incident = world.incidents.get(each)
        shown = of_evidence(incident, asked.frame_id) if incident is not None else None
        if shown is not None:
            return shown
    last = world.answers.last(asked.frame_id)
    if last is None:
        raise HTTPException(410, GONE)
    return Shot.of_answer(last)


def _say(world: World, person: Person, shot: Shot, words: Words, seen: str) -> Outcome:
    last, standing = world.answers.last(shot.frame_id), world.answers.of(shot.frame_id)
    if standing is not None and stamp(standing) != seen and standing.by != person.name:
        first = f"{standing.by} was first: {NAMES[standing.answer]}."
        return Outcome(shot, f"{first} Nothing of yours was written; press again to overrule.", news=False)
    answer = answered(shot, words, last, person.name, world.now())
    if standing is not None and says_the_same(answer, standing):
        return Outcome(shot)  # pressed twice
    _write(world, person, Did.ANSWERED, answer, standing)
    return Outcome(shot)


def _undo(world: World, person: Person, form: Asked) -> Outcome:
    last, taken_back = world.answers.last(form.frame_id), world.answers.taken_back(form.frame_id)
    if last is None:
        raise Mistake("nobody has said anything of this frame; there is nothing to take back")
    shot = Shot.of_answer(last)
    if stamp(last) != form.seen:
        return Outcome(shot, "" if last.by == person.name else f"{last.by} has answered it meanwhile.", news=False)
    if last.by != person.name:
        raise Mistake(f"that is {last.by}'s answer: it is theirs to take back; you may overrule it")
    if last.answer is not Told.WITHDRAWN:
        _write(world, person, Did.WITHDREW, withdrawn(last, world.now()), last)
    elif taken_back is not None:
        _write(world, person, Did.ANSWERED, said_again(taken_back, last, world.now()), None)
    return Outcome(shot)


def _write(world: World, person: Person, did: Did, answer: Answer, before: Answer | None) -> None:
    world.desk.write(
        person,
        did,
        [Message(VERDICTS, answer.station.encode(), write_event(answer))],
        station=answer.station,
        subject=str(answer.frame_id),
        detail=answer.note,
        before=_told(before),
        after=_told(answer),
    )


def _told(answer: Answer | None) -> str | None:
    if answer is None:
        return None
    more = [answer.defect or "", f"{len(answer.outlines)} drawn" if answer.outlines else ""]
    return ", ".join([f"{answer.by}: {answer.answer.value}", *filter(None, more)])


def _words(world: World, form: Said) -> Words:
    if form.answer is Told.WITHDRAWN:
        raise Mistake("to take an answer back, undo it")
    return Words(
        form.answer,
        plain(form.defect, MOST_DEFECT) or None,
        outlines_of(form.outlines),
        plain(form.note, MOST_NOTE) or None,
        _is_audit(world, form),
    )


def _is_audit(world: World, asked: Asked) -> bool:
    """Whether the frame is of the random sample, as the form says; the form alone is not believed."""
    return asked.audit and is_audited(asked.frame_id, world.settings.console.audit_per_1000 / 1000)


def _place(asked: Asked) -> FramePlace | None:
    if asked.partition is None or asked.offset is None:
        return None
    return FramePlace(topic=SCORES, partition=asked.partition, offset=asked.offset)


def _back(request: Request, form: Asked, outcome: Outcome, events: dict[str, object]) -> Response:
    if not is_part(request):
        return back_to(form.back)
    if form.line:
        return HTMLResponse(render(request, "verdict-line.html.j2", shot=outcome.shot, back=address_of(request)))
    return _component(request, form, outcome, events)


def _component(request: Request, form: Asked, outcome: Outcome, events: dict[str, object]) -> Response:
    world: World = request.app.state.world
    answer, audit = world.answers.of(outcome.shot.frame_id), _is_audit(world, form)
    text = render(
        request,
        "verdict-part.html.j2",
        shot=outcome.shot,
        answer=answer,
        audit=audit,
        told=outcome.told,
        back=address_of(request),
    )
    return HTMLResponse(text, headers=said(events))

"""What somebody says of a frame, made into an `Answer` with everything that inspection said of it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from andon.errors import Mistake
from andon.incidents import Incident
from andon.records import Answer, FramePlace, Score, Told, Verdict
from andon.records.answer import DEFECTIVE, MOST_OUTLINES, MOST_POINTS, Outline
from andon_console.shots import Shot

MOST_KINDS = 8
MOST_DEFECT = 128
MOST_NOTE = 1000
A_MOMENT = timedelta(milliseconds=1)

OF_A_CALL = (Told.REAL, Told.FALSE_CALL, Told.UNSURE)
OF_AN_OK_FRAME = (Told.MISSED, Told.GOOD, Told.UNSURE)
NAMES = {
    Told.REAL: "Real defect",
    Told.FALSE_CALL: "False call",
    Told.UNSURE: "Unsure",
    Told.MISSED: "Missed defect",
    Told.GOOD: "Good",
    Told.WITHDRAWN: "Taken back",
}
KEYS = {Told.REAL: "r", Told.FALSE_CALL: "f", Told.UNSURE: "u", Told.MISSED: "m", Told.GOOD: "g"}

_POINTS = TypeAdapter(list[list[tuple[float, float]]])


@dataclass(frozen=True, slots=True)
class Words:
    """What was pressed and written: `defect` and `note` are None, and `outlines`, where nothing was said of them."""

    answer: Told
    defect: str | None = None
    outlines: tuple[Outline, ...] | None = None
    note: str | None = None
    audit: bool = False


def offered(verdict: Verdict | None) -> tuple[Told, ...]:
    """The answers that fit what inspection said; none where it said nothing."""
    match verdict:
        case Verdict.ANOMALOUS:
            return OF_A_CALL
        case Verdict.OK:
            return OF_AN_OK_FRAME
    return ()


def answered(shot: Shot, words: Words, before: Answer | None, by: str, now: datetime) -> Answer:
    """The answer of `by` on a frame of which `before` is the last word. What it does not say of the defect it keeps of
    their own answer before, where that was the same.

    Raises Mistake where it does not fit what inspection said, or an outline does not fit the frame.
    """
    if words.answer not in offered(shot.verdict):
        raise Mistake(_does_not_fit(words.answer, shot.verdict))
    kept = before if before is not None and (before.by, before.answer) == (by, words.answer) else None
    said = _with(kept, words) if words.answer in DEFECTIVE else Words(words.answer, note=words.note)
    _check(said.outlines or (), shot)
    return Answer(
        frame_id=shot.frame_id,
        station=shot.station,
        answer=words.answer,
        defect=said.defect or None,
        outlines=said.outlines or (),
        by=by,
        at=after(before, now),
        note=said.note or "",
        audit=words.audit or (before is not None and before.audit),
        verdict=shot.verdict,
        score=shot.score,
        threshold=shot.threshold,
        bundle=shot.bundle,
        product=shot.product,
        captured_at=shot.captured_at,
        width=shot.width,
        height=shot.height,
        frame=shot.frame,
        scored=shot.scored,
        dataref=shot.dataref,
    )


def says_the_same(one: Answer, other: Answer) -> bool:
    """Whether the same person says the same of a frame."""
    return all(getattr(one, each) == getattr(other, each) for each in ("by", "answer", "defect", "outlines", "note"))


def withdrawn(standing: Answer, now: datetime) -> Answer:
    """The same answer, taken back."""
    return standing.model_copy(update={"answer": Told.WITHDRAWN, "at": after(standing, now)})


def said_again(taken_back: Answer, last: Answer, now: datetime) -> Answer:
    """What was taken back, said again."""
    return taken_back.model_copy(update={"at": after(last, now)})


def after(before: Answer | None, now: datetime) -> datetime:
    """Now; later than the last word, whatever the clock of whoever wrote that."""
    return max(now, before.at + A_MOMENT) if before is not None else now


def stamp(answer: Answer | None) -> str:
    """Another text for each answer, for a form to carry: by it the server knows what its sender had seen."""
    return answer.at.isoformat() if answer is not None else ""


def outlines_of(text: str) -> tuple[Outline, ...] | None:
    """Outlines out of what the page drew, `[[[x, y], ...], ...]` in pixels of the original; None for no word of them.

    Raises Mistake.
    """
    if not text.strip():
        return None
    try:
        drawn = _POINTS.validate_json(text)
        return tuple(Outline(points=tuple((round(x), round(y)) for x, y in each)) for each in _at_most(drawn))
    except (ValidationError, ValueError, OverflowError):
        raise Mistake(f"outlines: draw at most {MOST_OUTLINES}, each of 3 to {MOST_POINTS} points") from None


def plain(text: str, most: int) -> str:
    """What people typed, on one line, without what cannot be printed."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:most]


def of_evidence(incident: Incident, frame_id: object) -> Shot | None:
    """The frame as an incident shows it; None where it does not, or is of a whole line: then nothing says which station
    the frame is of."""
    event = incident.last
    if event.station == "*":
        return None
    found = (each for turn in reversed(incident.turns) for each in turn.evidence if each.frame_id == frame_id)
    shown = next(found, None)
    return replace(Shot.of_evidence(event.station, shown), product=event.product) if shown is not None else None


def of_score(score: Score, place: FramePlace) -> Shot:
    """The frame as its score tells of it. Raises Mistake for a golden frame, which is no part."""
    if score.golden is not None:
        raise Mistake("this is a golden frame of the heartbeat: it shows no part, and what it is is known")
    return Shot.of_score(score, place)


def kinds(answers: Iterable[Answer]) -> list[str]:
    """The kinds of defect that people named, each once, as they come."""
    return list(dict.fromkeys(each.defect for each in answers if each.defect))[:MOST_KINDS]


def _with(before: Answer | None, words: Words) -> Words:
    """The words, and of the same answer before whatever they do not say anew."""
    if before is None:
        return words
    return replace(
        words,
        defect=words.defect if words.defect is not None else before.defect,
        outlines=words.outlines if words.outlines is not None else before.outlines,
        note=words.note if words.note is not None else before.note,
    )


def _check(outlines: Iterable[Outline], shot: Shot) -> None:
    if not shot.width or not shot.height:
        return
    for each in outlines:
        if any(x > shot.width or y > shot.height for x, y in each.points):
            raise Mistake(f"outlines: the frame has {shot.width} x {shot.height} pixels; draw within it")


def _at_most(drawn: list[list[tuple[float, float]]]) -> list[list[tuple[float, float]]]:
    if len(drawn) > MOST_OUTLINES:
        raise ValueError
    return drawn


def _does_not_fit(told: Told, verdict: Verdict | None) -> str:
    if verdict not in (Verdict.OK, Verdict.ANOMALOUS):
        return "this frame was not scored: there is no verdict to agree with, or to overrule"
    was = "was called anomalous" if verdict is Verdict.ANOMALOUS else "was called ok"
    fits = ", ".join(each.value for each in offered(verdict))
    return f"{told.value}: this frame {was}; say one of {fits}"


ABOUT_ANSWERS = {
    "answer_names": NAMES,
    "answer_keys": KEYS,
    "answer_stamp": stamp,
    "offered": offered,
    "defect_kinds": kinds,
}
"""What templates call."""

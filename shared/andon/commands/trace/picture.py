"""A frame's way as people read it: a line for each hop, with a bar where its time lies in the whole."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from andon.commands.trace.hops import Step, hops, ms, opened_by, skews, steps
from andon.commands.trace.missing import missing
from andon.commands.trace.search import Found
from andon.commands.words import short
from andon.incidents import Incident, taken_by
from andon.letters.letter import shown

BAR = 24
FULL, THIN, LATER = "█", "▏", "»"


def draw(found: Found, now: datetime, console: Console) -> None:
    """All of it."""
    for name, value in facts(found):
        console.print(f"{name:<10}{shown(value, 400)}", markup=False, soft_wrap=True)
    console.print(_waterfall(steps(hops(found))))
    for said in remarks(found, now):
        console.print(said, markup=False, soft_wrap=True)


def facts(found: Found) -> Iterator[tuple[str, str]]:
    """What it is, and what was said of it."""
    frame, score = found.frame, found.score
    known = frame or score
    numbered = f" epoch {known.epoch} seq {known.seq}" if known and known.epoch else ""
    yield "frame", f"{found.wanted.frame_id}{numbered}"
    yield from _named("station", found.station)
    yield from _named("trace", found.trace_id)
    for name in ("product", "part", "subject"):
        yield from _named(name, getattr(known, name, None))
    if score is not None:
        yield "verdict", _verdict(found)
        yield from _named("bundle", score.bundle and short(score.bundle))
    for letter, _ in found.letters:
        yield "dead", f"{letter.reason}: {letter.detail}"
    for incident in found.incidents:
        yield "incident", _incident(incident, found)
    for answer in found.answers:
        yield "answer", f"{answer.answer.replace('_', ' ')}, by {answer.by or 'somebody'} at {answer.at:%H:%M:%S} UTC"


def remarks(found: Found, now: datetime) -> Iterator[str]:
    """What clocks contradict, and what is missing."""
    yield from (f"clock: {each}." for each in skews(hops(found)))
    yield from (f"missing: {each.what}: {each.why}." for each in missing(found, now))


def record(found: Found, now: datetime) -> dict[str, Any]:
    """The same for --json. Times are RFC 3339, lengths milliseconds."""
    score = found.score
    told = {"frame_id": str(found.wanted.frame_id), "station": found.station, "trace_id": found.trace_id}
    return told | {
        "hops": [_hop(each) for each in steps(hops(found))],
        "clocks": skews(hops(found)),
        "missing": [{"what": each.what, "why": each.why} for each in missing(found, now)],
        "score": score.model_dump(mode="json", exclude={"heat_map", "embedding", "framing"}) if score else None,
        "dead_letters": [_letter(each, turn) for each, turn in found.letters],
        "incidents": [_incident_record(each, found) for each in found.incidents],
        "answers": [each.model_dump(mode="json", exclude_none=True) for each in found.answers],
    }


def _named(name: str, value: str | None) -> Iterator[tuple[str, str]]:
    if value:
        yield name, value


def _verdict(found: Found) -> str:
    score = found.score
    if score is None or score.score is None or score.threshold is None:
        why = score.unscorable if score else None
        return f"{score.verdict if score else ''}{f': {why}' if why else ''}".replace("_", " ")
    of = f", {score.ratio:.2f} times the limit" if score.ratio is not None else ""
    return f"{score.verdict}, score {score.score:.4g} against {score.threshold:.4g}{of}"


def _incident(incident: Incident, found: Found) -> str:
    last = incident.last
    part = "opened by this frame" if opened_by(incident, found) else "names this frame"
    taken = taken_by(incident)
    told = f", told to {', '.join(incident.told)}" if incident.told else ", nobody was told"
    return f"{incident.short} {last.cause}, {part}{told}{f', taken on by {taken}' if taken else ''}"


def _hop(step: Step) -> dict[str, Any]:
    took = step.took / timedelta(milliseconds=1)
    hop = step.hop
    told = {"hop": hop.name, "at": hop.at.isoformat(), "took_ms": round(took, 3), "ahead_of_the_one_before": step.ahead}
    return told | {"spent": hop.spent, "place": hop.place or None}


def _letter(letter: Any, turn: Any) -> dict[str, Any]:
    told = {"letter": letter.name, "at": letter.at.isoformat(), "reason": letter.reason, "detail": letter.detail}
    return told | {"service": letter.service, "turn": turn.model_dump(mode="json", exclude_none=True) if turn else None}


def _incident_record(incident: Incident, found: Found) -> dict[str, Any]:
    told = {sink: [each.at.isoformat() for each in turns] for sink, turns in incident.told.items()}
    about = {"incident": str(incident.id), "cause": incident.last.cause, "opened_at": incident.since.isoformat()}
    return about | {"opened_by_this_frame": opened_by(incident, found), "told": told}


def _waterfall(way: list[Step]) -> Table:
    """Bars are on the scale of the inspection: what comes after it takes seconds or hours, and would hide it."""
    table = Table("hop", "at (UTC)", "took", "", "where, and what the time went into", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    begin = way[0].hop.at
    end = max((each.hop.at for each in way if not each.hop.after), default=begin)
    for each in way:
        took = "?" if each.ahead else (ms(each.took) if each is not way[0] else "")
        about = "  ".join(part for part in (each.hop.place, each.hop.spent) if part)
        row = (each.hop.name, f"{each.hop.at:%H:%M:%S.%f}"[:-3], took, _bar(each, begin, end), about)
        table.add_row(*(Text(shown(cell, 200)) for cell in row))
    return table


def _bar(step: Step, begin: datetime, end: datetime) -> str:
    """Where in the whole it lies; a thin mark where it is too short to be seen, or unknown."""
    if step.hop.after:
        return " " * BAR + LATER
    whole = (end - begin) or timedelta(microseconds=1)
    first = max(0, min(int((step.hop.at - step.took - begin) / whole * BAR), BAR - 1))
    length = min(round(step.took / whole * BAR), BAR - first)
    return " " * first + (FULL * length or THIN)

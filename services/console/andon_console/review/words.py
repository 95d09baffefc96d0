"""The review queue in words: why a frame is asked, how far people are, when the next audit comes. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.incidents.when import spoken
from andon.records import Answer, Verdict
from andon_console.live.stations import Station
from andon_console.review.queue import Candidate, Kind

KINDS = {
    Kind.INCIDENT: "Open incidents",
    Kind.NEAR: "Near the threshold",
    Kind.DISAGREE: "Shadow disagrees",
    Kind.AUDIT: "Audits",
    Kind.CALL: "Other calls",
}
DIGITS = 4
LONGEST_SHIFT = timedelta(hours=25)


def why(candidate: Candidate, share: float, incident: str = "") -> list[str]:
    """Why it is asked; `incident` is what the incident that shows it is called."""
    ratio = candidate.shot.ratio
    said = {
        Kind.INCIDENT: f"open incident: {incident}" if incident else "an open incident shows it",
        Kind.NEAR: f"near the threshold: {ratio:.2f}" if ratio is not None else "near the threshold",
        Kind.AUDIT: f"audit: {_per_1000(share)} of 1,000, drawn at random",
        Kind.CALL: f"called: {ratio:.2f} of its threshold" if ratio is not None else "called",
    }
    first = [said[candidate.kind]] if candidate.kind in said else []
    return [*first, *([_shadow(candidate)] if candidate.shadow else [])]


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the shift that is on at each station: answers given, by `mine` of them the person who asks; frames of its
    audit sample that were answered, of those known."""

    answered: int
    mine: int
    audits: int
    audits_of: int


def progress(
    answers: Iterable[Answer],
    waiting: Iterable[Candidate],
    name: str,
    begins: Callable[[str], datetime],
    now: datetime,
) -> Progress:
    """`answers` are the newest first; `begins` says when the shift of a station began."""
    given = mine = audits = 0
    for answer in answers:
        if answer.at < now - LONGEST_SHIFT:
            break
        begin = begins(answer.station)
        if answer.at >= begin:
            given += 1
            mine += answer.by == name
        audits += answer.audit and (answer.captured_at or answer.at) >= begin
    open_audits = sum(
        each.kind is Kind.AUDIT and each.captured_at >= begins(each.shot.station) for each in waiting
    )  # fmt: skip
    return Progress(given, mine, audits, audits + open_audits)


def next_audit(stations: Iterable[Station], share: float) -> str:
    """When one is to be expected, at the pace of the last minutes; '' where nothing can be said."""
    a_second = sum(map(_pace, stations)) * share
    return f"about every {spoken(timedelta(seconds=1 / a_second))}" if a_second > 1e-7 else ""


def _pace(station: Station) -> float:
    """Frames a second."""
    track = station.track
    if len(track) < 2:
        return 0.0
    first, last = next(track.points()), next(track.points(1))
    lasted = last.captured_at - first.captured_at
    return (len(track) - 1) / lasted if lasted > 0 else 0.0


def _shadow(candidate: Candidate) -> str:
    says = "ok" if candidate.shot.verdict is Verdict.ANOMALOUS else "anomalous"
    ratio = f": {candidate.shadow_ratio:.2f}" if candidate.shadow_ratio is not None else ""
    return f"shadow {(candidate.shadow or '')[:DIGITS]} says {says}{ratio}"


def _per_1000(share: float) -> str:
    return f"{share * 1000:g}"

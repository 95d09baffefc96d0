"""Dead letters as the commands tell them: rows of tables, and objects of --json. Pure."""

from datetime import datetime
from typing import Any

from andon.incidents.when import spoken, stamp
from andon.letters import Letter, Pile, shown
from andon.letters.piles import MOST_STATIONS, NO_STATION
from andon.records import LetterTurn

BY_REASON = ("reason", "letters", "stations", "oldest (UTC)", "newest (UTC)", "the newest says")
ONE_BY_ONE = ("letter", "refused (UTC)", "reason", "station", "came from", "size", "detail", "then")
FEW = 3


def pile_row(pile: Pile, now: datetime) -> tuple[str, ...]:
    """One reason, as it stands in the table."""
    repeats = f" ({pile.repeats:,} sent again before)" if pile.repeats else ""
    ago = spoken(now - pile.newest.at)
    return (
        shown(pile.reason, 64),
        f"{pile.count:,}{repeats}",
        stations_words(pile),
        stamp(pile.oldest.at),
        f"{stamp(pile.newest.at)} ({ago} ago)",
        f"{pile.newest.name} {shown(pile.newest.detail, 120)}",
    )


def stations_words(pile: Pile) -> str:
    """`weld-07 12, weld-08 3 and 4 more`."""
    most = [f"{_station(name)} {count:,}" for name, count in pile.stations.most_common(FEW)]
    more = len(pile.stations) - FEW
    full = "+" if len(pile.stations) >= MOST_STATIONS else ""
    return ", ".join(most) + (f" and {more:,}{full} more" if more > 0 else "")


def _station(name: str) -> str:
    return "no station" if name == NO_STATION else name


def letter_row(letter: Letter, turn: LetterTurn | None) -> tuple[str, ...]:
    """One letter, as it stands in the table."""
    return (
        letter.name,
        stamp(letter.at),
        shown(letter.reason, 64) + (f" (again, {letter.repeats})" if letter.repeats else ""),
        letter.station or "",
        shown(letter.came_from, 80),
        f"{letter.size:,}",
        shown(letter.detail, 120),
        turn_words(turn),
    )


def turn_words(turn: LetterTurn | None) -> str:
    """`replayed by mira, 2026-03-02 06:40:00: the store is back`."""
    if turn is None:
        return ""
    why = f": {shown(turn.why, 80)}" if turn.why else ""
    return f"{turn.kind} by {shown(turn.by, 64)}, {stamp(turn.at)}{why}"


def letter_record(letter: Letter, turn: LetterTurn | None = None) -> dict[str, Any]:
    """As --json tells it; times are ISO 8601."""
    return {
        "letter": letter.name,
        "at": letter.at.isoformat(),
        "reason": letter.reason,
        "detail": letter.detail,
        "service": letter.service,
        "version": letter.version,
        "station": letter.station,
        "frame_id": str(letter.frame_id) if letter.frame_id else None,
        "came_from": letter.origin.model_dump() if letter.origin else None,
        "written_ms": letter.written_ms,
        "bytes": letter.size,
        "repeats": int(letter.repeats),
        "turn": turn.model_dump(mode="json", include={"kind", "why", "replayed_to", "at", "by"}) if turn else None,
    }


def pile_record(pile: Pile) -> dict[str, Any]:
    """The letters of one reason, as --json tells it."""
    return {
        "reason": pile.reason,
        "letters": pile.count,
        "repeats": pile.repeats,
        "stations": dict(pile.stations.most_common()),
        "oldest": pile.oldest.at.isoformat(),
        "newest": pile.newest.at.isoformat(),
        "example": letter_record(pile.newest),
    }

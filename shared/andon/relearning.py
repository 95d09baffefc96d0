"""Having a reference learned anew, as people say it at the console or by command: what is written, and how it is told.
Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from andon.baselines import Known, Place
from andon.errors import Mistake
from andon.places import Standing
from andon.records.baseline import Relearn
from andon.records.event import write_event
from andon.stage import Message
from andon.topics import BASELINES

NOTHING = "no reference of its own yet"


def relearns(places: Iterable[Place], by: str, why: str, now: datetime) -> list[Relearn]:
    """One for each place. Raises Mistake where nobody says why."""
    if not why.strip():
        raise Mistake("say why, in a few words: whoever looks tonight will want to know")
    return [
        Relearn(station=each.station, product=each.product, bundle=each.bundle, by=by[:128], why=why[:1000], at=now)
        for each in places
    ]


def messages(said: Iterable[Relearn]) -> list[Message]:
    """As they go to `baselines`."""
    return [Message(BASELINES, each.key.encode(), write_event(each)) for each in said]


def learned_words(known: Known | None) -> str:
    """What is given up, for people and the audit log: `learned from 9,600 frames until 2026-11-22 14:02 UTC`."""
    if known is None:
        return NOTHING
    if known.waits:
        return f"to be learned anew since {_moment(known.waits.at)}{f' ({known.waits.by})' if known.waits.by else ''}"
    if known.baseline is None:
        return NOTHING
    return f"learned from {known.baseline.frames:,} frames until {_moment(known.baseline.until)}"


def standing_words(standing: Standing) -> str:
    """The same, of a place that may have its reference from inside its bundle."""
    learned = standing.learned_at
    if standing.known is None and learned is not None:
        return f"learned from {standing.frames:,} frames until {_moment(learned)}, inside its bundle"
    return learned_words(standing.known)


def deed_texts(places: Sequence[Place], before: Iterable[str]) -> tuple[str, str, str]:
    """What a deed says: what it was done to, how each was `before`, and how they are then."""
    subject = "; ".join(each.words for each in places)
    return subject, "; ".join(dict.fromkeys(before)), "learns anew from the frames that come"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

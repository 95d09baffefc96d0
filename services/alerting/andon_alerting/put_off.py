"""Whether a page that is due is told now. Pure."""

from datetime import datetime
from enum import StrEnum

from andon.incidents import BY_A_PERSON
from andon.records import Cause, IncidentEvent, IncidentKind
from andon_alerting.outbox import Entry
from andon_alerting.watch import FOUND

PART_OF_LINE = "part_of_line"
"""The reason of a resolved event whose incident went on as that of its line, which has a page of its own."""

DOES_HARM = "does_harm"
"""The reason of a resolved event whose incident went on as one that calls people."""

INSPECTION = (FOUND | {Cause.FALSE_CALLS}) - {Cause.REJECT_RATE}
"""Causes that say nothing of the parts: once over, nobody has to know, as they have of bad parts that went by."""


class When(StrEnum):
    """What becomes of a page that is due."""

    NOW = "now"  # it is told
    QUIET = "quiet"  # nobody is to be called about it: it waits
    EXPLAINED = "explained"  # a fault of the camera, of which people are told, explains it: it waits for its end
    OVER_QUIETLY = "over_quietly"  # it was over before the quiet time was: nobody is told either turn
    PART_OF_LINE = "part_of_line"  # its line's page tells of it, before its own was told
    DOES_HARM = "does_harm"  # a severer page tells of it, before its own was told
    OVER_UNTOLD = "over_untold"  # what was found, or counted, was over before anybody was told
    ENDED_UNTOLD = "ended_untold"  # a person ended it before anybody was told


PUT_OFF = frozenset({When.QUIET, When.EXPLAINED})
DROPPED = frozenset({When.OVER_QUIETLY, When.PART_OF_LINE, When.DOES_HARM, When.OVER_UNTOLD, When.ENDED_UNTOLD})


def is_told_first(entry: Entry) -> bool:
    """Whether people would hear of it for the first time. Nothing else is put off: what was told, or may have been,
    goes on, its reminders and that it is over."""
    return not entry.again and entry.event.kind is not IncidentKind.RESOLVED


def when(entry: Entry, quiet_until: datetime | None, *, explained: bool = False) -> When:
    """Whether `entry` is told now. `quiet_until` is when the quiet time around now ends; None: there is none.
    `explained`: it is of the parts, and a fault of the camera that people know of explains it."""
    if not is_told_first(entry):
        return When.NOW
    waits = When.QUIET if quiet_until is not None else (When.EXPLAINED if explained else None)
    dropped = _dropped(entry, entry.over, waits) if entry.over and not entry.may_be_known else None
    return dropped or waits or When.NOW


def _dropped(entry: Entry, over: IncidentEvent, waits: When | None) -> When | None:
    """Why nobody has to hear of what is over before anybody did; None: they have to."""
    if over.reason == PART_OF_LINE:
        return When.PART_OF_LINE
    if over.reason == DOES_HARM:
        return When.DOES_HARM
    if over.reason == BY_A_PERSON:
        return When.ENDED_UNTOLD
    if entry.put_off or waits is not None:
        return When.OVER_QUIETLY
    return When.OVER_UNTOLD if over.cause in INSPECTION else None

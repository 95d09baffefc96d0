"""Whether a page that is due is told now. Pure."""

from datetime import datetime
from enum import StrEnum

from andon.incidents import BY_A_PERSON
from andon.records import Cause, IncidentEvent, IncidentKind
from andon_alerting.correlate import FOUND
from andon_alerting.outbox import Entry

PART_OF_LINE = "part_of_line"
"""The reason of a resolved event whose incident went on as that of its line, which has a page of its own."""

INSPECTION = FOUND | {Cause.FALSE_CALLS}
"""Causes that say nothing of the parts: once over, nobody has to know, as they have of bad parts that went by."""


class When(StrEnum):
    """What becomes of a page that is due."""

    NOW = "now"  # it is told
    QUIET = "quiet"  # nobody is to be called about it: it waits
    OVER_QUIETLY = "over_quietly"  # it was over before the quiet time was: nobody is told either turn
    PART_OF_LINE = "part_of_line"  # its line's page tells of it, before its own was told
    OVER_UNTOLD = "over_untold"  # what was found, or counted, was over before anybody was told
    ENDED_UNTOLD = "ended_untold"  # a person ended it before anybody was told


DROPPED = frozenset({When.OVER_QUIETLY, When.PART_OF_LINE, When.OVER_UNTOLD, When.ENDED_UNTOLD})


def when(entry: Entry, quiet_until: datetime | None) -> When:
    """Whether `entry` is told now. `quiet_until` is when the quiet time around now ends; None: there is none.

    What was told, or may have been, goes on: its reminders, and that it is over.
    """
    if entry.again or entry.event.kind is IncidentKind.RESOLVED:
        return When.NOW
    dropped = _dropped(entry, entry.over, quiet_until) if entry.over and not entry.may_be_known else None
    return dropped or (When.NOW if quiet_until is None else When.QUIET)


def _dropped(entry: Entry, over: IncidentEvent, quiet_until: datetime | None) -> When | None:
    """Why nobody has to hear of what is over before anybody did; None: they have to."""
    if over.reason == PART_OF_LINE:
        return When.PART_OF_LINE
    if over.reason == BY_A_PERSON:
        return When.ENDED_UNTOLD
    if entry.put_off or quiet_until is not None:
        return When.OVER_QUIETLY
    return When.OVER_UNTOLD if over.cause in INSPECTION else None

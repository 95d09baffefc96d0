"""What is known of the frames of one station, product and span of time: the numbers that both rates are made of."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from enum import IntEnum

from andon.records import DEFECTIVE, SOUND, Answer, Told, Verdict

Bucket = tuple[str, str | None, datetime]
"""A station, a product, and the beginning of a quarter hour in UTC."""

Tallies = Mapping[Bucket, tuple[int, int]]
"""Frames scored, and how many of them were called anomalous."""


class Kind(IntEnum):
    """What an answer proves of inspection."""

    REAL = 0  # a call that was right
    FALSE_CALL = 1  # a call of a good part
    UNSURE = 2  # a call of which they cannot tell
    AUDITED_GOOD = 3  # of the audit sample: called ok, and good
    AUDITED_MISSED = 4  # of the audit sample: called ok, and defective
    AUDITED_UNSURE = 5  # of the audit sample: they cannot tell
    MISSED = 6  # called ok, and found to be defective without being asked


@dataclass(frozen=True, slots=True)
class Counted:
    """Frames of one station, product and span: with a verdict, called anomalous, and by what people said of them, in
    the order of `Kind`. Golden frames and drills are in none."""

    scored: int = 0
    called: int = 0
    real: int = 0
    false_call: int = 0
    unsure: int = 0
    audited_good: int = 0
    audited_missed: int = 0
    audited_unsure: int = 0
    missed: int = 0

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def was_called(answer: Answer) -> bool | None:
    """Whether its frame was called anomalous; None: nobody knows, or it could not be scored.

    The frame's verdict says so. Answers without one are taken by their word: "real" and "false call" are said of calls,
    "missed" and "good" of other frames, and the audit sample holds others only.
    """
    if answer.verdict is not None:
        return None if answer.verdict is Verdict.UNSCORABLE else answer.verdict is Verdict.ANOMALOUS
    if answer.answer in (Told.REAL, Told.FALSE_CALL):
        return True
    return False if answer.audit or answer.answer in (Told.MISSED, Told.GOOD) else None


def kind_of(told: Told, called: bool | None, audit: bool) -> Kind | None:
    """What it proves that people say `told` of a frame that was called anomalous or not, and is in the audit sample or
    not. None: nothing."""
    if called is None or told is Told.WITHDRAWN:
        return None
    if called:
        return _of(told, Kind.REAL, Kind.FALSE_CALL, Kind.UNSURE)
    if audit:
        return _of(told, Kind.AUDITED_MISSED, Kind.AUDITED_GOOD, Kind.AUDITED_UNSURE)
    return Kind.MISSED if told in DEFECTIVE else None


def _of(told: Told, defective: Kind, sound: Kind, unsure: Kind) -> Kind:
    if told in DEFECTIVE:
        return defective
    return sound if told in SOUND else unsure

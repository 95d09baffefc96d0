"""What `andon reviewed` tells: how many reviewed frames there are, by station and answer. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from andon.records import DEFECTIVE, Told
from andon.reviewed import ReviewedFrame

SHOWN = (Told.REAL, Told.MISSED, Told.FALSE_CALL, Told.GOOD, Told.UNSURE)


@dataclass
class Counted:
    """The reviewed frames of one station."""

    station: str
    answers: Counter[Told] = field(default_factory=Counter)
    defects: Counter[str] = field(default_factory=Counter)
    outlined: int = 0
    bytes: int = 0
    latest: datetime | None = None

    @property
    def frames(self) -> int:
        """How many they are."""
        return self.answers.total()

    def add(self, frame: ReviewedFrame) -> None:
        """One more."""
        answer, kept = frame.answer, frame.reviewed
        self.answers[answer.answer] += 1
        if answer.answer in DEFECTIVE:
            self.defects[answer.defect or ""] += 1
            self.outlined += bool(answer.outlines)
        self.bytes += kept.size + kept.heat + kept.score
        self.latest = max(self.latest or answer.at, answer.at)

    def record(self) -> dict[str, Any]:
        """For machines. A defect that nobody named is ''."""
        return {
            "station": self.station,
            "frames": self.frames,
            "answers": {each.value: self.answers[each] for each in SHOWN},
            "defects": dict(sorted(self.defects.items())),
            "outlined": self.outlined,
            "bytes": self.bytes,
            "latest": self.latest.isoformat() if self.latest else None,
        }


def counted(frames: Iterable[ReviewedFrame]) -> list[Counted]:
    """By station."""
    found: dict[str, Counted] = {}
    for frame in frames:
        station = frame.answer.station
        found.setdefault(station, Counted(station)).add(frame)
    return sorted(found.values(), key=lambda each: each.station)

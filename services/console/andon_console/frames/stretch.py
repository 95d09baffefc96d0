"""Stretches of a topic: which offsets are still to be read, as pages hand it on from one request to the next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from andon.errors import Mistake

MOST_PARTS = 1024
_TEXT = re.compile(r"\d{1,9}:\d{1,18}-\d{1,18}(,\d{1,9}:\d{1,18}-\d{1,18})*", re.ASCII)


@dataclass(frozen=True)
class Stretch:
    """From which offset (inclusive) to which (exclusive) each partition is read."""

    starts: Mapping[int, int]
    stops: Mapping[int, int]

    @property
    def records(self) -> int:
        """How many records there are at most."""
        return sum(max(0, self.stops[part] - start) for part, start in self.starts.items())

    def newest(self, most: int) -> "Stretch":
        """Its end, `most` records."""
        share = self._share(most)
        return Stretch({part: max(at, self.stops[part] - share) for part, at in self.starts.items()}, self.stops)

    def oldest(self, most: int) -> "Stretch":
        """Its beginning, `most` records."""
        share = self._share(most)
        return Stretch(self.starts, {part: min(at, self.starts[part] + share) for part, at in self.stops.items()})

    def before(self, starts: Mapping[int, int]) -> "Stretch":
        """What of it lies before these offsets."""
        return Stretch(self.starts, dict(starts))

    def behind(self, stops: Mapping[int, int]) -> "Stretch":
        """What of it lies from these offsets on."""
        return Stretch(dict(stops), self.stops)

    def text(self) -> str:
        """As an address carries it; '' where there is nothing left."""
        left = ((part, start, self.stops[part]) for part, start in self.starts.items() if self.stops[part] > start)
        return ",".join(f"{part}:{start}-{stop}" for part, start, stop in left)

    def _share(self, most: int) -> int:
        return max(1, most // max(1, len(self.starts)))


def read_stretch(text: str) -> Stretch:
    """The stretch that `text` says. Raises Mistake."""
    if not _TEXT.fullmatch(text) or text.count(",") >= MOST_PARTS:
        raise Mistake(f"{text[:60]!r} says no stretch of the scores; search again")
    parts = [[int(number) for number in re.split("[:-]", each)] for each in text.split(",")]
    return Stretch({part: start for part, start, _ in parts}, {part: stop for part, _, stop in parts})

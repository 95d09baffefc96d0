"""Taking in records one by one: a station's newest frames are kept, other stations are remembered by name."""

from collections import Counter
from difflib import get_close_matches

from andon.errors import Invalid
from andon.stage import Record
from andon_training.from_kafka.newest import Newest, read_found
from andon_training.from_kafka.spool import Spool
from andon_training.progress import Progress

NAMES = 5


class Gathering:
    """The newest frames of `station` (and `product`, where one is named) among the records it took, their images in
    `spool`.

    `others` counts the frames of other stations; `refused` the records that are no frame at all.
    """

    def __init__(
        self, station: str, newest: Newest, spool: Spool, progress: Progress, product: str | None = None
    ) -> None:
        self.station = station
        self.product = product
        self.newest = newest
        self.spool = spool
        self.others: Counter[str] = Counter()
        self.refused = 0
        self._progress = progress

    def take(self, record: Record) -> bool:
        """Whether `record` is a frame of the station's camera. Raises Mistake when the spool is full."""
        try:
            found = read_found(record)
        except Invalid:
            self.refused += 1
            return False
        if found.frame.station != self.station:
            self.others[found.frame.station] += 1
            return False
        if found.frame.golden is not None or self.product not in (None, found.frame.product):
            return False
        if self.newest.admits(found):
            if found.dataref is None:
                self.spool.keep(found.frame, record.value)
            fell = self.newest.add(found)
            if fell is not None:
                self.spool.drop(fell.frame)
            self._progress("collecting", len(self.newest), self.newest.most)
        return True

    def seen_instead(self) -> str:
        """A sentence: which other stations there are, and whether one is called nearly so."""
        refused = f" Records without a station, or with bad headers: {self.refused}." if self.refused else ""
        if not self.others:
            return f"No frame of any other station was seen.{refused}"
        names = [name for name, _ in self.others.most_common(NAMES)]
        more = f" and {len(self.others) - NAMES} more" if len(self.others) > NAMES else ""
        near = get_close_matches(self.station, self.others, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        return f"Other stations seen: {', '.join(names)}{more}{hint}{refused}"

"""What has drifted at each station, as the topic `drift` says: what an incident that scores tell of is told with.

Held in memory, and read anew when alerting starts. It is bounded: of a station the last few drifts that may still
matter, of all stations those that have any.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from andon.errors import Invalid
from andon.records import Cause, Change, ChangeKind, DriftCause, Finding, FindingKind
from andon.stage import Record
from andon_alerting.drift_words import without_station
from andon_alerting.findings import read_finding

AFTER_ITS_END = timedelta(hours=1)  # a drift that has ended may still explain what begins
SINCE_IT_BEGAN = timedelta(hours=8)  # the same of one that began, whenever it ended: a shift
MOST = 8  # drifts of a station
TIDY_EVERY = timedelta(hours=1)

OF_PARTS = frozenset({DriftCause.PROCESS, DriftCause.PRODUCT})
"""What drifts in the parts, and says nothing of other products; the rest concerns all that the camera sees."""

_DRIFT = re.compile(rb'"cause"\s*:\s*"drift"')


class Reader(Protocol):
    """`andon.kafka.table.TopicReader` is one."""

    def read_to_end(self) -> Iterator[Record]:
        """Everything that was there when it began."""

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        """What has come since."""

    def close(self) -> None:
        """Stops reading."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """One drift. `sentence` is what was said of it, without its station; `ended` is when it was over."""

    finding: UUID
    named: DriftCause | None
    product: str | None
    since: datetime
    sentence: str
    ended: datetime | None = None

    def may_explain(self, product: str | None, began: datetime) -> bool:
        """Whether it may have to do with what `began` at its station in `product`."""
        if self.since > began or (self.named in OF_PARTS and product != self.product):
            return False
        return self.is_news(began)

    def is_news(self, at: datetime) -> bool:
        """Whether it lasts, or is so fresh that it matters."""
        over = self.ended is not None and at > self.ended + AFTER_ITS_END
        return not over or at <= self.since + SINCE_IT_BEGAN


class Drifts:
    """The last drifts of every station. For one thread."""

    __slots__ = ("_by_station", "_reader", "_tidy_at")

    def __init__(self, reader: Reader) -> None:
        """Reads what the topic holds. Raises Broken."""
        self._reader = reader
        self._by_station: dict[str, tuple[Drifted, ...]] = {}
        self._tidy_at: datetime | None = None
        self._take(reader.read_to_end())

    def refresh(self, now: datetime) -> None:
        """Takes in what is new, without waiting. Raises Broken."""
        self._take(self._reader.changes())
        if self._tidy_at is None or now >= self._tidy_at:
            self._tidy_at = now + TIDY_EVERY
            kept = {name: tuple(each for each in some if each.is_news(now)) for name, some in self._by_station.items()}
            self._by_station = {name: some for name, some in kept.items() if some}

    def before(self, station: str, product: str | None, began: datetime) -> Change | None:
        """The last drift that may explain what `began` at a station; None: there is none."""
        some = [each for each in self._by_station.get(station, ()) if each.may_explain(product, began)]
        if not some:
            return None
        last = max(some, key=lambda each: (each.ended is None, each.since))
        return Change(kind=ChangeKind.DRIFT, at=last.since, sentence=last.sentence)

    def close(self) -> None:
        """Gives back the connection."""
        self._reader.close()

    def _take(self, records: Iterable[Record]) -> None:
        for record in records:
            if not _DRIFT.search(record.value):
                continue
            try:
                finding = read_finding(record)
            except Invalid:
                continue  # the stage of findings tells of it
            if finding.cause is Cause.DRIFT:
                self._note(finding)

    def _note(self, finding: Finding) -> None:
        known = self._by_station.get(finding.station, ())
        held = next((each for each in known if each.finding == finding.finding_id), None)
        others = tuple(each for each in known if each is not held)
        if finding.kind is FindingKind.BEGAN:
            held = held or drifted(finding)
        elif held is not None:
            held = replace(held, ended=held.ended or finding.at)
        if held is not None:
            kept = (*(each for each in others if each.is_news(finding.at)), held)
            self._by_station[finding.station] = kept[-MOST:]


def drifted(finding: Finding) -> Drifted:
    """What a finding says began."""
    named = finding.drift.named if finding.drift else None
    since = finding.drift.since if finding.drift else finding.since
    sentence = without_station(finding.sentence, finding.station)
    return Drifted(finding.finding_id, named, finding.product, since, sentence)

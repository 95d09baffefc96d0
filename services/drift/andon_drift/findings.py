"""Which of our findings are open, as the topic `drift` says: the last word on each station and cause.

Redis may lose what it remembers, and another process may have decided since it was read; the topic has every finding
that was ever delivered. So a loaded state is held against it: what is open there is open, what ended there is over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from andon.errors import Invalid
from andon.records import Cause, Finding, FindingKind, read_event
from andon.stage import Record
from andon_drift.detect import BY
from andon_drift.state import Open, State


class Reader(Protocol):
    """A whole topic, as `andon.kafka.table.TopicReader` reads it."""

    def read_to_end(self) -> Iterator[Record]:
        """What it holds, once."""

    def changes(self) -> list[Record]:
        """What has come since, without waiting."""

    def close(self) -> None:
        """Gives back the connection."""


class Findings:
    """Our last turn on each station and cause. What others found, and what cannot be read, is passed over."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._last: dict[str, dict[Cause, Finding]] = {}
        self._apply(reader.read_to_end())

    def refresh(self) -> None:
        """Takes in what is new, without waiting."""
        self._apply(self._reader.changes())

    def close(self) -> None:
        """Stops following."""
        self._reader.close()

    def agreed(self, state: State) -> State:
        """`state` with what the topic knows better."""
        for cause, finding in self._last.get(state.station, {}).items():
            watch = state.watch(cause)
            ours = watch.open is not None and watch.open.finding == finding.finding_id
            if finding.kind is FindingKind.BEGAN and watch.open is None and watch.over != finding.finding_id:
                watch = replace(watch, bad=(), open=_open(finding))
            elif finding.kind is FindingKind.ENDED and ours:
                watch = replace(watch, open=None, over=finding.finding_id)
            else:
                continue
            state = replace(state, watches={**state.watches, cause: watch})
        return state

    def _apply(self, records: Iterable[Record]) -> None:
        for record in records:
            finding = _read(record)
            if finding is None:
                continue
            known = self._last.setdefault(finding.station, {}).get(finding.cause)
            again = known is not None and known.finding_id == finding.finding_id and known.kind is FindingKind.ENDED
            if not again:  # the beginning of what has ended, said again, begins nothing
                self._last[finding.station][finding.cause] = finding


def _read(record: Record) -> Finding | None:
    try:
        finding = read_event(Finding, record.value)
    except Invalid:
        return None
    return finding if finding.by == BY else None


def _open(finding: Finding) -> Open:
    return Open(finding.finding_id, finding.since, finding.product, finding.bundle)

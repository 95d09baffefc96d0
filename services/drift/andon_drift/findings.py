"""Which of our findings are open, as the topic `drift` says: the last word on each station, cause and kind of drift.

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
from andon_drift.watch.place import Held, HeldId, Watched
from andon_drift.watch.watcher import slim

WATCHED = (Cause.DRIFT, Cause.REJECT_RATE)
"""Causes that charts find; the others are faults that pictures show."""


class Reader(Protocol):
    """A whole topic, as `andon.kafka.table.TopicReader` reads it."""

    def read_to_end(self) -> Iterator[Record]:
        """What it holds, once."""

    def changes(self) -> list[Record]:
        """What has come since, without waiting."""

    def close(self) -> None:
        """Gives back the connection."""


class Findings:
    """Our last turn on each. What others found, and what cannot be read, is passed over."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._last: dict[str, dict[HeldId, Finding]] = {}
        self._apply(reader.read_to_end())

    def refresh(self) -> None:
        """Takes in what is new, without waiting."""
        self._apply(self._reader.changes())

    def close(self) -> None:
        """Stops following."""
        self._reader.close()

    def agreed(self, state: State) -> State:
        """`state` with what the topic knows better of faults."""
        for (cause, _), finding in self._last.get(state.station, {}).items():
            if cause in WATCHED:
                continue
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

    def agree(self, station: str, watched: Watched) -> None:
        """Brings `watched` into step with what the topic knows better of drift. A finding that Redis forgot is held
        without charts; it ends when they find nothing for long enough."""
        for key, finding in self._last.get(station, {}).items():
            held = watched.held.get(key)
            ours = held is not None and held.finding == finding.finding_id
            if key[0] not in WATCHED:
                continue
            if ours and finding.kind is FindingKind.ENDED:
                watched.over[key] = watched.held.pop(key).finding
            elif held is not None and ours:
                held.drift = finding.drift
            elif held is None and finding.kind is FindingKind.BEGAN and watched.over.get(key) != finding.finding_id:
                watched.held[key] = _held(finding)

    def _apply(self, records: Iterable[Record]) -> None:
        for record in records:
            finding = _read(record)
            if finding is None:
                continue
            key = finding.cause, finding.drift.named if finding.drift and finding.cause is Cause.DRIFT else None
            known = self._last.setdefault(finding.station, {}).get(key)
            again = known is not None and known.finding_id == finding.finding_id and known.kind is FindingKind.ENDED
            if not again:  # the beginning of what has ended, said again, begins nothing
                self._last[finding.station][key] = finding.model_copy(
                    update={"drift": slim(finding.drift), "evidence": ()}
                )


def _read(record: Record) -> Finding | None:
    try:
        finding = read_event(Finding, record.value)
    except Invalid:
        return None
    return finding if finding.by == BY else None


def _open(finding: Finding) -> Open:
    return Open(finding.finding_id, finding.since, finding.product, finding.bundle)


def _held(finding: Finding) -> Held:
    return Held(finding.finding_id, finding.since, finding.product, finding.bundle, alone=0, drift=finding.drift)

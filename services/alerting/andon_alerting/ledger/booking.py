"""The handler of the ledger: records are booked to the stations on the board; what is found missing is told. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime

from andon.errors import Invalid
from andon.records import Finding, write_event
from andon.stage import Message, Record, Rejected, Result
from andon.topics import DRIFT, LEDGER
from andon_alerting.ledger.account import Totals
from andon_alerting.ledger.board import Board
from andon_alerting.ledger.reading import final, passed, which_of
from andon_alerting.ledger.station import Station, Told, hop_index


class Booking:
    """Books each record. `settle_ms`: for so long after the ledger began, clocks and late reports may deceive it."""

    __slots__ = ("_board", "_settle_ms", "_told")

    def __init__(self, board: Board, settle_ms: int, told: Callable[[str, int], Told | None]) -> None:
        """`told` answers what people were told of a station, where that is not over."""
        self._board = board
        self._settle_ms = settle_ms
        self._told = told

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Result]:
        """Books the records; answers with what cannot be read, and the findings that are to be told."""
        ms, results = int(now.timestamp() * 1000), list[Result]()
        sure_from = self._board.began + self._settle_ms
        for record in records:
            if record.topic != LEDGER:
                self._book_final(record, ms, sure_from)
                continue
            try:
                self._book_passed(record, ms, sure_from)
            except Invalid as error:
                results.append(Rejected(record, error.reason, error.detail))
        findings, self._board.findings = self._board.findings, []
        return [*results, *map(_message, findings)]

    def _book_final(self, record: Record, now: int, sure_from: int) -> None:
        found = final(record)
        station = found and self._station(found.which.station, record, now)
        if found and station:
            station.final(found.which, found.seq, found.dead, found.at, now, sure_from)

    def _book_passed(self, record: Record, now: int, sure_from: int) -> None:
        said = passed(record)
        station, which, at = self._station(said.station, record, now), which_of(said), int(said.at.timestamp() * 1000)
        for hop, runs in said.spans.items():
            station.passed(which, hop_index(hop), runs, at, now, sure_from)
        if said.skipped:
            station.account(which, at, sure_from).skip(said.skipped, station.totals)

    def _station(self, name: str, record: Record, now: int) -> Station:
        """As it lies on the board; one that Redis does not know is new."""
        found = self._board.stations.get(name)
        if found is None:
            found = Station(name, record.partition, Totals(max(self._board.began, record.timestamp_ms)))
            found.told = self._told(name, now)
            self._board.stations[name] = found
        self._board.changed.add(name)
        return found


def _message(finding: Finding) -> Message:
    return Message(DRIFT, finding.station.encode(), write_event(finding))

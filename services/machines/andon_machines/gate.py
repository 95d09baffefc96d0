"""The OPC UA sink: returns when the server has every verdict that is worth writing. Keeps incidents and a heartbeat."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from andon.stage import Clock, Idle, Message
from andon_machines.away import Away, Unreachable
from andon_machines.mqtt import Told
from andon_machines.nodes import OF_A_VERDICT, Places, data_value, values
from andon_machines.result import PartResult, sent
from andon_machines.session import Plc, Types, Write
from andon_machines.settings import GateSettings, OpcUaSettings

HEARTBEAT_S = 1.0
Open = Callable[[Idle], Plc]
T = TypeVar("T")


class Gate:
    """Writes each verdict's nodes in one call, a station's in order, Seq last.

    A late verdict that a later one of its station follows in the same turn is not written: a node is no log, and a gate
    that waits for old verdicts misses the new ones. `causes` are the open incidents' of a station; they are written
    when they change, and after every connect. `well` says whether verdicts can come: only then the heartbeat moves.
    """

    def __init__(
        self,
        settings: OpcUaSettings,
        gate: GateSettings,
        places: Places,
        opened: Open,
        clock: Clock,
        away: Away,
        told: Told,
        causes: Callable[[str], str],
        well: Callable[[], bool],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._max_age_ms = gate.max_age_ms
        self._places = places
        self._stations = tuple(dict.fromkeys(station for station, _ in places))
        self._opened = opened
        self._clock = clock
        self._away = away
        self._told = told
        self._causes = causes
        self._well = well
        self._ticks = ticks
        self._plc: Plc | None = None
        self._types: Types = {}
        self._shown: dict[str, str] = {}
        self._beats = 0
        self._beat_due = ticks()

    def tend(self, idle: Idle) -> None:
        """Keeps the session, or tries to get one; shows incidents and the heartbeat. Raises Mistake for wrong nodes."""
        try:
            if self._plc is None and self._away.due:
                self._open(idle)
            if self._plc is not None:
                self._show_incidents(self._plc, idle)
                self._beat(self._plc, idle)
        except Unreachable as error:
            self._broke(error)

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        """Returns when all are written. Raises Broken when the server is away for too long."""
        waiting = [PartResult.model_validate_json(message.value) for message in messages]
        while waiting:
            self.tend(idle)
            if self._plc is None:
                self._away.wait(idle)
                continue
            try:
                waiting = self._write(self._plc, waiting, idle)
            except Unreachable as error:
                self._broke(error)

    def close(self) -> None:
        """Ends the session; the nodes stay as they are, and the heartbeat stands still."""
        plc, self._plc = self._plc, None
        if plc is not None:
            plc.close()

    def _open(self, idle: Idle) -> None:
        plc = self._opened(idle)
        try:
            self._types = plc.types(list(self._places.values()), idle)
        except BaseException:
            plc.close()
            raise
        self._plc, self._shown = plc, {}
        self._away.back()

    def _broke(self, error: Unreachable) -> None:
        self.close()
        self._away.failed(str(error))

    def _write(self, plc: Plc, waiting: list[PartResult], idle: Idle) -> list[PartResult]:
        """Writes the first verdict of each station; answers those that are left."""
        now = self._clock()
        waiting = self._worth_writing([sent(each, now, self._max_age_ms) for each in waiting])
        first = {each.station: each for each in reversed(waiting)}
        for results in in_parts(list(first.values()), self._stations_per_call):
            self._write_all(plc, results, idle)
            for result in results:
                self._told(result, self._clock())
                waiting.remove(result)
        return waiting

    def _worth_writing(self, waiting: list[PartResult]) -> list[PartResult]:
        last = {each.station: each for each in waiting}
        worth = [each for each in waiting if not each.late or each is last[each.station]]
        for each in waiting:
            if each.late and each is not last[each.station]:
                self._told(each, self._clock())
        return worth

    @property
    def _stations_per_call(self) -> int:
        return max(1, self._settings.nodes_per_call // len(OF_A_VERDICT))

    def _write_all(self, plc: Plc, results: Sequence[PartResult], idle: Idle) -> None:
        writes = [write for result in results for write in self._writes(result)]
        if not self._settings.seq_apart:
            plc.write(writes, idle)
            return
        for apart in (False, True):
            plc.write([write for write in writes if (write[0].field == "seq") is apart], idle)

    def _writes(self, result: PartResult) -> Iterator[Write]:
        told = values(result)
        for field in OF_A_VERDICT:
            yield from self._written(result.station, field, told[field])

    def _written(self, station: str, field: str, value: object) -> Iterator[Write]:
        place = self._places.get((station, field))
        if place is not None:
            yield place, data_value(value, self._types[place])

    def _show_incidents(self, plc: Plc, idle: Idle) -> None:
        for station in self._stations:
            causes = self._causes(station)
            if self._shown.get(station) != causes:
                writes = [
                    *self._written(station, "incident_cause", causes),
                    *self._written(station, "incident_open", bool(causes)),
                ]
                if writes:
                    plc.write(writes, idle)
                self._shown[station] = causes

    def _beat(self, plc: Plc, idle: Idle) -> None:
        if self._ticks() < self._beat_due or not self._well():
            return
        self._beat_due = self._ticks() + HEARTBEAT_S
        self._beats += 1
        every = (write for station in self._stations for write in self._written(station, "heartbeat", self._beats))
        writes = list({place.node_id: (place, value) for place, value in every}.values())
        for some in in_parts(writes, self._settings.nodes_per_call):
            plc.write(some, idle)


def in_parts(given: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """`given`, at most so many at a time."""
    return (given[start : start + most] for start in range(0, len(given), most))

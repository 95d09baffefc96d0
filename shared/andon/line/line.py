"""A line file that is right, as `Plans`: what a station's entry says, else `defaults`, else what is built in."""

import re
from fnmatch import translate
from typing import Any

from andon.ids import drill_of
from andon.line.model import LineWords, StationWords
from andon.line.plan import Burst, Plan
from andon.line.policy import Policy
from andon.line.shifts import Shifts, shifts
from andon.line.windows import in_zone

MOST_KEPT = 10_000


class Line:
    """What one line file says. `policy` holds where it says nothing."""

    __slots__ = ("_entries", "_found", "_patterns", "_policy", "_shortest_silence_s", "_words")

    def __init__(self, words: LineWords | None = None, policy: Policy | None = None) -> None:
        self._words = words or LineWords()
        self._policy = policy or Policy()
        named = self._words.stations.items()
        self._entries = {name: entry for name, entry in named if "*" not in name}
        self._patterns = [(re.compile(translate(name)), entry) for name, entry in named if "*" in name]
        self._found: dict[str, Plan] = {}
        policies = [self._policy_of(entry) for entry in (StationWords(), *self._words.stations.values())]
        times = [each.silent_after_s for each in policies if each.silent_after_s is not None]
        self._shortest_silence_s = min(times, default=None)

    @property
    def burst(self) -> Burst:
        return self._words.burst

    @property
    def shortest_silence_s(self) -> float | None:
        return self._shortest_silence_s

    @property
    def names(self) -> tuple[str, ...]:
        """The stations and patterns of the file, in its order."""
        return tuple(self._words.stations)

    @property
    def lines(self) -> dict[str, str]:
        """The stations that the file names, without its patterns, and the line of each ('' where it names none)."""
        return {name: self.of(name).line for name in self._entries}

    def of(self, station: str) -> Plan:
        if station not in self._found:
            if len(self._found) >= MOST_KEPT:
                self._found.clear()
            self._found[station] = self.plan(station, self._entry(drill_of(station) or station))
        return self._found[station]

    def plan(self, name: str, entry: StationWords | None = None) -> Plan:
        """The plan of `entry`, or of the entry called `name` itself where that is a pattern."""
        entry = entry or self._words.stations.get(name) or StationWords()
        zone = self._words.zone
        return Plan(
            station=name,
            site=self._said(entry, "site") or self._words.site,
            area=self._said(entry, "area") or self._words.area,
            line=self._said(entry, "line") or self._words.line,
            policy=self._policy_of(entry),
            budget=self._said(entry, "budget"),
            budgets={name: share for name, share in self._said(entry, "products").items() if share is not None},
            route=self._said(entry, "route"),
            severities={**self._words.defaults.severity, **entry.severity},
            maintenance=tuple(in_zone(each, zone) if zone else each for each in self._said(entry, "maintenance")),
            heartbeat_s=self._said(entry, "heartbeat"),
            shifts=self._shifts_of(entry),
            products=tuple(self._said(entry, "products")),
            camera=self._said(entry, "camera"),
        )

    def _entry(self, station: str) -> StationWords:
        """An exact name goes before a pattern, the first pattern counts."""
        exact = self._entries.get(station)
        return exact or next((entry for fits, entry in self._patterns if fits.match(station)), StationWords())

    def _said(self, entry: StationWords, name: str) -> Any:
        """What the entry says of `name`, or the defaults do where it says nothing."""
        said = entry if name in entry.model_fields_set else self._words.defaults
        return getattr(said, name)

    def _shifts_of(self, entry: StationWords) -> Shifts:
        return shifts(self._said(entry, "shifts") or self._words.shifts, self._words.zone)

    def _policy_of(self, entry: StationWords) -> Policy:
        """Sentence by sentence; each is right by itself, so together they are."""
        return self._policy.model_copy(update=self._words.defaults.policy.fields | entry.policy.fields)

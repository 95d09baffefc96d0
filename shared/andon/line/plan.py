"""What the line file says of one station, complete with its defaults. What services ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from andon.line.camera import Camera
from andon.line.policy import Policy
from andon.line.shifts import Shift, Shifts
from andon.records import Cause, Severity


class Window(Protocol):
    """A time in which nobody is called, such as 'Sundays 06:00 to 10:00'."""

    def until(self, at: datetime) -> datetime | None:
        """When the window around `at` ends, in UTC; None where `at` lies in none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One station. `budget` is the accepted share of good frames called anomalous (None: nobody said), `budgets` where
    a product has its own. `route` is a word for Alertmanager's routes. `severities` are those that differ from the
    usual. `heartbeat_s` is how often golden frames travel; None: never. `shifts` are those of its line. `products` and
    `camera` are what people wrote down; nothing acts on them yet."""

    station: str
    site: str = ""
    area: str = ""
    line: str = ""
    policy: Policy = field(default_factory=Policy)
    budget: float | None = None
    budgets: Mapping[str, float] = field(default_factory=dict)
    route: str | None = None
    severities: Mapping[Cause, Severity] = field(default_factory=dict)
    maintenance: tuple[Window, ...] = ()
    heartbeat_s: float | None = 300.0
    shifts: Shifts = field(default_factory=Shifts)
    products: tuple[str, ...] = ()
    camera: Camera | None = None

    def budget_of(self, product: str | None) -> float | None:
        """The false-call budget of a product here."""
        return self.budgets.get(product, self.budget) if product else self.budget

    def shift_of(self, at: datetime) -> Shift:
        """The shift that is on at `at`, an aware time."""
        return self.shifts.on(at)


@dataclass(frozen=True, slots=True)
class Burst:
    """So many stations of a line with the same image or drift cause within `within_s` are one incident of the line."""

    stations: int = 3
    within_s: float = 60.0


NO_BURST = Burst(stations=1_000_000)
"""Each station's incident stays its own."""


class Plans(Protocol):
    """The plan of every station, as the line file says now. A drill copy (`andon.ids.drill_of`) has the plan of the
    station it copies, under its own name."""

    @property
    def burst(self) -> Burst:
        """When many stations are one incident."""

    @property
    def shortest_silence_s(self) -> float | None:
        """The least time after which any station may be called silent."""

    def of(self, station: str) -> Plan:
        """The plan of `station`; of one that the file does not name, its defaults."""

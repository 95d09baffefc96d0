"""What drifted, as the page of an incident shows it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from andon.incidents import Incident
from andon.records import Drift, Evidence, Finding, Moved
from andon_console.drifting import words
from andon_console.drifting.shift import Arrow, arrow
from andon_console.drifting.trace import Trace, trace, usual
from andon_console.shots import Shot

MOST_SHOWN = 3
"""Numbers that are shown at once; the others are folded."""


@dataclass(frozen=True, slots=True)
class Line:
    """One number that moved."""

    moved: Moved
    trace: Trace | None

    @property
    def name(self) -> str:
        """As people call it."""
        return words.number_name(self.moved.name)

    @property
    def before(self) -> str:
        """Its usual value."""
        return self._told()[0]

    @property
    def after(self) -> str:
        """What it is now."""
        return self._told()[1]

    @property
    def usual(self) -> str:
        """`4.42 to 4.78`; '' where the reference does not say."""
        found = self._told()[2:]
        return f"{found[0]} to {found[1]}" if found else ""

    @property
    def sigmas(self) -> str:
        """`3.2 standard deviations below usual`; '' where nobody can tell."""
        return words.sigmas_words(self.moved.sigmas) if self.moved.sigmas else ""

    @property
    def chart(self) -> str:
        """`12.3 against its limit of 8.4 (CUSUM, for a lasting step)`; that it moved along, where none alarmed."""
        moved = self.moved
        if moved.chart is None or moved.statistic is None or moved.limit is None:
            return ""
        return f"{moved.statistic:.3g} against its limit of {moved.limit:.3g} ({words.CHARTS[moved.chart][1]})"

    @property
    def share(self) -> float | None:
        """Its statistic of its limit; above 1 it alarmed."""
        moved = self.moved
        return abs(moved.statistic) / moved.limit if moved.statistic is not None and moved.limit else None

    def _told(self) -> list[str]:
        """Before, after, and the edges of what is usual where they are known."""
        moved = self.moved
        return words.number_words(moved.name, (moved.before, moved.after, *(usual(moved) or ())), moved.unit)


@dataclass(frozen=True, slots=True)
class Drifted:
    """A drift, its numbers, and how it looked before and looks now, where frames of that are among the evidence."""

    drift: Drift
    before: Shot | None
    after: Shot | None

    @property
    def since(self) -> datetime:
        """When it began, as the chart estimates it."""
        return self.drift.since

    @property
    def title(self) -> str:
        """`Focus: the picture became softer`."""
        return f"{self.drift.named.value.capitalize()}: {words.cause_words(self.drift)}"

    @property
    def numbers(self) -> list[Line]:
        """Those that moved, the most telling one first."""
        return self._lines(self.drift.moved)

    @property
    def sensors(self) -> list[Line]:
        """Readings that moved with or before them."""
        return self._lines(self.drift.sensors)

    @property
    def rejects(self) -> Line | None:
        """The share of called parts, where it rose too."""
        return next(iter(self._lines((self.drift.rejects,))), None) if self.drift.rejects else None

    @property
    def shift(self) -> str:
        """`11 px left`; '' where things stand where they stood."""
        return words.shift_words(self.drift.right, self.drift.down)

    @property
    def arrow(self) -> Arrow | None:
        """The shift, over the picture of now."""
        after = self.after
        return arrow(after.width, after.height, self.drift.right, self.drift.down) if after else None

    @property
    def promise(self) -> str:
        """How often such a ticket comes though nothing changed; '' where nobody has promised."""
        days = self.drift.false_alarm_days
        return words.promise_words(days) if days else ""

    def _lines(self, moved: tuple[Moved, ...]) -> list[Line]:
        return [Line(each, trace(each, self.drift.since)) for each in moved]


def drifted(incident: Incident) -> Drifted | None:
    """What the latest turn that knows of a drift tells of it; None for an incident without one."""
    drift = next((each.drift for each in reversed(incident.turns) if each.drift), None)
    if drift is None:
        return None
    return Drifted(drift, _shot(incident, drift.before), _shot(incident, drift.after))


def with_others(incident: Incident, findings: Iterable[Finding]) -> tuple[Drifted, ...]:
    """What drifted, and what else drifts at its station meanwhile, by the `findings` that are open there: an incident
    tells in full of one alone."""
    own = drifted(incident)
    if own is None:
        return ()
    found = {own.drift.named: own}
    for each in findings if incident.resolved is None else ():
        if each.drift is not None and each.drift.named not in found:
            found[each.drift.named] = _of_finding(each, each.drift)
    return tuple(found.values())


def _of_finding(finding: Finding, drift: Drift) -> Drifted:
    before, after = (_among(finding.station, finding.evidence, each) for each in (drift.before, drift.after))
    return Drifted(drift, before, after)


def _shot(incident: Incident, frame: UUID | None) -> Shot | None:
    shown = [each for turn in reversed(incident.turns) for each in turn.evidence]
    return _among(incident.last.station, shown, frame)


def _among(station: str, shown: Iterable[Evidence], frame: UUID | None) -> Shot | None:
    found = next((each for each in shown if each.frame_id == frame), None)
    return Shot.of_evidence(station, found) if found else None

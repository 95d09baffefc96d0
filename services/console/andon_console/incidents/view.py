"""An incident as its page shows it, put together once for all its parts. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from andon.incidents import Incident
from andon.line import Plan
from andon.records import Cause, IncidentEvent
from andon_console.drifting.drifted import Drifted
from andon_console.drifting.learning import Offer
from andon_console.incidents import words
from andon_console.incidents.quiet import Quiet
from andon_console.incidents.strip import Shown, beside

AROUND = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class View:
    """One incident, what stands beside it, and the frame that is chosen; `shift` is until when a silence to the end of
    the shift would last; `learn` is what could be learned anew, where it is about that, and
    `drifts` what drifted, its own first."""

    incident: Incident
    plan: Plan
    frames: list[Shown]
    shown: Shown | None
    quiet: Quiet
    shift: tuple[str, datetime]
    untold: str
    others: list[Incident]
    before: list[Incident]
    learn: Offer | None = None
    drifts: tuple[Drifted, ...] = ()

    @property
    def last(self) -> IncidentEvent:
        """The latest turn that tells how it stands."""
        return self.incident.last

    @property
    def address(self) -> str:
        """Its page."""
        return f"/incidents/{self.incident.id}"

    @property
    def stations(self) -> tuple[str, ...]:
        """The stations it is about, by name."""
        return self.last.stations if self.last.station == "*" else (self.last.station,)

    @property
    def place(self) -> list[tuple[str, str]]:
        """Where it is, the smallest first: what it is called, and its name."""
        last, plan = self.last, self.plan
        found = (("line", last.line or plan.line), ("area", last.area or plan.area), ("site", last.site or plan.site))
        return [(name, value) for name, value in found if value]

    @property
    def cause(self) -> str:
        """Its cause in words: `Defect surge: many of the last parts look bad`, `Drift of focus: ...`."""
        drift = self.drift
        if drift is not None and self.last.cause is Cause.DRIFT:
            return f"Drift. {drift.title}"
        return f"{words.name_of(self.last.cause).capitalize()}: {words.IN_SHORT[self.last.cause]}"

    @property
    def drift(self) -> Drifted | None:
        """What drifted; of several that which it tells of itself."""
        return self.drifts[0] if self.drifts else None

    @property
    def action(self) -> str:
        """What to do first."""
        return words.first_action(self.incident)

    @property
    def changed(self) -> str:
        """What changed last before it began, in words; '' for nothing that is known."""
        change = words.changed(self.incident)
        return words.change_words(change, self.incident.since) if change else ""

    @property
    def measure(self) -> str:
        """The number and its limit, in words; '' for none."""
        measure = words.measured(self.incident)
        return words.measure_words(measure) if measure else ""

    @property
    def again(self) -> str:
        """What becomes of the same trouble once a person has ended this."""
        return words.again(self.last.cause)

    @property
    def around(self) -> tuple[datetime, datetime]:
        """The time that is worth a look at its station: from a little before it began."""
        over = self.incident.resolved
        return self.incident.since - AROUND, (over.at if over else self.last.at) + AROUND

    @property
    def neighbours(self) -> tuple[Shown | None, Shown | None]:
        """The frames before and after the chosen one."""
        return beside(self.frames, self.shown) if self.shown else (None, None)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Who was told what."""
        return [(sink, words.told_words(turns)) for sink, turns in self.incident.told.items()]

    @property
    def own(self) -> dict[str, str]:
        """What stands for the incident's own names in a runbook."""
        frame = self.shown or next(iter(self.frames), None)
        names = {"station": self.stations[0] if self.stations else "", "incident": self.incident.short}
        return {each: name for each, name in names.items() if name} | (
            {"frame": str(frame.shot.frame_id)} if frame else {}
        )


def same_cause(found: list[Incident], incident: Incident, most: int) -> list[Incident]:
    """Others of the same cause, in the order of `found`."""
    cause: Cause = incident.last.cause
    return [each for each in found if each.id != incident.id and each.last.cause is cause][:most]


def wanted(text: str) -> UUID | None:
    """A frame's id out of an address; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None

"""How a station's places stand, for people: what is learned, what is watched, and how near its limits it is. Pure."""

from dataclasses import dataclass
from datetime import datetime

from andon.baselines import Known, Place
from andon.drift_state import ShownChart
from andon.ids import sha256_hex
from andon.incidents.when import spoken
from andon.places import Standing, share, to_go
from andon.records import write_event
from andon_console.drifting import words

COLOURS = {"active": "green", "stale": "amber", "learning": "blue", "to be learned anew": "blue"}
SHOWN = {"active": "watched"}
"""What people read of a state, where it is not the state's own name."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One number against its limit. `share` is its statistic of its limit, `fill` the same as a bar of 100 whose limit
    stands at 80, so that there is room beyond it."""

    chart: ShownChart
    share: float

    @property
    def name(self) -> str:
        """As people call it."""
        return words.number_name(self.chart.name)

    @property
    def fill(self) -> float:
        """0 to 100."""
        return min(self.share, 1.25) * 80

    @property
    def words(self) -> str:
        """`84 % of its limit`, or that it is beyond it."""
        return "beyond its limit" if self.chart.active else f"{self.share:.0%} of its limit".replace("%", " %")

    @property
    def means(self) -> str:
        """`step: 7.1 against 8.4`."""
        return f"{words.CHARTS[self.chart.chart][0]}: {self.chart.statistic:.3g} against {self.chart.limit:.3g}"

    @property
    def now(self) -> str:
        """`41.2 %, usually 40.3 %`; '' where it is no single number."""
        value, usual = self.chart.value, self.chart.usual
        if value is None or usual is None:
            return ""
        told = words.number_words(self.chart.name, (value, usual), self.chart.unit)
        return f"{told[0]}, usually {told[1]}"


@dataclass(frozen=True, slots=True)
class Learning:
    """A place, as its panel tells of it."""

    standing: Standing
    now: datetime

    @property
    def place(self) -> Place:
        """Which."""
        return self.standing.place

    @property
    def title(self) -> str:
        """`product lid, bundle 4be1a3c20d11`."""
        return self.place.words.partition(", ")[2]

    @property
    def state(self) -> str:
        """One word or a few."""
        return SHOWN.get(self.standing.state, self.standing.state)

    @property
    def colour(self) -> str:
        """Of its badge."""
        return COLOURS.get(self.standing.state, "")

    @property
    def learns(self) -> bool:
        """Whether frames are still collected."""
        return self.standing.learns and self.standing.waits is None

    @property
    def progress(self) -> str:
        """`62 %, 3,100 of 5,000 frames, about 2 h to go`."""
        shown = self.standing.shown
        if shown is None:
            return ""
        left = to_go(shown)
        frames = f"{shown.frames:,} of {shown.wanted:,} frames" if shown.wanted else f"{shown.frames:,} frames"
        rest = f"about {spoken(left)} to go" if left else ""
        return ", ".join(filter(None, (f"{shown.ratio * 100:.0f} %", frames, rest)))

    @property
    def why(self) -> str:
        """What holds it up, or why it is stale, as a sentence."""
        why = self.standing.shown.why if self.standing.shown else ""
        return f"{why[:1].upper()}{why[1:]}{'' if why.endswith('.') else '.'}" if why else ""

    @property
    def promise(self) -> str:
        """How often a false ticket comes."""
        days = self.standing.shown.false_alarm_days if self.standing.shown else None
        return words.promise_words(days) if days else ""

    @property
    def bars(self) -> list[Bar]:
        """The fullest chart of every number, the fullest number first; none while nothing is watched."""
        return [Bar(each, share(each)) for each in self.standing.charts] if self.standing.waits is None else []

    @property
    def is_old(self) -> bool:
        """Whether drift has told nothing new for a while."""
        return self.standing.is_old(self.now)

    @property
    def stamp(self) -> str:
        """Another text whenever its reference is another, for a form to carry."""
        return stamp((self.standing.known,))


@dataclass(frozen=True, slots=True)
class Offer:
    """What could be learned anew. `told` says of each place how it stands; `stamp` is what a form carries of that."""

    places: tuple[Place, ...]
    told: tuple[tuple[str, str], ...]
    stamp: str


def stamp(known: tuple[Known | None, ...]) -> str:
    """Tells one state of some references from another."""
    said = [each and (each.baseline or each.relearn) for each in known]
    return sha256_hex(b"|".join(write_event(each) if each else b"" for each in said))[:16]

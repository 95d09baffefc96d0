"""The list of incidents: what is open first, then what was; the wish stands in the address."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from andon.incidents import Incident, Wanted
from andon.records import Cause, Severity
from andon.silences import concerned
from andon_console.incidents.strip import worst
from andon_console.incidents.words import name_of
from andon_console.pages.paper import Seen, page
from andon_console.pages.pressing import is_part
from andon_console.safe.asked import Viewer
from andon_console.world import World

router = APIRouter()
MOST = 200
SINCE = {
    "1h": timedelta(hours=1),
    "8h": timedelta(hours=8),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
IN_WORDS = {"1h": "the last hour", "8h": "8 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
USUAL: Literal["7d"] = "7d"

Name = Annotated[str, Query(max_length=128)]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see, as the address has it."""

    open: bool
    station: str
    line: str
    cause: Cause | None
    since: str

    def wanted(self, now: datetime) -> Wanted:
        """The same, for incidents."""
        return Wanted(now - SINCE[self.since], self.open, self.station or None, self.line or None, self.cause)

    @property
    def address(self) -> str:
        """Where it can be seen again."""
        said = {
            "open": "true" if self.open else "",
            "station": self.station,
            "line": self.line,
            "cause": self.cause.value if self.cause else "",
            "since": self.since if self.since != USUAL else "",
        }
        query = urlencode({name: value for name, value in said.items() if value})
        return f"/incidents?{query}" if query else "/incidents"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many are open, now and everywhere; drills are no trouble and are in none."""

    critical: int
    warning: int
    taken: int

    @classmethod
    def of(cls, found: Iterable[Incident]) -> "Counts":
        """Those of incidents that are open."""
        real = [each for each in found if not each.last.drill]
        critical = sum(each.last.severity is Severity.CRITICAL for each in real)
        return cls(critical, len(real) - critical, sum(each.taken is not None for each in real))


@router.get("/incidents")
def incidents(
    request: Request,
    world: Seen,
    _person: Viewer,
    open: bool = False,  # as the address calls it
    station: Name = "",
    line: Name = "",
    cause: Cause | Literal[""] = "",
    since: Literal["1h", "8h", "24h", "7d", "30d"] = USUAL,
) -> Response:
    """Those that somebody wants to see; the list alone where a script asks."""
    wish = Wish(open, station.strip(), line.strip(), cause or None, since)
    now = world.now()
    everything = world.incidents.since(now - SINCE["30d"])
    found = wish.wanted(now).of(everything)
    said: dict[str, Any] = {
        "wish": wish,
        "found": found[:MOST],
        "more": max(0, len(found) - MOST),
        "counts": Counts.of(world.incidents.open()),
        "quiet": {each.id for each in found[:MOST] if each.resolved is None and _is_quiet(world, each, now)},
        "pictures": {each.id: shown for each in found[:MOST] if (shown := worst(each))},
        "name_of": name_of,
    }
    if is_part(request):
        answer = page(request, "incidents-list.html.j2", **said)
        answer.headers["HX-Replace-Url"] = wish.address
        return answer
    choices: dict[str, Any] = {
        "causes": list(Cause),
        "lines": lines(everything),
        "stations": stations(everything),
        "times": IN_WORDS,
    }
    return page(request, "incidents.html.j2", **choices, **said)


def lines(found: Sequence[Incident]) -> list[str]:
    """The lines that had one."""
    return sorted({each.last.line for each in found if each.last.line})


def stations(found: Sequence[Incident]) -> list[str]:
    """The stations that had one."""
    return sorted({name for each in found for name in (each.last.station, *each.last.stations) if name != "*"})


def _is_quiet(world: World, incident: Incident, now: datetime) -> bool:
    return all(world.silences.on(each, now) is not None for each in concerned(incident.last))

"""Dead letters: how many wait and why, the newest as pictures; and handling all of one kind at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from andon.errors import Mistake
from andon.letters import Letter, Outcome, Pile, Wanted, Way, Who, advice, discard, replay, way
from andon.reasons import Reason
from andon_console.answering import plain
from andon_console.pages.paper import Seen, page
from andon_console.pages.pressing import needing
from andon_console.safe.asked import Engineer, Viewer
from andon_console.safe.people import Person
from andon_console.world import World

router = APIRouter()
A_PAGE = 24
AT_ONCE = 200  # by one press; people wait for it, and `andon dead-letters` knows no such limit
SINCE = {"all": None, "1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
IN_WORDS = {"all": "any time", "1h": "the last hour", "24h": "24 hours", "7d": "7 days"}
Since = Literal["all", "1h", "24h", "7d"]
Why = Annotated[str, Form(max_length=4000)]


@dataclass(frozen=True, slots=True)
class Wished:
    """Which letters somebody wants to see; what is empty is any."""

    reason: str = ""
    station: str = ""
    since: Since = "all"
    handled: bool = False

    def wanted(self, now: datetime) -> Wanted:
        """The same, for whoever sifts."""
        back = SINCE[self.since]
        return Wanted(self.reason or None, self.station or None, now - back if back else None, self.handled)

    @property
    def narrow(self) -> bool:
        """Whether it is some of them, and not all that there is."""
        return bool(self.reason or self.station)

    @property
    def query(self) -> str:
        """For an address."""
        said = {"reason": self.reason, "station": self.station, "handled": "true" if self.handled else ""}
        return urlencode(
            {name: value for name, value in (said | {"since": self.since}).items() if value not in ("", "all")}
        )

    @property
    def options(self) -> str:
        """For the command line."""
        said = (
            ("reason", self.reason),
            ("station", self.station),
            ("since", "" if self.since == "all" else self.since),
        )
        return " ".join(f"--{name} {value}" for name, value in said if value)


def _wished(
    reason: Annotated[Reason | Literal[""], Query()] = "",
    station: Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9._-]*$")] = "",
    since: Since = "all",
    handled: bool = False,
) -> Wished:
    return Wished(str(reason), station, since, handled)


def _pressed(
    reason: Annotated[Reason | Literal[""], Form()] = "",
    station: Annotated[str, Form(max_length=64, pattern=r"^[a-z0-9._-]*$")] = "",
    since: Annotated[Since, Form()] = "all",
) -> Wished:
    return Wished(str(reason), station, since)


Asked = Annotated[Wished, Depends(_wished)]
Pressed = Annotated[Wished, Depends(_pressed)]


@router.get("/letters")
def letters(request: Request, world: Seen, _person: Viewer, wished: Asked) -> Response:
    """How many wait, by reason, and the newest of them."""
    return shown(request, world, wished)


@router.post("/letters/replay")
def replay_all(request: Request, world: Seen, person: Engineer, wished: Pressed, why: Why = "") -> Response:
    """Sends all of a kind again, AT_ONCE at most, the newest. Pressed twice, the second finds none."""
    with needing(world), world.mailroom.alone:
        outcomes = replayed(world, person, _meant(world, wished), why)
    return shown(request, world, wished, outcomes, "sent again")


@router.post("/letters/discard")
def discard_all(request: Request, world: Seen, person: Engineer, wished: Pressed, why: Why = "") -> Response:
    """Says of all of a kind that nothing is to be done, AT_ONCE at most, the newest."""
    with needing(world), world.mailroom.alone:
        outcomes = discarded(world, person, _meant(world, wished), why)
    return shown(request, world, wished, outcomes, "discarded")


def shown(
    request: Request, world: World, wished: Wished, outcomes: Sequence[Outcome] | None = None, did: str = ""
) -> Response:
    """The page; `outcomes` is what was just done to letters."""
    now = world.now()
    piles = world.letters.piles(wished.wanted(now), A_PAGE)
    frames = world.settings.frames
    return page(
        request,
        "letters.html.j2",
        wished=wished,
        piles=[Told(each) for each in piles.by_reason()],
        count=piles.count,
        newest=piles.newest(),
        able=wished.narrow and any(isinstance(way(each, frames), Way) for each in piles.newest()),
        turn_of=world.letters.turn,
        reading=not world.letters.read,
        reasons=list(Reason),
        stations=sorted({*world.letters.stations(), *([wished.station] if wished.station else [])}),
        times=IN_WORDS,
        at_once=AT_ONCE,
        outcomes=outcomes,
        refused=[each for each in outcomes or () if each.refused],
        did=did,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """The letters of one reason, and what to say of it."""

    pile: Pile

    @property
    def means(self) -> str:
        """Completes "such a record ..."."""
        return advice(self.pile.reason).means

    @property
    def do(self) -> str:
        """What to do about it."""
        return advice(self.pile.reason).do


def replayed(world: World, person: Person, meant: Sequence[Letter], why: str) -> list[Outcome]:
    """What became of them. Raises Broken: what was sent until then is sent, and may be sent twice."""
    who = _who(person, why)
    return _all("replayed", who, replay(meant, world.mailroom, who, world.now, world.settings.frames))


def discarded(world: World, person: Person, meant: Sequence[Letter], why: str) -> list[Outcome]:
    """The same of those of which somebody says why nothing is to be done. Raises Mistake where they do not, Broken."""
    who = _who(person, why)
    if not who.why:
        raise Mistake("say why nothing is to be done, for whoever asks tomorrow")
    return _all("discarded", who, discard(meant, world.mailroom, who, world.now))


def _who(person: Person, why: str) -> Who:
    return Who(person.name, plain(why, 500), person.role, person.address)


def _all(did: str, who: Who, parts: Iterator[list[Outcome]]) -> list[Outcome]:
    found = [each for part in parts for each in part]
    structlog.get_logger().info("deed", did=did, by=who.name, letters=len(found))
    return found


def _meant(world: World, wished: Wished) -> list[Letter]:
    """Raises Mistake where that is all there is, or nothing."""
    if not wished.narrow:
        raise Mistake("say which: choose a reason or a station first")
    found = world.letters.piles(wished.wanted(world.now()), AT_ONCE).newest()
    if not found:
        raise Mistake("no dead letter waits that is so; somebody was first, or they have expired")
    return found

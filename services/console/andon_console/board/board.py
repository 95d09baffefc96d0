"""The andon board as it stands, and what changed since: looked at once for all who watch it.

A `turn` looks at the world and writes an edition (`editions`) of what changed. Every browser is sent the
same bytes, so a second one costs nearly nothing; who has missed editions that are not kept any more loads the page.
A turn over 500 stations of which half have news costs 5 ms of one core, one without news 3 ms, the page 20 ms.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from andon.ids import drill_of
from andon.incidents.chronicle import Incident, names
from andon.line import Plan
from andon.records.assignment import EVERY
from andon.topics import INCIDENTS, SCORES
from andon_console.board.editions import Editions
from andon_console.board.false_calls import Rate, rate_of
from andon_console.board.lamp import RANK, Colour, Lamp, lamp
from andon_console.board.picture import pictured
from andon_console.board.spark import FRAMES, heights, points
from andon_console.live.stations import Station
from andon_console.shots import Shot
from andon_console.world import World

EVERY_S = 0.5
BEAT_S = 2.0  # an edition at least so often, though nothing changed: silence means that the stream is broken
FACTS_S = 5.0  # silences end and the line file changes without a record telling of it
RATES_S = 15.0
PICTURE_S = 10.0
_SOONEST_S = EVERY_S / 2
DIGITS = 8  # of a bundle's digest
_LAMPS = (SCORES, INCIDENTS)  # what lamps hang on


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a station besides its frames; asked for again when something said so."""

    plan: Plan
    incidents: tuple[Incident, ...]
    silenced: bool
    learning: bool
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class Face:
    """What a tile shows and seldom changes. `picture` is an address, '' for none."""

    lamp: Lamp
    place: tuple[str, str, str]
    product: str = ""
    bundle: str = ""
    picture: str = ""
    rate: Rate | None = None

    @property
    def colour(self) -> Colour:
        """Its lamp's."""
        return self.lamp.colour


@dataclass(slots=True)
class Tile:
    """One station as the board last told of it. `at_ms` is when its last frame was captured, Unix ms; None: never."""

    station: str
    face: Face | None = None
    at_ms: int | None = None
    heights: deque[int] = field(default_factory=lambda: deque(maxlen=FRAMES))
    count: int = 0
    pictured: float = 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A tile for the page."""

    station: str
    face: Face
    at_ms: int | None
    points: str


class Board:
    """Any thread may ask. `address` is that of a frame's small picture."""

    def __init__(self, world: World, address: Callable[[Shot], str]) -> None:
        self._world = world
        self._address = address
        self._lock = Lock()
        self._tiles: dict[str, Tile] = {}
        self._facts: dict[str, Facts] = {}
        self._rated: dict[str, Rate | None] = {}
        self._gone: list[str] = []
        self._versions: tuple[int, ...] = ()
        self._seen = 0
        self._rated_version = -1
        self._turned = self._told = self._facts_at = self._rated_at = float("-inf")
        self._editions = Editions()

    def turn(self, now: datetime) -> None:
        """Looks at the world, unless somebody just did."""
        with self._lock:
            at = now.timestamp()
            if 0 <= at - self._turned < _SOONEST_S:
                return
            self._turned = at
            changed = self._look(now, at)
            if changed or self._gone or not 0 <= at - self._told < BEAT_S:
                self._told, gone = at, self._gone
                self._gone = []
                self._editions.publish(
                    {"now": round(at * 1000), "stale": stale(self._world), "gone": gone, "tiles": changed}
                )

    @property
    def edition(self) -> str:
        """The name of the last edition."""
        return self._editions.last

    def since(self, edition: str) -> tuple[str, list[bytes]] | None:
        """The last edition's name, and the events after `edition`. None where they are not kept: load the page."""
        with self._lock:
            found = self._editions.since(edition)
            return None if found is None else (self.edition, found)

    def shown(self, now: datetime) -> tuple[str, list[Shown]]:
        """The last edition's name and all tiles as it left them, by place and name."""
        self.turn(now)
        with self._lock:
            found = [
                Shown(each.station, each.face, each.at_ms, points(each.heights))
                for each in self._tiles.values()
                if each.face is not None
            ]
            return self.edition, sorted(found, key=_order)

    def _look(self, now: datetime, at: float) -> dict[str, dict[str, Any]]:
        stations = self._world.stations
        version = stations.version
        fresh = {each.name: each for each in stations.since(self._seen)}
        self._seen = version
        if self._are_old(at) or not fresh.keys() <= self._tiles.keys():
            self._ask_again(now, at)
        told = ((tile.station, self._tell(tile, fresh.get(tile.station), now)) for tile in self._tiles.values())
        return {name: each for name, each in told if each}

    def _are_old(self, at: float) -> bool:
        world = self._world
        versions = world.incidents.version, world.models.version, world.silences.version, world.rates.version
        changed, self._versions = versions != self._versions, versions
        return changed or not 0 <= at - self._facts_at < FACTS_S

    def _ask_again(self, now: datetime, at: float) -> None:
        self._facts_at = at
        world, found = self._world, open_by_station(self._world)
        known = {each.name for each in world.stations.all()} | found.keys() | _assigned(world)
        real = sorted(each for each in known if each != EVERY and drill_of(each) is None)
        self._gone = sorted(self._tiles.keys() - set(real))
        self._tiles = {name: self._tiles.get(name) or Tile(name) for name in real}
        self._rate(real, now, at)
        self._facts = {name: self._facts_of(name, found.get(name, ()), now) for name in real}

    def _rate(self, stations: Sequence[str], now: datetime, at: float) -> None:
        """Anew when somebody answered, and as the shift goes on."""
        rates, version = self._world.rates, self._world.rates.version
        if version == self._rated_version and 0 <= at - self._rated_at < RATES_S:
            return
        self._rated_version, self._rated_at = version, at
        line = self._world.line
        self._rated = {name: rate_of(rates, line.of(name), self._product(name), now) for name in stations}

    def _product(self, station: str) -> str | None:
        found = self._world.stations.get(station)
        return found.last.product if found else None

    def _facts_of(self, name: str, incidents: Sequence[Incident], now: datetime) -> Facts:
        world = self._world
        serving = world.models.lookup(name, self._product(name))
        learning = serving is not None and serving.active.state == "learning"
        silenced = world.silences.on(name, now) is not None
        return Facts(world.line.of(name), tuple(incidents), silenced, learning, self._rated.get(name))

    def _tell(self, tile: Tile, fresh: Station | None, now: datetime) -> dict[str, Any]:
        """What changed of a tile, as the browser is told it; nothing for nothing."""
        told: dict[str, Any] = {}
        station = fresh or self._world.stations.get(tile.station)
        if fresh is not None:
            told |= _frames(tile, fresh)
        face = self._face(tile, station, now)
        if face != tile.face:
            tile.face = face
            told["face"] = said(face)
        return told

    def _face(self, tile: Tile, station: Station | None, now: datetime) -> Face:
        facts, last = self._facts[tile.station], station.last if station else None
        lit = lamp(
            facts.incidents,
            last,
            now,
            facts.plan.policy.silent_after_s,
            silenced=facts.silenced,
            learning=facts.learning,
        )
        return Face(
            lit,
            (facts.plan.site, facts.plan.area, facts.plan.line),
            (last and last.product) or "",
            ((last and last.bundle) or "")[:DIGITS],
            self._picture(tile, station, lit, now.timestamp()),
            facts.rate,
        )

    def _picture(self, tile: Tile, station: Station | None, lit: Lamp, at: float) -> str:
        """The one it shows already, unless that is old or its lamp has just turned."""
        before = tile.face
        turned = before is None or RANK[before.colour] > RANK[lit.colour]
        if station is None or not (turned or not 0 <= at - tile.pictured < PICTURE_S):
            return before.picture if before else ""
        tile.pictured = at
        return self._address(pictured(station, in_trouble=lit.colour in (Colour.RED, Colour.AMBER)))


def stale(world: World) -> dict[str, Any] | None:
    """Why the board may not be believed: since when (Unix ms, where that is known) and what does not answer."""
    away = world.reachable.away_since
    if away is not None:
        return {"since": round(away.timestamp() * 1000), "why": "No answer from Kafka"}
    troubled = next((each for each in world.follows if each.trouble and each.topic in _LAMPS), None)
    return {"since": None, "why": f"{troubled.topic} cannot be read"} if troubled else None


def said(face: Face) -> dict[str, Any]:
    """A face for the browser."""
    return {
        "colour": face.colour,
        "word": face.lamp.word,
        "flags": face.lamp.flags,
        "place": face.place,
        "product": face.product,
        "bundle": face.bundle,
        "picture": face.picture,
        "rate": face.rate and {"text": face.rate.text, "standing": face.rate.standing},
    }


def open_by_station(world: World) -> dict[str, list[Incident]]:
    """What is open, by every station that it is about; the worst first."""
    found: dict[str, list[Incident]] = {}
    for incident in world.incidents.open():
        for name in names(incident):
            found.setdefault(name, []).append(incident)
    return found


def _assigned(world: World) -> set[str]:
    return {each.active.station for each in world.models.all()}


def _frames(tile: Tile, station: Station) -> dict[str, Any]:
    """The frames that came since the board last told of this station."""
    track = station.track
    count = track.count
    added = heights(track.ratios(min(count - tile.count, FRAMES)).tolist())
    tile.count = count
    tile.heights.extend(added)
    tile.at_ms = round(station.last.captured_at.timestamp() * 1000)
    return {"at": tile.at_ms, "add": added}


def _order(tile: Shown) -> tuple[tuple[str, str, str], str]:
    return tile.face.place, tile.station

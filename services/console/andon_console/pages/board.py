"""The andon board: one tile a station, by site, area and line."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from andon.incidents.chronicle import Incident
from andon.records.assignment import EVERY
from andon_console.board.board import Board, Shown, stale
from andon_console.board.lamp import Colour
from andon_console.pages.addresses import picture_address
from andon_console.pages.paper import Seen, page
from andon_console.safe.asked import Viewer
from andon_console.world import World

router = APIRouter()


async def _board(request: Request, world: Seen) -> Board:
    """One for everybody: made on the server's loop, so that no two are."""
    board: Board | None = getattr(request.app.state, "board", None)
    if board is None:
        board = request.app.state.board = Board(world, picture_address)
    return board


TheBoard = Annotated[Board, Depends(_board)]
"""The board, as the type of a route's parameter."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tiles somebody wants to see: those that have the words `q` in their names, with these lamps; none: all."""

    q: str = ""
    lamps: frozenset[Colour] = frozenset()

    def has(self, tile: Shown) -> bool:
        """Whether they want this one."""
        return (not self.lamps or tile.face.colour in self.lamps) and self.q.lower().strip() in words(tile)


@dataclass(slots=True)
class Heading:
    """A site, an area or a line, with the tiles directly under it. `counts` are of all lamps below."""

    name: str
    path: str
    level: int
    counts: Counter[Colour] = field(default_factory=Counter)
    tiles: list[Shown] = field(default_factory=list)

    @property
    def worst(self) -> Colour:
        """The worst lamp below."""
        return next(colour for colour in Colour if self.counts[colour])


@router.get("/")
def board(
    request: Request,
    world: Seen,
    board: TheBoard,
    _person: Viewer,
    q: Annotated[str, Query(max_length=100)] = "",
    lamp: Annotated[list[Colour] | None, Query(max_length=8)] = None,
    wall: bool = False,
) -> Response:
    """Every station. `q` and `lamp` choose among them; `wall` is for a screen above the line."""
    now = world.now()
    edition, tiles = board.shown(now)
    wanted = Wanted(q, frozenset(lamp or ()))
    return page(
        request,
        "board.html.j2",
        edition=edition,
        headings=headings(tiles),
        counts=Counter(each.face.colour for each in tiles),
        colours=tuple(Colour),
        wanted=wanted,
        words=words,
        since=since,
        shown=sum(wanted.has(each) for each in tiles),
        stations=len(tiles),
        wall=wall,
        stale=stale(world),
        everywhere=everywhere(world),
        now_ms=round(now.timestamp() * 1000),
        minutes=f"{world.settings.console.history_min:g}",
    )


@router.get("/board/everywhere")
def everywhere_part(request: Request, world: Seen, _person: Viewer) -> Response:
    """What is open and of no station, as it stands above the tiles."""
    return page(request, "board_everywhere.html.j2", everywhere=everywhere(world))


def headings(tiles: Iterable[Shown]) -> list[Heading]:
    """The tiles, by place, under headings as deep as their places are named; one without a name where none is."""
    found: dict[str, Heading] = {}
    for tile in tiles:
        last = None
        for last in _path(tile, found):
            last.counts[tile.face.colour] += 1
        if last is None:
            last = found.setdefault("", Heading("", "", 2))
            last.counts[tile.face.colour] += 1
        last.tiles.append(tile)
    return list(found.values())


def _path(tile: Shown, found: dict[str, Heading]) -> Iterator[Heading]:
    path = ""
    for level, name in enumerate((each for each in tile.face.place if each), start=2):
        path = f"{path}\t{name}"
        yield found.setdefault(path, Heading(name, path, level))


def words(tile: Shown) -> str:
    """What its text is looked for in."""
    return " ".join((tile.station, tile.face.product, *tile.face.place)).lower()


def everywhere(world: World) -> Sequence[Incident]:
    """What is open and is of no station: it stands above the tiles."""
    return [each for each in world.incidents.open_at(EVERY) if not each.last.stations and not each.last.drill]


def since(at_ms: int | None, now: datetime) -> str:
    """How long ago that was, as the browser will say it: the same words as static/times.js."""
    if at_ms is None:
        return "-"
    seconds = now.timestamp() - at_ms / 1000
    if seconds < 1.5:
        return "now"
    for below, unit, word in ((90, 1, "s"), (5400, 60, "min"), (129600, 3600, "h")):
        if seconds < below:
            return f"{round(seconds / unit)} {word}"
    return f"{round(seconds / 86400)} d"

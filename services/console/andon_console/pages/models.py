"""The models page: what serves where, and the bundles of the store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from andon.assignments import Serving
from andon.records import Swap
from andon_console.models.changing import Where
from andon_console.models.shelf import Entry
from andon_console.models.words import Standing, Trialled, standing, trial
from andon_console.pages.paper import Seen, page
from andon_console.safe.asked import Viewer
from andon_console.world import World

router = APIRouter()
PAGE = 50
MOST_ASKS = 10
T = TypeVar("T")

Number = Annotated[int, Query(ge=1, le=10_000)]


@dataclass(frozen=True, slots=True)
class Row:
    """What serves a station and product; `own` is False where that is everybody's assignment, or nothing."""

    where: Where
    serving: Serving | None
    own: bool = True
    swap: Swap | None = None

    @property
    def standing(self) -> Standing:
        """What scoring says."""
        return standing(self.serving) if self.serving else Standing("no bundle", "red")

    @property
    def trial(self) -> Trialled | None:
        """The trial that is on."""
        return trial(self.serving) if self.serving else None

    @property
    def address(self) -> str:
        """Its page."""
        return at_address(self.where)

    @property
    def text(self) -> str:
        """What is looked through when people search."""
        said = [self.where.words, self.standing.word]
        if self.serving:
            active = self.serving.active
            said += [active.bundle, *active.shadows, active.by, active.why, active.state]
        return " ".join(said).lower()


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page of many."""

    items: Sequence[T]
    number: int
    pages: int
    count: int


def paged(items: Sequence[T], number: int) -> Paged[T]:
    """The page of that number; the last one where there are not so many."""
    pages = max(1, -(-len(items) // PAGE))
    number = min(number, pages)
    return Paged(items[(number - 1) * PAGE : number * PAGE], number, pages, len(items))


@router.get("/models")
def models(
    request: Request,
    world: Seen,
    _person: Viewer,
    q: Annotated[str, Query(max_length=100)] = "",
    at: Number = 1,
    of: Number = 1,
) -> Response:
    """What serves where (page `at`), and the bundles (page `of`), of which `q` is a part of what is told."""
    return page(request, "models.html.j2", **overview(world, q, at, of))


def overview(world: World, q: str, at: int, of: int) -> dict[str, Any]:
    """What the page shows."""

    def link(one: int, other: int) -> str:
        return "/models?" + urlencode({"q": q, "at": one, "of": other})

    words, listing, uses = q.lower().split(), world.bench.shelf.listing(), world.models.uses()
    rows = [each for each in rows_of(world) if _has(each.text, words)]
    found = [each for each in listing.entries if _has(_known(each, uses.of(each.digest).words), words)]
    return {
        "q": q,
        "rows": paged(rows, at),
        "bundles": paged(found, of),
        "listing": listing,
        "uses": uses,
        "store": world.bench.shelf.url,
        "asks": world.requests.all()[:MOST_ASKS],
        "link": link,
        "link_rows": lambda number: link(number, of),
        "link_bundles": lambda number: link(at, number),
    }


def rows_of(world: World) -> Iterator[Row]:
    """Everything that is assigned, and stations whose frames come without one of their own."""
    own = world.models.all()
    for each in own:
        active = each.active
        swap = world.models.swap_of(active.station, active.product)
        yield Row(Where(active.station, active.product), each, swap=swap)
    assigned = {each.active.station for each in own}
    for station in world.stations.all():
        if station.name not in assigned:
            serving = world.models.lookup(station.name, station.last.product)
            yield Row(Where(station.name), serving, own=False, swap=world.models.swap_of(station.name, None))


def at_address(where: Where, act: str = "", **query: str) -> str:
    """The page of a station's assignment, or one below it."""
    said = {"product": where.product or ""} | query
    more = urlencode({name: value for name, value in said.items() if value})
    path = f"/models/at/{quote(where.station, safe='')}" + (f"/{act}" if act else "")
    return f"{path}?{more}" if more else path


def _known(entry: Entry, uses: str) -> str:
    return f"{entry.text} {uses.lower()}"


def _has(text: str, words: Sequence[str]) -> bool:
    return all(word in text for word in words)

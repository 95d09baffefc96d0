"""The station page: its newest frame, its scores over time, and all that is known of it now."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from andon.bundle import BundleError
from andon.errors import Broken, Invalid
from andon.ids import station_id
from andon.manifest import BundleManifest, DriftReference
from andon_console.board.lamp import Lamp, lamp
from andon_console.frames.curve import Told, columns, of_points
from andon_console.frames.health import health_lines
from andon_console.frames.search import MOST_READ
from andon_console.frames.stretch import read_stretch
from andon_console.live.stations import Station
from andon_console.live.track import ROOM
from andon_console.pages.addresses import frame_address, heat_address, original_address, picture_address
from andon_console.pages.paper import Seen, page, render
from andon_console.safe.asked import Viewer
from andon_console.shots import Shot
from andon_console.world import World

router = APIRouter()
WINDOWS = {10: "10 min", 60: "1 h", 480: "8 h", 1440: "24 h"}
HOURS = {1: "1 hour", 8: "8 hours", 24: "1 day", 72: "3 days", 336: "14 days"}
PAST_DAYS = 30
MOST_PAST = 8
LONGEST_MIN = 14 * 1440


def known_name(name: str) -> str:
    """The station of an address. Raises HTTPException 404 where none can be called so."""
    try:
        return station_id(name)
    except Invalid as error:
        raise HTTPException(404, error.detail) from None


Name = Annotated[str, Depends(known_name)]


class Frame(BaseModel):
    """The newest frame, as the page's script shows it. `boxes` are x, y, width, height in pixels of the original."""

    frame_id: str
    page: str | None
    picture: str
    original: str
    heat: str | None
    width: int
    height: int
    boxes: list[tuple[int, int, int, int]]
    label: str


class Now(BaseModel):
    """What has become of a station: `frame` and `facts` (HTML) are None while its newest frame is the one known
    already; `points` are those that came since `count` frames were known."""

    frame: Frame | None
    facts: str | None
    version: int
    points: list[Told]
    count: int


class Curve(BaseModel):
    """Some of a station's scores between two moments (Unix time, ms); `rest` is what is still to be read, and
    `covered` how much of the time asked for is done, from 0 to 1."""

    begin: int
    end: int
    columns: list[Told]
    rest: str
    covered: float


@router.get("/stations/{name}")
def station_page(request: Request, world: Seen, name: Name, _person: Viewer) -> Response:
    """Everything about one station; 404 for one that nobody here has heard of, from which one may still browse."""
    station = world.stations.get(name)
    known = is_known(world, name)
    context = beside(world, name) | {"newest": newest(station), "windows": WINDOWS, "known": known, "hours": HOURS}
    status = 200 if known else 404
    return page(request, "station.html.j2", status=status, **context)


@router.get("/stations/{name}/head")
def station_head(request: Request, world: Seen, name: Name, _person: Viewer) -> Response:
    """Its lamp, and how long ago its last frame was."""
    return page(request, "station_head.html.j2", **heading(world, name))


@router.get("/stations/{name}/beside")
def station_beside(request: Request, world: Seen, name: Name, _person: Viewer) -> Response:
    """What stands beside the frame: incidents, image health, bundle, findings."""
    return page(request, "station_beside.html.j2", **beside(world, name))


@router.get("/stations/{name}/now.json")
def station_now(
    request: Request,
    world: Seen,
    name: Name,
    _person: Viewer,
    version: Annotated[int, Query(ge=0)] = 0,
    count: Annotated[int, Query(ge=0)] = 0,
) -> Now:
    """What is new since `version` and `count`, as the last answer gave them."""
    station = world.stations.get(name)
    if station is None:
        return Now(frame=None, facts=None, version=0, points=[], count=0)
    there = station.track.count
    points = of_points(station.track.points(min(ROOM, there - count))) if there > count else []
    if station.version == version:
        return Now(frame=None, facts=None, version=version, points=points, count=there)
    shot = Shot.of_score(station.last, station.scored)
    facts = render(request, "station_now.html.j2", shot=shot, score=station.last)
    return Now(frame=shown(shot), facts=facts, version=station.version, points=points, count=there)


@router.get("/stations/{name}/scores.json")
def station_scores(
    world: Seen,
    name: Name,
    _person: Viewer,
    minutes: Annotated[int, Query(ge=1, le=LONGEST_MIN)] = 60,
    begin: Annotated[int, Query(ge=0, lt=4 * 10**12)] = 0,
    rest: Annotated[str, Query(max_length=20_000)] = "",
) -> Curve:
    """The scores of the last `minutes`, the newest first: a part a request. The next one is asked for with the `begin`
    and the `rest` of the answer before."""
    end = world.now() if not begin else None
    length = minutes * 60_000
    began = begin or round(world.now().timestamp() * 1000) - length
    if end is not None and not rest:
        stretch = world.log.stretch(end - timedelta(minutes=minutes), end, partitions_of(world, name))
    else:
        stretch = read_stretch(rest)
    looked = stretch.newest(MOST_READ)
    left = stretch.before(looked.starts)
    found = columns(world.log.read(looked), name, began, began + length)
    done = 1.0 if not left.records or not found else min(1.0, 1 - (found[0][0] - began) / length)
    return Curve(begin=began, end=began + length, columns=found, rest=left.text(), covered=done)


def beside(world: World, name: str) -> dict[str, Any]:
    """What the page says of a station beside its frames."""
    now, station = world.now(), world.stations.get(name)
    product = station.last.product if station else None
    serving = world.models.lookup(name, product)
    manifest, trouble = manifest_of(world, serving.last) if serving else (None, "")
    past = [each for each in world.incidents.since(now - timedelta(days=PAST_DAYS), name) if each.resolved]
    return heading(world, name) | {
        "serving": serving,
        "manifest": manifest,
        "trouble": trouble,
        "swaps": [each for each in world.models.swaps() if each.station == name],
        "open": world.incidents.open_at(name),
        "past": past[:MOST_PAST],
        "findings": world.findings.open_at(name),
        "health": _health(world, station),
    }


def heading(world: World, name: str) -> dict[str, Any]:
    """What stands above everything."""
    return {
        "name": name,
        "plan": world.line.of(name),
        "lamp": lamp_of(world, name),
        "silence": world.silences.on(name, world.now()),
        "station": world.stations.get(name),
    }


def lamp_of(world: World, name: str) -> Lamp:
    """The station's lamp, as on the board."""
    now, station = world.now(), world.stations.get(name)
    serving = world.models.lookup(name)
    return lamp(
        world.incidents.open_at(name),
        station.last if station else None,
        now,
        world.line.of(name).policy.silent_after_s,
        silenced=world.silences.on(name, now) is not None,
        learning=serving is not None and serving.active.state == "learning",
    )


def newest(station: Station | None) -> Shot | None:
    """The last scored frame."""
    return Shot.of_score(station.last, station.scored) if station else None


def shown(shot: Shot) -> Frame:
    """A frame as the page's script shows it."""
    return Frame(
        frame_id=str(shot.frame_id),
        page=frame_address(shot),
        picture=picture_address(shot, "view"),
        original=original_address(shot),
        heat=heat_address(shot) if shot.verdict == "anomalous" else None,
        width=shot.width,
        height=shot.height,
        boxes=[(each.x, each.y, each.width, each.height) for each in shot.regions],
        label=f"Frame of {shot.station}, {shot.verdict}",
    )


def manifest_of(world: World, digest: str) -> tuple[BundleManifest | None, str]:
    """What a bundle says of itself, or why nobody can say."""
    try:
        return world.bundles.manifest(digest), ""
    except BundleError:
        return None, "the bundle store does not hold it"
    except Broken as error:
        return None, str(error)


def is_known(world: World, name: str) -> bool:
    """Whether anything here has to do with a station of that name."""
    return bool(
        world.stations.get(name)
        or world.models.of(name)
        or world.answers.at(name)
        or world.incidents.since(world.now() - timedelta(days=PAST_DAYS), name)
    )


def partitions_of(world: World, name: str) -> tuple[int, ...]:
    """The partition of `scores` that holds a station's scores; none where nobody knows: all are looked through then."""
    station = world.stations.get(name)
    return (station.scored.partition,) if station and station.scored.partition >= 0 else ()


def _health(world: World, station: Station | None) -> dict[str, Any] | None:
    if station is None or station.last.health is None:
        return None
    reference: DriftReference | None = None
    why = "no bundle has judged it"
    if station.last.bundle is not None:
        try:
            reference = world.bundles.reference(station.last.bundle)
        except BundleError:
            why = "the bundle store does not hold its bundle"
        except Broken as error:
            why = str(error)
    return {"lines": health_lines(station.last.health, reference), "unknown": "" if reference else why}

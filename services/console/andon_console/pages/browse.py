"""Looking through a station's past frames; and the page of one of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import RedirectResponse
from starlette.requests import Request
from starlette.responses import Response

from andon.errors import Broken, Mistake
from andon.records import Evidence, FramePlace, Score
from andon.topics import SCORES
from andon_console.frames.frames import Gone
from andon_console.frames.search import Found, Order, Wanted, search
from andon_console.frames.stretch import Stretch, read_stretch
from andon_console.pages.addresses import station_address
from andon_console.pages.frames import Offset, Partition
from andon_console.pages.paper import Seen, page
from andon_console.pages.station import HOURS, Name, manifest_of, partitions_of
from andon_console.safe.asked import Viewer
from andon_console.shots import Shot
from andon_console.world import World

router = APIRouter()
NEIGHBOURS = 20_000  # records of the partition that are looked through for the frame before or after one


@dataclass(frozen=True)
class Asked:
    """What somebody looks for: frames from `hours` before `at` until then, or of the `hours` after it."""

    order: Annotated[Order, Query()] = Order.EARLIER
    at: Annotated[str, Query(max_length=40)] = ""
    zone: Annotated[int, Query(ge=-900, le=900)] = 0
    hours: Annotated[int, Query(ge=1, le=336)] = 24
    calls: Annotated[bool, Query()] = False
    part: Annotated[str, Query(max_length=128)] = ""
    rest: Annotated[str, Query(max_length=20_000)] = ""

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """From when until when. Raises Mistake for what is no moment."""
        at, length = moment(self.at, self.zone) or now, timedelta(hours=self.hours)
        return (at, at + length) if self.order is Order.LATER else (at - length, at)

    def wanted(self, station: str) -> Wanted:
        """Which frames."""
        return Wanted(station, self.order, self.calls, self.part.strip())

    def address(self, station: str, rest: Stretch) -> str:
        """Where to go on."""
        given: dict[str, Any] = {"order": self.order.value, "at": self.at, "zone": self.zone, "hours": self.hours}
        given |= {"part": self.part} | ({"calls": "true"} if self.calls else {}) | {"rest": rest.text()}
        return f"{station_address(station)}/browse?{urlencode(given)}"


@router.get("/stations/{name}/browse")
def browse(request: Request, world: Seen, name: Name, _person: Viewer, asked: Annotated[Asked, Depends()]) -> Response:
    """Frames of a station, found by their scores: some, and where to go on."""
    begin, end = asked.span(world.now())
    stretch = read_stretch(asked.rest) if asked.rest else world.log.stretch(begin, end, partitions_of(world, name))
    found = search(world.log, stretch, asked.wanted(name))
    shots = [Shot.of_score(score, place) for score, place in found.scores]
    more = asked.address(name, found.rest) if found.rest.records else None
    context: dict[str, Any] = {
        "name": name,
        "asked": asked,
        "begin": begin,
        "end": end,
        "shots": shots,
        "read": found.read,
    }
    said = {each.frame_id: world.answers.of(each.frame_id) for each in shots}
    return page(request, "station_browse.html.j2", more=more, hours=HOURS, said=said, **context)


@router.get("/stations/{name}/frames/{partition}/{offset}")
def frame_page(
    request: Request, world: Seen, name: Name, partition: Partition, offset: Offset, _person: Viewer
) -> Response:
    """One frame, by where its score lies. 410 where the score is not kept any more, 404 where it is another's."""
    place = FramePlace(topic=SCORES, partition=partition, offset=offset)
    score, shot = _looked_up(world, name, place)
    gone, size = _image(world, shot)
    manifest, trouble = manifest_of(world, shot.bundle) if shot.bundle else (None, "")
    incidents = [world.incidents.get(each) for each in world.incidents.showing(shot.frame_id)]
    context: dict[str, Any] = {
        "name": name,
        "shot": shot,
        "score": score,
        "gone": gone,
        "size": size,
        "answer": world.answers.of(shot.frame_id),
        "incidents": [each for each in incidents if each],
        "manifest": manifest,
        "trouble": trouble,
    }
    return page(request, "station_frame.html.j2", **context)


@router.get("/stations/{name}/frames/{partition}/{offset}/{way}")
def neighbour(
    world: Seen,
    name: Name,
    partition: Partition,
    offset: Offset,
    way: Literal["previous", "next"],
    _person: Viewer,
) -> Response:
    """Leads to the station's frame before, or after, this one. 404 where there is none nearby."""
    place = _beside_in_track(world, name, partition, offset, way) or _beside_in_log(world, name, partition, offset, way)
    if place is None:
        word = "earlier" if way == "previous" else "later"
        raise HTTPException(404, f"There is no {word} frame of {name} among {NEIGHBOURS:,} scores; browse by time.")
    return RedirectResponse(f"{station_address(name)}/frames/{place.partition}/{place.offset}", 303)


def moment(text: str, zone: int) -> datetime | None:
    """The moment that a form's field says, in UTC; `zone` is how many minutes UTC is ahead of the form's clock.

    Raises Mistake for what is none.
    """
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC) + timedelta(minutes=zone)
    except (ValueError, OverflowError):
        raise Mistake(f"{text[:40]!r} is no moment; write one such as 2026-03-02T14:00") from None


def _looked_up(world: World, name: str, place: FramePlace) -> tuple[Score | None, Shot]:
    """The score there and its frame; without the score where an incident or an answer still tells of the frame."""
    away: Broken | None = None
    try:
        score = world.frames.scored_at(place)
    except Broken as error:
        score, away = None, error
    if score is not None:
        if score.station != name:
            raise HTTPException(404, f"The score that lies there is of {score.station}, not of {name}.")
        return score, Shot.of_score(score, place)
    shot = _told_of(world, name, place)
    if shot is not None:
        return (None if away else world.frames.score(None, shot.frame_id)), shot
    if away is not None:
        raise away
    since = world.frames.held_since(SCORES, place.partition)
    raise HTTPException(410, f"The score is not kept any more{f': Kafka keeps since {since}' if since else ''}.")


def _image(world: World, shot: Shot) -> tuple[str, int]:
    """Why its image cannot be shown, '' where it can, and how many bytes it has."""
    try:
        image = world.frames.image(shot)
    except Broken as error:
        return str(error), 0
    return (image.why, 0) if isinstance(image, Gone) else ("", len(image))


def _told_of(world: World, name: str, place: FramePlace) -> Shot | None:
    """The frame whose score lay at `place`, as people or incidents tell of it."""
    for answer in world.answers.at(name):
        if answer.scored == place:
            return Shot.of_answer(answer)
    shown = (each for incident in world.incidents.since(datetime.min.replace(tzinfo=UTC), name)
             for turn in incident.turns for each in turn.evidence)  # fmt: skip
    found: Evidence | None = next((each for each in shown if each.scored == place), None)
    return Shot.of_evidence(name, found) if found else None


def _beside_in_track(world: World, name: str, partition: int, offset: int, way: str) -> FramePlace | None:
    station = world.stations.get(name)
    places = [each.scored for each in station.track.points()] if station else []
    here = FramePlace(topic=SCORES, partition=partition, offset=offset)
    if here not in places:
        return None
    at = places.index(here) + (1 if way == "next" else -1)
    return places[at] if 0 <= at < len(places) else None


def _beside_in_log(world: World, name: str, partition: int, offset: int, way: str) -> FramePlace | None:
    if way == "next":
        stretch = Stretch({partition: offset + 1}, {partition: offset + 1 + NEIGHBOURS})
        found: Found = search(world.log, stretch, Wanted(name, Order.LATER), NEIGHBOURS)
    else:
        stretch = Stretch({partition: max(0, offset - NEIGHBOURS)}, {partition: offset})
        found = search(world.log, stretch, Wanted(name, Order.EARLIER), NEIGHBOURS)
    return found.scores[0][1] if found.scores else None

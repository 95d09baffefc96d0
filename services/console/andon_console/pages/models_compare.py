"""Two bundles over the same live frames of a station."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from starlette.requests import Request
from starlette.responses import Response

from andon.comparing.pairing import Agreement
from andon.errors import Invalid
from andon.ids import station_id
from andon.records import Trial
from andon_console.answering import NAMES
from andon_console.live.jobs import Job, State
from andon_console.models.compare import Comparison, compared, since
from andon_console.models.heard import Heard
from andon_console.models.spans import SPANS, heard, past
from andon_console.models.words import trial
from andon_console.pages.models_bundle import Other
from andon_console.pages.paper import Seen, page
from andon_console.pages.pressing import is_part
from andon_console.safe.asked import Viewer
from andon_console.world import World

router = APIRouter()
Span = Literal["1", "8", "24", "72", "shift"]
Station = Annotated[str, Query(max_length=128)]


@router.get("/models/compare")
def compare(
    request: Request,
    world: Seen,
    _person: Viewer,
    station: Station = "",
    hours: Span = "24",
    first: Other = "",
    second: Other = "",
) -> Response:
    """What `first` (else: what serves) and `second` (else: its first shadow) said, once the scores are read."""
    template = "models_compared.html.j2" if is_part(request) else "models_compare.html.j2"
    return page(request, template, **context(world, station, hours, first, second))


def context(world: World, station: str, hours: Span, first: str, second: str) -> dict[str, Any]:
    """What the page shows. Nothing is read where no station is named."""
    asked = {"station": station, "hours": hours, "first": first, "second": second}
    empty = {"asked": asked, "spans": SPANS, "stations": stations(world), "job": None, "found": None, "heard": None}
    if not station:
        return empty | {"missing": ""}
    name = _known(station)
    job = heard(world, name, past(world, name, hours))
    if job.state is not State.DONE:
        return empty | {"job": job, "missing": ""}
    return empty | {"job": job} | _found(world, name, job, first, second)


def stations(world: World) -> list[str]:
    """Those that may be chosen."""
    assigned = {each.active.station for each in world.models.all()} - {"*"}
    return sorted(assigned | {each.name for each in world.stations.all()})


def _found(world: World, station: str, job: Job, first: str, second: str) -> dict[str, Any]:
    scores: Heard = job.result
    counts = scores.bundles()
    pair = sides(world, station, counts, first, second)
    names = [f"{each[:12]} ({count} scores)" for each, count in counts.items()]
    if pair is None:
        return {"heard": scores, "counts": counts, "missing": _nothing(station, names)}
    found = compared(scores, *pair, world.answers.at(station))
    missing = (
        ""
        if found.frames
        else f"No frame was scored by both. In that time there were: {', '.join(names) or 'no scores'}."
    )
    budgets = [entry.budget if (entry := world.bench.shelf.listing(0.5).of(each)) else None for each in pair]
    shown = {"found": found, "heard": scores, "counts": counts, "missing": missing, "budgets": budgets}
    return shown | {"told": NAMES, "cases": cases(found), "trial": trialled(world, station, scores, pair)}


@dataclass(frozen=True, slots=True)
class TrialSoFar:
    """How far the trial of these two is, as far as the scores that were read tell; `since` is when it began."""

    trial: Trial
    kind: str
    since: datetime
    counts: Agreement


def trialled(world: World, station: str, scores: Heard, pair: tuple[str, str]) -> TrialSoFar | None:
    """The trial that is on between the two, if any; the older one is the first."""
    for serving in world.models.all():
        active, on = serving.active, trial(serving)
        asked = active.probation or active.promotion
        if on and asked and active.station == station and (on.older, on.newer) == pair:
            return TrialSoFar(asked, on.kind, active.at, since(scores, *pair, active.at))
    return None


def cases(found: Comparison) -> list[tuple[str, Any]]:
    """The frames that only one calls, under their headings."""
    first, second = found.first[:12], found.second[:12]
    counts = found.agreement
    return [
        (f"Only {second} calls: {counts.only_second}", found.only_second),
        (f"Only {first} calls: {counts.only_first}", found.only_first),
    ]


def sides(world: World, station: str, counts: dict[str, int], first: str, second: str) -> tuple[str, str] | None:
    """The digests of the two; None where there are not two."""
    serving = world.models.lookup(station)
    shadows = serving.active.shadows if serving else ()
    one = _begins(first, counts) or (serving.active.bundle if serving else None)
    if one is None or (one not in counts and not first):
        one = next((each for each in counts if each not in shadows), None)
    other = _begins(second, counts) or next((each for each in shadows if each != one), None)
    other = other or next((each for each in counts if each != one), None)
    return (one, other) if one and other and one != other else None


def _begins(text: str, counts: dict[str, int]) -> str | None:
    return next((each for each in counts if text and each.startswith(text)), text if len(text) == 64 else None)


def _nothing(station: str, names: list[str]) -> str:
    if not names:
        return f"No frame of {station} was scored in that time. Look further back."
    return (
        f"Only one bundle scored {station} in that time: {', '.join(names)}. Put another beside it as a shadow, let "
        "andon shadow-scoring run, and look again after some frames."
    )


def _known(station: str) -> str:
    try:
        return station_id(station)
    except Invalid as error:
        raise HTTPException(404, error.detail) from None

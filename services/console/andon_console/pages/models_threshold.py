"""Another false-call budget for a station's bundle: its threshold, what it would have done, and asking for it."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Form, HTTPException, Query
from starlette.requests import Request
from starlette.responses import Response

from andon.budget import budget_words, parse_budget
from andon.calibration import Threshold, threshold_for
from andon.errors import Broken, Mistake
from andon.manifest import BundleManifest
from andon.records import Did, Wish, write_event
from andon.records import Request as Asked
from andon.records.assignment import EVERY
from andon.stage import Message
from andon.topics import REQUESTS
from andon_console.answering import NAMES
from andon_console.live.jobs import Job, State
from andon_console.models.changing import Where
from andon_console.models.preview import previewed
from andon_console.models.spans import SPANS, heard, past
from andon_console.pages.models import at_address
from andon_console.pages.models_at import MOST_WHY, Bundle, Place, plain_why
from andon_console.pages.models_compare import Span
from andon_console.pages.paper import Seen, page
from andon_console.pages.pressing import back_to, is_part, said, writing
from andon_console.safe.asked import Engineer, Viewer
from andon_console.world import World

router = APIRouter()
BudgetText = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True, slots=True)
class Basis:
    """The bundle whose threshold is to move; `trouble` says why nothing can be found."""

    digest: str
    manifest: BundleManifest | None = None
    threshold: Threshold | None = None
    budget: float = 0.0
    trouble: str = ""


@router.get("/models/at/{station}/threshold")
def threshold(
    request: Request,
    world: Seen,
    _person: Viewer,
    where: Place,
    bundle: Bundle = "",
    budget: BudgetText = "",
    hours: Span = "24",
) -> Response:
    """The threshold for `budget` (2 means 2 per 1,000), with how sure it is, and what it would have called."""
    template = "models_previewed.html.j2" if is_part(request) else "models_threshold.html.j2"
    return page(request, template, **context(world, where, bundle, budget, hours))


@router.post("/models/at/{station}/threshold")
def ask(
    request: Request,
    world: Seen,
    person: Engineer,
    where: Place,
    bundle: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")],
    budget: Annotated[str, Form(max_length=40)],
    why: Annotated[str, Form(max_length=4 * MOST_WHY)],
) -> Response:
    """Asks training for that bundle. The same asked for twice while it is not done is asked for once."""
    share, words = budget_of(budget), plain_why(why)
    found = basis(world, bundle, budget)
    if found.threshold is None:
        raise Mistake(found.trouble)
    with writing(world):
        if not _is_asked(world, where, bundle, share):
            wish = _wish(world, person.name, where, bundle, share, words)
            world.desk.write(
                person,
                Did.REQUESTED,
                [Message(REQUESTS, wish.station.encode(), write_event(wish))],
                station=where.station,
                subject=bundle,
                detail=words,
                before=f"budget {budget_words(found.manifest.calibration.budget)}" if found.manifest else None,
                after=f"budget {budget_words(share)}",
            )
    address = at_address(where) + "#requests"
    if is_part(request):
        told = {"andon:tell": "Training is asked for it; this page says what becomes of it."}
        return Response(headers={"HX-Redirect": address} | said(told))
    return back_to(address)


def context(world: World, where: Where, bundle: str, budget: str, hours: Span) -> dict[str, Any]:
    """What the page shows."""
    serving = world.models.lookup(where.station, where.product)
    digest = bundle or (serving.active.bundle if serving else "")
    if not digest:
        raise HTTPException(404, f"{where.words}: no bundle is assigned there, so there is no threshold to move.")
    found = basis(world, digest, budget)
    asked = {"bundle": digest, "hours": hours}
    shown: dict[str, Any] = {"where": where, "basis": found, "asked": asked, "spans": SPANS, "told": NAMES}
    shown |= {
        "words": budget_words(found.budget) if found.budget else "",
        "per_1000": f"{found.budget * 1000:.6g}" if found.budget else "",
    }
    shown |= {"link": lambda act="", **query: at_address(where, act, **query)}
    return shown | _preview(world, where, found, hours)


def basis(world: World, digest: str, budget: str) -> Basis:
    """The bundle and what the budget makes of its scores; without one, its own."""
    shelf = world.bench.shelf
    try:
        manifest = shelf.card(digest).manifest
    except (Broken, Mistake) as error:
        return Basis(digest, trouble=str(error))
    try:
        share = budget_of(budget) if budget.strip() else manifest.calibration.budget
        return Basis(digest, manifest, threshold_for(shelf.sample(digest), manifest, share), share)
    except (Broken, Mistake) as error:
        return Basis(digest, manifest, trouble=str(error))


def budget_of(text: str) -> float:
    """The share that a form says; a bare number is of 1,000. Raises Mistake."""
    bare = text.strip().replace(".", "", 1).isdecimal()
    return parse_budget(f"{text.strip()} per 1000" if bare else text)


def _preview(world: World, where: Where, found: Basis, hours: Span) -> dict[str, Any]:
    nothing = {"job": None, "preview": None, "heard": None}
    if found.threshold is None or where.station == EVERY:
        return nothing
    job: Job = heard(world, where.station, past(world, where.station, hours))
    if job.state is not State.DONE:
        return nothing | {"job": job}
    preview = previewed(job.result, found.digest, found.threshold.value, world.answers.at(where.station))
    return {"job": job, "preview": preview, "heard": job.result}


def _is_asked(world: World, where: Where, bundle: str, share: float) -> bool:
    asked = (each for each in world.requests.at(where.station, where.product) if not each.over)
    return any((each.request.bundle, each.request.budget) == (bundle, share) for each in asked)


def _wish(world: World, by: str, where: Where, bundle: str, share: float, why: str) -> Asked:
    return Asked(
        request_id=uuid4(),
        wish=Wish.THRESHOLD,
        station=where.station,
        product=where.product,
        bundle=bundle,
        budget=share,
        by=by,
        why=why,
        at=world.now(),
    )

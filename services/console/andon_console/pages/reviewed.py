"""Reviewed frames: what there is, data sets of them, and false calls that a bundle's memory is to know."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from shlex import quote
from threading import BoundedSemaphore
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID, uuid5

import structlog
from fastapi import APIRouter, Depends, Form, HTTPException, Query
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.requests import Request
from starlette.responses import Response

from andon.errors import Mistake
from andon.records import Answer, Did, Told, Wish, write_event
from andon.records import Request as Ask
from andon.records.request import MOST_FRAMES
from andon.reviewed import ReviewedFrame, reviewed_of
from andon.stage import Message
from andon.topics import REQUESTS
from andon_console.answering import NAMES, plain
from andon_console.models.memory import why_no_memory
from andon_console.pages.paper import Seen, page, render
from andon_console.pages.pressing import back_to, is_part, writing
from andon_console.reviewed import File, Format, Options, Outlines, Wanted, exported, zipped
from andon_console.reviewed.listing import SHOWN, counted
from andon_console.safe.asked import Engineer, Viewer
from andon_console.safe.people import Person
from andon_console.shots import Shot
from andon_console.world import World

router = APIRouter()
A_PAGE = 60
AT_ONCE = 2
SINCE = {"all": None, "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
IN_WORDS = {"all": "any time", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
FORMATS = {
    Format.MVTEC: "MVTec AD",
    Format.FOLDER: "anomalib Folder",
    Format.COCO: "COCO",
    Format.LABELSTUDIO: "Label Studio",
}
_NAMESPACE = UUID("5f0f3b1c-8f3e-4b7e-9a55-6b0f4d1e2c77")
_exports = BoundedSemaphore(AT_ONCE)

Text = Annotated[str, Query(max_length=128)]
Said = Literal["", "real", "missed", "false_call", "good", "unsure"]
Since = Literal["all", "24h", "7d", "30d"]


@dataclass(frozen=True, slots=True)
class Wished:
    """Which reviewed frames somebody wants to see; what is empty is any."""

    station: str
    product: str
    answer: Told | None
    since: Since

    def wanted(self, now: datetime) -> Wanted:
        """The same, for an export; that knows no answers."""
        back = SINCE[self.since]
        return Wanted((self.station,) if self.station else (), self.product or None, now - back if back else None)

    def of(self, frames: Sequence[ReviewedFrame], now: datetime) -> list[ReviewedFrame]:
        """Those, in the order they come."""
        wanted = self.wanted(now)
        return [each for each in frames if wanted.has(each) and self.answer in (None, each.answer.answer)]

    @property
    def query(self) -> str:
        """For an address."""
        said = {"station": self.station, "product": self.product, "answer": self.answer or "", "since": self.since}
        return urlencode({name: value for name, value in said.items() if value not in ("", "all")})

    @property
    def options(self) -> str:
        """For the command line."""
        parts = [
            f"--station {quote(self.station)}" if self.station else "",
            f"--product {quote(self.product)}" if self.product else "",
        ]
        return " ".join(filter(None, [*parts, f"--since {self.since}" if self.since != "all" else ""]))


def _wished(station: Text = "", product: Text = "", answer: Said = "", since: Since = "all") -> Wished:
    return Wished(station, product, Told(answer) if answer else None, since)


Asked = Annotated[Wished, Depends(_wished)]


@router.get("/reviewed")
def reviewed(
    request: Request,
    world: Seen,
    _person: Viewer,
    wished: Asked,
    first: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """How many there are by station and answer, and the newest of them."""
    known = world.shelved.frames()
    found = wished.of(known, world.now())
    return page(
        request,
        "reviewed.html.j2",
        wished=wished,
        found=len(found),
        answers=Counter(each.answer.answer for each in found),
        counted=counted(found),
        shown=[Shown(each.answer) for each in found[first : first + A_PAGE]],
        first=first,
        last=min(first + A_PAGE, len(found)),
        a_page=A_PAGE,
        stations=sorted({each.answer.station for each in known} | ({wished.station} - {""})),
        products=sorted({each.answer.product for each in known if each.answer.product} | ({wished.product} - {""})),
        told=SHOWN,
        names=NAMES,
        times=IN_WORDS,
        formats=FORMATS,
        most_frames=MOST_FRAMES,
        asked_at=world.now().isoformat(),
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """One of them, small."""

    answer: Answer

    @property
    def shot(self) -> Shot:
        """The frame."""
        return Shot.of_answer(self.answer)


@router.post("/reviewed/export")
def export(
    world: Seen,
    person: Engineer,
    format: Annotated[Format, Form()],
    station: Annotated[str, Form(max_length=128)] = "",
    product: Annotated[str, Form(max_length=128)] = "",
    since: Annotated[Since, Form()] = "all",
    outlines: Annotated[Outlines, Form()] = Outlines.DRAWN,
    names: Annotated[bool, Form()] = False,
) -> Response:
    """A ZIP, sent while it is made; the audit log has who took what. Raises HTTPException 503 while others are made."""
    wished = Wished(station, product, None, since)
    world.shelved.look_again()
    frames = wished.of(world.shelved.frames(10.0), world.now())
    if not frames:
        raise Mistake("no reviewed frames are there of these; choose another station, product or time")
    parts = _sent(exported(frames, format, Options(outlines, names=names), _passed_over))
    first = next(parts, b"")  # at once, so that a store that is away is told as such
    with writing(world):
        _told(world, person, wished, format, len(frames))
    name = f"andon-reviewed-{format.value}-{world.now():%Y%m%d-%H%M}.zip"
    return StreamingResponse(chain((first,), parts), media_type="application/zip", headers=_attached(name))


@router.post("/reviewed/memory")
def remember(
    request: Request,
    world: Seen,
    person: Engineer,
    frame: Annotated[list[UUID], Form(max_length=MOST_FRAMES)],
    station: Annotated[str, Form(max_length=128)],
    product: Annotated[str, Form(max_length=128)] = "",
    why: Annotated[str, Form(max_length=4000)] = "",
    asked: Annotated[str, Form(max_length=64)] = "",
    back: Annotated[str, Form(max_length=2000)] = "/reviewed",
) -> Response:
    """Asks training for a bundle that knows these false calls as good. Pressed twice, it is asked once."""
    frames = tuple(dict.fromkeys(frame))
    _check(world, station, frames)
    serving = world.models.lookup(station, product or None)
    why_not = why_no_memory(world.models, world.bundles, station, product or None)
    if serving is None or why_not:
        raise Mistake(why_not)
    wish = Ask(
        request_id=uuid5(_NAMESPACE, f"{person.name}/{asked}/{station}/{serving.active.bundle}/{sorted(frames)}"),
        wish=Wish.MEMORY,
        station=station,
        product=product or None,
        bundle=serving.active.bundle,
        frames=frames,
        by=person.name,
        why=plain(why, 1000) or f"{len(frames)} confirmed false call{'s' if len(frames) > 1 else ''}",
        at=world.now(),
    )
    with writing(world):
        _ask(world, person, wish)
    if not is_part(request):
        return back_to(back)
    return HTMLResponse(render(request, "reviewed-asked.html.j2", wish=wish))


def _check(world: World, station: str, frames: Sequence[UUID]) -> None:
    """Raises Mistake where somebody says anything else of one of them."""
    for each in frames:
        said = world.answers.of(each) or _kept_answer(world, station, each)
        if said is None or said.station != station or said.answer is not Told.FALSE_CALL:
            is_now = f"it is: {NAMES[said.answer]} at {said.station}" if said else "nobody has said anything of it"
            raise Mistake(f"frame {each} is no confirmed false call of {station} ({is_now}); only these are remembered")


def _kept_answer(world: World, station: str, frame: UUID) -> Answer | None:
    found = reviewed_of(world.shelved.store, station, frame)
    return found.answer if found is not None and not found.withdrawn else None


def _ask(world: World, person: Person, wish: Ask) -> None:
    world.desk.write(
        person,
        Did.REQUESTED,
        [Message(REQUESTS, wish.station.encode(), write_event(wish))],
        station=wish.station,
        subject=wish.bundle,
        detail=f"memory: {len(wish.frames)} frames; {wish.why}",
    )


def _told(world: World, person: Person, wished: Wished, format: Format, count: int) -> None:
    what = f"{count} reviewed frames, {IN_WORDS[wished.since]}" + (f", {wished.product}" if wished.product else "")
    world.desk.write(person, Did.EXPORTED, station=wished.station or None, subject=format.value, detail=what)


def _sent(files: Iterator[File]) -> Iterator[bytes]:
    """The parts of the ZIP. Raises HTTPException 503 while others are made."""
    if not _exports.acquire(blocking=False):
        raise HTTPException(503, f"{AT_ONCE} exports are made just now. Try again when one of them is done.")
    try:
        yield from zipped(files)
    finally:
        _exports.release()


def _passed_over(frame: ReviewedFrame, why: str) -> None:
    structlog.get_logger().warning("left_out_of_export", frame_id=str(frame.answer.frame_id), why=why)


def _attached(name: str) -> dict[str, Any]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}

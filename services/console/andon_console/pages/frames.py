"""Pictures of any frame, by where it lies; and heat to lay over them. What is gone is a picture that says so."""

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import wrap
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from andon.errors import Broken
from andon.images.jpeg import JPEG_MAGIC
from andon.images.npy import NPY_MAGIC, NPY_TYPE
from andon.images.png import PNG_MAGIC
from andon.records import FramePlace
from andon.topics import SCORES
from andon_console.frames.frames import Gone
from andon_console.frames.gallery import Size
from andon_console.frames.readers import Busy
from andon_console.pages.addresses import KEPT
from andon_console.pages.paper import Seen
from andon_console.safe.asked import Viewer
from andon_console.safe.headers import IMAGE_POLICY

router = APIRouter()
FOR_EVER = "private, max-age=31536000, immutable"
TYPES = ((JPEG_MAGIC, "image/jpeg", "jpg"), (PNG_MAGIC, "image/png", "png"), (NPY_MAGIC, NPY_TYPE, "npy"))
SIZES = {"thumb": Size.THUMB, "view": Size.VIEW}
SORRY = {Size.THUMB: (241, 181, 24), Size.VIEW: (1281, 801, 46)}
"""Width and height in pixels, and letters in a line. No picture of a frame is so wide: that is how frame.js knows."""

AGAIN_S = "2"

Partition = Annotated[int, Path(ge=0, lt=2**31)]
Offset = Annotated[int, Path(ge=0, lt=2**63)]
Topic = Annotated[str, Path(max_length=249)]
Claim = Annotated[str | None, Query(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A frame by the coordinates of an address."""

    frame_id: UUID
    frame: FramePlace | None
    dataref: str | None

    @classmethod
    def at(cls, topic: str, partition: int, offset: int, frame_id: UUID, dataref: str | None) -> "Asked":
        """What an address names."""
        place = None if topic == KEPT else FramePlace(topic=topic, partition=partition, offset=offset)
        return cls(frame_id, place, dataref)


@router.get("/frames/{topic}/{partition}/{offset}/{frame_id}/{size}.jpg")
def picture(
    world: Seen,
    _person: Viewer,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    frame_id: UUID,
    size: Literal["thumb", "view"],
    dataref: Claim = None,
) -> Response:
    """The frame, re-encoded as a JPEG."""
    shot = Asked.at(topic, partition, offset, frame_id, dataref)
    return answered(lambda: world.gallery.picture(shot, SIZES[size]), "image/jpeg", SIZES[size])


@router.get("/frames/{topic}/{partition}/{offset}/{frame_id}/original")
def original(
    world: Seen,
    _person: Viewer,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    frame_id: UUID,
    dataref: Claim = None,
) -> Response:
    """The bytes that were captured, as they are."""
    shot = Asked.at(topic, partition, offset, frame_id, dataref)
    answer = answered(lambda: world.gallery.original(shot), "", Size.VIEW)
    if answer.status_code == 200:
        kind, ending = type_of(bytes(answer.body))
        shown = "inline" if kind.startswith("image/") else "attachment"
        answer.headers["Content-Type"] = kind
        answer.headers["Content-Disposition"] = f'{shown}; filename="{frame_id}.{ending}"'
    return answer


@router.get("/heat/{partition}/{offset}/{frame_id}.png")
def heat(world: Seen, _person: Viewer, partition: Partition, offset: Offset, frame_id: UUID) -> Response:
    """The heat of the score that lies there, over the whole frame; nothing to see where it has none."""
    place = FramePlace(topic=SCORES, partition=partition, offset=offset)
    try:
        found = world.gallery.heat(place, frame_id)
    except Busy as error:
        return _busy(error)
    if isinstance(found, Gone):
        return Response(found.why, 410, media_type="text/plain; charset=utf-8")
    return _image(found, "image/png")


def answered(ask: Callable[[], bytes | Gone], kind: str, size: Size) -> Response:
    """The picture, or one that says why there is none: 410 where it is gone, 503 where something does not answer."""
    try:
        found = ask()
    except Busy as error:
        return _busy(error)
    except Broken as error:
        return _sorry(503, f"{error}. Try again in a moment.", size)
    return _sorry(410, found.why, size) if isinstance(found, Gone) else _image(found, kind)


def type_of(data: bytes) -> tuple[str, str]:
    """Content type and file ending by what the bytes are; never a page or a drawing that could run a script."""
    found = ((kind, ending) for magic, kind, ending in TYPES if data.startswith(magic))
    return next(found, ("application/octet-stream", "bin"))


def _image(data: bytes, kind: str) -> Response:
    return Response(data, media_type=kind or None, headers={"Cache-Control": FOR_EVER, **_POLICY})


_POLICY = {"Content-Security-Policy": IMAGE_POLICY}


def _busy(error: Busy) -> Response:
    return Response(f"{error}; try again", 503, {"Retry-After": AGAIN_S}, "text/plain; charset=utf-8")


def _sorry(status: int, text: str, size: Size) -> Response:
    from andon_console.frames.pictures import sorry

    width, height, letters = SORRY[size]
    told = wrap(text, letters, max_lines=6, placeholder=" ...")
    headers = {"Cache-Control": "no-store", **_POLICY} | ({"Retry-After": AGAIN_S} if status == 503 else {})
    return Response(sorry(told, width, height), status, headers, "image/jpeg")

"""The addresses of stations, frames and their pictures. Templates call these by the same names."""

import json
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote, urlencode
from uuid import UUID

from andon.records import FramePlace, Outline
from andon_console.frames.frames import Known

KEPT = "kept"
"""Stands for the topic of a frame of which nobody knows where in Kafka it lay: what was kept of it is shown."""


class Scored(Protocol):
    """A frame whose score lies somewhere; `andon_console.shots.Shot` is one."""

    @property
    def frame_id(self) -> UUID: ...

    @property
    def station(self) -> str: ...

    @property
    def scored(self) -> FramePlace | None: ...


def station_address(station: str) -> str:
    """The page of a station."""
    return f"/stations/{quote(station, safe='')}"


def frame_address(shot: Scored) -> str | None:
    """The page of a frame; None where nobody knows where its score lies."""
    place = shot.scored
    if place is None or place.partition < 0 or place.offset < 0:
        return None
    return f"{station_address(shot.station)}/frames/{place.partition}/{place.offset}"


def picture_address(shot: Known, size: str = "thumb") -> str:
    """The frame as a JPEG: `thumb` (240 pixels) or `view` (1280)."""
    return f"{_frame(shot)}/{size}.jpg{_claim(shot)}"


def original_address(shot: Known) -> str:
    """The frame's own bytes."""
    return f"{_frame(shot)}/original{_claim(shot)}"


def heat_address(shot: Scored) -> str | None:
    """The heat of its score, to be laid over the whole frame; None where nobody knows where the score lies."""
    place = shot.scored
    if place is None or place.partition < 0 or place.offset < 0:
        return None
    return f"/heat/{place.partition}/{place.offset}/{shot.frame_id}.png"


def models_at(station: str, product: str | None = None) -> str:
    """The page of what serves a station (and product)."""
    path = f"/models/at/{quote(station, safe='')}"
    return f"{path}?{urlencode({'product': product})}" if product else path


def outlines_json(outlines: Iterable[Outline]) -> str:
    """Outlines as pages carry them: [[[x, y], ...], ...] in pixels of the original."""
    return json.dumps([each.points for each in outlines], separators=(",", ":"))


def _frame(shot: Known) -> str:
    place = shot.frame
    if place is None or place.partition < 0 or place.offset < 0:
        return f"/frames/{KEPT}/0/0/{shot.frame_id}"
    return f"/frames/{quote(place.topic, safe='')}/{place.partition}/{place.offset}/{shot.frame_id}"


def _claim(shot: Known) -> str:
    return "?" + urlencode({"dataref": shot.dataref}) if shot.dataref else ""


ADDRESSES = {
    each.__name__: each
    for each in (station_address, models_at, frame_address, picture_address, original_address, heat_address)
}

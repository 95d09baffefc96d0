"""Where the defect is: what people drew, or what the model marked, and never one for the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from andon.errors import Invalid
from andon.records import Region
from andon_console.reviewed.options import Outlines
from andon_console.reviewed.picture import Picture, Side

Points = tuple[tuple[int, int], ...]


class By(StrEnum):
    """Who says where it is."""

    PERSON = "person"
    MODEL = "model"
    NOBODY = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """The polygons of one frame, their corners in pixels of its image."""

    by: By
    polygons: tuple[Points, ...] = ()


NONE = Marks(By.NOBODY)


def marks(picture: Picture, outlines: Outlines) -> Marks:
    """Of a defective frame; none of any other, nor of one whose image cannot be had, or has no size."""
    if picture.side is not Side.DEFECTIVE:
        return NONE
    try:
        return _marks(picture, outlines)
    except Invalid:
        return NONE


def _marks(picture: Picture, outlines: Outlines) -> Marks:
    if picture.answer.outlines:
        return _within(picture, By.PERSON, [each.points for each in picture.answer.outlines])
    score = picture.score() if outlines is Outlines.MODEL else None
    if score is not None and score.regions:
        return _within(picture, By.MODEL, [corners(each) for each in score.regions])
    return NONE


def corners(region: Region) -> Points:
    """The pixels at its corners."""
    right, low = region.x + max(1, region.width) - 1, region.y + max(1, region.height) - 1
    return (region.x, region.y), (right, region.y), (right, low), (region.x, low)


def mask_png(size: tuple[int, int], polygons: Sequence[Points]) -> bytes:
    """An 8-bit grey PNG of `size` (width, height): 255 within the polygons and on their edges, else 0."""
    import cv2  # not before its pixel limit was set (`andon.images.opencv`)

    mask = np.zeros((size[1], size[0]), np.uint8)
    for points in polygons:
        cv2.fillPoly(mask, [np.array(points, np.int32)], 255)
    return cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def _within(picture: Picture, by: By, polygons: Sequence[Points]) -> Marks:
    """Whoever drew beyond the edge meant the edge."""
    width, height = picture.size()
    right, low = width - 1, height - 1
    kept = tuple(tuple((min(max(x, 0), right), min(max(y, 0), low)) for x, y in each) for each in polygons)
    return Marks(by, kept)

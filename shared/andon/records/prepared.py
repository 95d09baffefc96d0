"""A prepared frame on Kafka: raw uint8 NHWC tensor bytes, the frame's headers, and how it was made."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from pydantic import TypeAdapter

from andon.errors import Invalid
from andon.health import ImageHealth
from andon.ids import station_id
from andon.reasons import Reason
from andon.records.frame import Frame, frame_headers, golden, header_map, moment, optional_label, subject, whole
from andon.records.replayed import first_place
from andon.records.score import FRAMING, FramePlace
from andon.records.version import check_frame_type
from andon.stage import Headers, Record
from andon.tracing.context import traceparent_in

PREPARED_TYPE = "andon.frame.prepared.v1"
MOST_PIXELS = 2**31 - 1  # of a side; more than any image format can name
_FRAMING = re.compile(FRAMING)
_Origin: TypeAdapter[tuple[str, int, int]] = TypeAdapter(tuple[str, int, int])


@dataclass(frozen=True, slots=True)
class PreparedFrame:
    """The uint8 tensor a model wants, without its bytes.

    `shape` is (height, width, channels). `preparation` is the digest of how it was made. `width` and `height`
    are the original image's, `crop` the part of it the tensor shows, (x, y, width, height) in original pixels.
    `frame` keeps the Kafka place of the original image. `framing` says where things stand in it (`andon.framing`).
    """

    frame: Frame
    shape: tuple[int, int, int]
    preparation: str
    width: int
    height: int
    crop: tuple[int, int, int, int]
    health: ImageHealth
    framing: str | None = None

    @property
    def place(self) -> FramePlace:
        """Where the original image lies."""
        return FramePlace(topic=self.frame.topic, partition=self.frame.partition, offset=self.frame.offset)


def prepared_headers(prepared: PreparedFrame) -> Headers:
    """The headers that carry `prepared`."""
    frame = prepared.frame
    own: tuple[tuple[str, str], ...] = (
        ("ce_shape", ",".join(map(str, prepared.shape))),
        ("ce_dtype", "uint8"),
        ("ce_preparation", prepared.preparation),
        ("ce_size", f"{prepared.width},{prepared.height}"),
        ("ce_crop", ",".join(map(str, prepared.crop))),
        ("ce_health", prepared.health.model_dump_json()),
        ("ce_origin", json.dumps([frame.topic, frame.partition, frame.offset])),
    )
    if prepared.framing is not None:
        own += (("ce_framing", prepared.framing),)
    return frame_headers(frame, PREPARED_TYPE) + tuple((name, text.encode()) for name, text in own)


def read_prepared(record: Record) -> PreparedFrame:
    """The prepared frame that `record` carries.

    Raises Invalid: BAD_HEADER when a header is missing or false, BAD_STATION when it names no station, BAD_RECORD
    when the bytes do not fill the shape, SCHEMA_TOO_NEW for a frame of a newer Andon.
    """
    headers = header_map(record)
    check_frame_type(headers.get("ce_type"))
    try:
        height, width, channels = _integers(headers["ce_shape"], 3)
        original_width, original_height = _integers(headers["ce_size"], 2)
        crop = _integers(headers["ce_crop"], 4)
        topic, partition, offset = _Origin.validate_json(headers["ce_origin"])
        health = ImageHealth.model_validate_json(headers["ce_health"])
        frame_id = UUID(headers["ce_id"])
        preparation = headers["ce_preparation"]
    except (KeyError, ValueError) as error:
        raise Invalid(Reason.BAD_HEADER, f"not a prepared frame: {type(error).__name__} {error}"[:300]) from None
    if headers.get("ce_dtype") != "uint8" or len(record.value) != height * width * channels:
        detail = f"{len(record.value)} bytes of {headers.get('ce_dtype')} do not fill uint8 {height}x{width}x{channels}"
        raise Invalid(Reason.BAD_RECORD, detail)
    frame = Frame(
        station=station_id(headers.get("ce_station", "")),
        epoch=whole(headers, "ce_epoch"),
        seq=whole(headers, "ce_seq"),
        frame_id=frame_id,
        captured_at=moment(headers, "ce_time"),
        content_type=headers.get("content-type", ""),
        sha256=headers.get("ce_sha256"),
        product=optional_label(headers, "ce_product"),
        part=optional_label(headers, "ce_part"),
        subject=subject(headers),
        dataref=headers.get("ce_dataref"),
        skipped=headers.get("ce_skipped"),
        traceparent=traceparent_in(record.headers),
        golden=golden(headers),
        replayed=first_place(headers),
        topic=topic,
        partition=partition,
        offset=offset,
    )
    return PreparedFrame(
        frame=frame,
        shape=(height, width, channels),
        preparation=preparation,
        width=original_width,
        height=original_height,
        crop=(crop[0], crop[1], crop[2], crop[3]),
        health=health,
        framing=_framing(headers),
    )


def origin_of_prepared(record: Record) -> FramePlace:
    """Where the image lies that a prepared frame was made from, whatever else is wrong with it. Raises Invalid."""
    text = header_map(record).get("ce_origin", "")
    try:
        topic, partition, offset = _Origin.validate_json(text)
    except ValueError:
        raise Invalid(Reason.BAD_HEADER, f"header ce_origin {text[:80]!r} names no place of an image") from None
    return FramePlace(topic=topic, partition=partition, offset=offset)


def _framing(headers: Mapping[str, str]) -> str | None:
    text = headers.get("ce_framing")
    if text is not None and not _FRAMING.fullmatch(text):
        raise Invalid(Reason.BAD_HEADER, f"header ce_framing {text[:40]!r}: two profiles of 64 bytes in base64")
    return text


def _integers(text: str, count: int) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if len(numbers) != count or min(numbers) < 0 or max(numbers) > MOST_PIXELS:
        raise ValueError(f"{text!r} is not {count} whole numbers")
    return numbers

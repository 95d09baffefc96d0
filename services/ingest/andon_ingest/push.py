"""HTTP push: a camera posts an image, a PLC its readings, and is answered 202 only after Kafka has them.

Every refusal says what to do, and costs little: what can be refused by its headers is refused before its body is
read, and a body is never read further than its limit.
"""

import asyncio
import hmac
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from andon.errors import Invalid
from andon.ids import label, station_id
from andon.images.npy import NPY_TYPE
from andon_ingest.capture import Shot, content_type
from andon_ingest.clock import Clock
from andon_ingest.inbox import Inbox, Stopping, Tray
from andon_ingest.settings import PushSettings
from andon_ingest.signals.inbox import ReadingTray
from andon_ingest.signals.push import MOST_BYTES as MOST_READING_BYTES
from andon_ingest.signals.push import pushed

MEDIA_TYPES = {"image/jpeg": "image/jpeg", "image/jpg": "image/jpeg", "image/png": "image/png", NPY_TYPE: NPY_TYPE}
PRODUCT, PART = "Andon-Product", "Andon-Part"
JSON_TYPES = ("application/json", "text/json")
RETRY_AFTER_S = 1
T = TypeVar("T")
D = TypeVar("D")
USAGE = """Andon ingest: push a JPEG, PNG or .npy, one request a frame.

  curl -H 'Content-Type: image/jpeg' --data-binary @part.jpg http://{host}/stations/press-4/frames

Optional: headers Andon-Product and Andon-Part (or ?product= and ?part=), traceparent.
Answers: 202 with frame_id, station, epoch and seq once Kafka has the frame; 400 bad name or empty body; 413 too large;
415 not JPEG, PNG or .npy; 429 too much at once, try after Retry-After; 503 stopping or no answer from Kafka: try again.

Readings of sensors, one or a list of some:

  curl -H 'Content-Type: application/json' http://{host}/signals/press-4 \\
    -d '{{"at": "2026-11-22T14:02:07Z", "values": {{"temperature": 341.2}}, "units": {{"temperature": "K"}}}}'

Optional: at of a single one (else now), units, source (who reads them). The same answers; 202 with how many Kafka has.
"""


class Refused(Exception):  # an answer, not an error
    """The request is answered with `status`; `error` is for programs, `detail` for people."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.detail = detail


class Room:
    """What may be in hand at once: requests and bytes. For one thread, the server's."""

    __slots__ = ("_bytes", "_max_bytes", "_max_requests", "_requests")

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._requests = 0
        self._bytes = 0

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """A place for one request. Raises Refused (429) when there is none."""
        if self._requests >= self._max_requests:
            raise Refused(429, "busy", f"{self._requests} requests are in hand; try again in {RETRY_AFTER_S} s")
        place = Place(self)
        self._requests += 1
        try:
            yield place
        finally:
            self._requests -= 1
            self._bytes -= place.bytes

    def add(self, count: int, own: int) -> None:
        """`count` bytes more, for a request that has `own`. Raises Refused (429) when others leave no room for them."""
        if self._bytes + count > self._max_bytes and self._bytes > own:
            raise Refused(429, "busy", f"{self._bytes} bytes are in hand; try again in {RETRY_AFTER_S} s")
        self._bytes += count


class Place:
    """One request's part of the room."""

    __slots__ = ("_room", "bytes")

    def __init__(self, room: Room) -> None:
        self._room = room
        self.bytes = 0

    def add(self, count: int) -> None:
        """`count` bytes more."""
        self._room.add(count, self.bytes)
        self.bytes += count


class Push:
    """The requests' handlers. `stations` are those allowed; empty lets any station appear by itself."""

    def __init__(
        self,
        inbox: Inbox,
        readings: ReadingTray,
        settings: PushSettings,
        max_image_bytes: int,
        stations: frozenset[str],
        clock: Clock,
    ) -> None:
        self._inbox = inbox
        self._readings = readings
        self._settings = settings
        self._max_image_bytes = max_image_bytes
        self._stations = stations
        self._seen: set[str] = set()
        self._clock = clock
        self._room = Room(settings.max_waiting, settings.max_waiting_bytes)

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/", self.usage, methods=["GET"]),
            Route("/stations/{station:path}/frames", self.receive, methods=["POST"]),
            Route("/signals/{station:path}", self.receive_readings, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={Refused: _refuse})

    async def usage(self, request: Request) -> Response:
        """How to use it."""
        return PlainTextResponse(USAGE.format(host=request.url.netloc))

    async def receive(self, request: Request) -> Response:
        """One image."""
        self._check_token(request)
        station = self._station(request.path_params["station"])
        product, part = _label(request, PRODUCT), _label(request, PART)
        declared = _declared_type(request)
        _check_length(request, self._max_image_bytes)
        with self._room.place() as place:
            data = await self._body(request, place, self._max_image_bytes)
            _check_image(data, declared)
            now, trace = self._clock.utc(), request.headers.get("traceparent")
            shot = Shot(station, data, now, product=product, part=part, traceparent=trace)
            self._seen.add(station)
            done = await self._delivered(self._inbox, shot)
        answer = {"frame_id": done.frame_id, "station": done.station, "epoch": done.epoch, "seq": done.seq}
        return JSONResponse(answer, 202)

    async def receive_readings(self, request: Request) -> Response:
        """One reading, or a list of some."""
        self._check_token(request)
        station = self._station(request.path_params["station"])
        _check_json(request)
        _check_length(request, MOST_READING_BYTES)
        with self._room.place() as place:
            data = await self._body(request, place, MOST_READING_BYTES)
            try:
                readings = pushed(station, data, self._clock.utc())
            except Invalid as invalid:
                raise Refused(400, invalid.reason.value, invalid.detail) from None
            self._seen.add(station)
            done = await self._delivered(self._readings, readings)
        left_out = sum(each.left_out for each in readings.readings)
        return JSONResponse({"station": station, "readings": done, "left_out": left_out}, 202)

    def _check_token(self, request: Request) -> None:
        if self._settings.token is None:
            return
        wanted = f"Bearer {self._settings.token.get_secret_value()}"
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted.encode()):
            raise Refused(401, "unauthorized", "send header Authorization: Bearer <the token of this ingest>")

    def _station(self, text: str) -> str:
        try:
            station = station_id(text)
        except Invalid as invalid:
            raise Refused(400, invalid.reason.value, invalid.detail) from None
        if self._stations and station not in self._stations:
            raise Refused(404, "unknown_station", f"this ingest serves {', '.join(sorted(self._stations)[:20])}")
        if station not in self._seen and len(self._seen) >= self._settings.max_stations:
            raise Refused(400, "too_many_stations", f"{len(self._seen)} stations; raise ANDON_PUSH__MAX_STATIONS")
        return station

    async def _body(self, request: Request, place: Place, most: int) -> bytes:
        """The body, read no further than it may be long, and no longer than a client may take."""
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                async for chunk in request.stream():
                    place.add(len(chunk))
                    if place.bytes > most:
                        raise _too_large(f"more than {place.bytes - 1}", most)
                    chunks.append(chunk)
        except TimeoutError:
            raise Refused(408, "slow", f"no whole body within {self._settings.body_timeout_s:g} s") from None
        except ClientDisconnect:
            raise Refused(400, "disconnected", "the client went away") from None
        return b"".join(chunks)

    async def _delivered(self, tray: Tray[T, D], thing: T) -> D:
        """Waits for Kafka. What a client gave up before the stage took it is never sent."""
        try:
            answer: Future[D] = tray.offer(thing)
            return await asyncio.wait_for(asyncio.wrap_future(answer), self._settings.answer_timeout_s)
        except Stopping:
            raise Refused(503, "stopping", "this ingest stops; send it again") from None
        except TimeoutError:
            detail = f"no acknowledgement from Kafka within {self._settings.answer_timeout_s:g} s; send it again"
            raise Refused(503, "kafka_slow", detail) from None


async def _refuse(_request: Request, refused: Exception) -> Response:
    if not isinstance(refused, Refused):
        raise refused
    headers = {"Retry-After": str(RETRY_AFTER_S)} if refused.status in (429, 503) else None
    return JSONResponse({"error": refused.error, "detail": refused.detail}, refused.status, headers)


def _label(request: Request, header: str) -> str | None:
    text = request.headers.get(header) or request.query_params.get(header.removeprefix("Andon-").lower())
    try:
        return label(text, header) if text else None
    except Invalid as invalid:
        raise Refused(400, invalid.reason.value, invalid.detail) from None


def _declared_type(request: Request) -> str | None:
    """The content type that was declared, one of ours; None when none was."""
    text = request.headers.get("content-type")
    if text is None:
        return None
    declared = MEDIA_TYPES.get(text.partition(";")[0].strip().lower())
    if declared is None:
        ours = f"image/jpeg, image/png or {NPY_TYPE}"
        raise Refused(415, "unsupported_format", f"Content-Type {text[:80]!r}; send {ours}")
    return declared


def _check_length(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > most:
        raise _too_large(length, most)


def _too_large(size: str, most: int) -> Refused:
    return Refused(413, "too_large", f"{size} bytes; at most {most}")


def _check_json(request: Request) -> None:
    declared = request.headers.get("content-type")
    if declared is not None and declared.partition(";")[0].strip().lower() not in JSON_TYPES:
        raise Refused(415, "unsupported_format", f"Content-Type {declared[:80]!r}; send {JSON_TYPES[0]}")


def _check_image(data: bytes, declared: str | None) -> None:
    if not data:
        raise Refused(400, "empty", "the body is the image, and it is empty")
    found = content_type(data)
    if found not in MEDIA_TYPES or (declared is not None and found != declared):
        begin = f"the body begins with {data[:8].hex(' ')}, which is not {declared or 'JPEG, PNG or .npy'}"
        raise Refused(415, "unsupported_format", begin)

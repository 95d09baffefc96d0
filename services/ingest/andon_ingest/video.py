"""A video file as a source: each of its pictures becomes a frame, encoded again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray

from andon.errors import Broken, Mistake
from andon.stage import Record
from andon_ingest.batch import Batch, BatchLimits
from andon_ingest.capture import Capture, Shot, Skip
from andon_ingest.clock import CATCH_UP_S, Clock, Ticks

TIMEOUT_MS = 5000  # without it, OpenCV waits 30 s and more for a stalled read
LIVE_BUFFER = 16  # pictures a live camera holds for us before it leaves the oldest out
Picture = NDArray[np.uint8]
Encode = Callable[[Picture], bytes]


class Reader(Protocol):
    """The pictures of a video, one after the other."""

    def read(self) -> Picture | None:
        """The next picture, uint8 [h, w, 3] BGR; None at the end."""

    def grab(self) -> bool:
        """Passes over the next picture; False at the end."""

    def close(self) -> None:
        """Gives back the decoder."""


class VideoFile:
    """A file through OpenCV's FFmpeg. Raises Mistake when it is not a video that can be read."""

    def __init__(self, path: Path) -> None:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS]
        if not path.is_file():
            raise Mistake(f"{path}: no such file")
        self._path = path
        self._video: Any = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, limits)
        if not self._video.isOpened():
            raise Mistake(f"{path}: not a video that FFmpeg can read")
        self._expected = int(self._video.get(cv2.CAP_PROP_FRAME_COUNT))
        self._seen = 0

    @property
    def fps(self) -> float:
        """Pictures a second, as the file says; 25 when it does not."""
        fps = float(self._video.get(cv2.CAP_PROP_FPS))
        return fps if 0 < fps < 1000 else 25.0

    def read(self) -> Picture | None:
        """The next picture; None at the end."""
        there, picture = self._video.read()
        return picture if self._counted(there) else None

    def grab(self) -> bool:
        """Passes over the next picture."""
        return self._counted(self._video.grab())

    def close(self) -> None:
        """Gives back the decoder."""
        self._video.release()

    def _counted(self, there: bool) -> bool:
        if there:
            self._seen += 1
        elif self._seen < self._expected:
            structlog.get_logger().warning(
                "video_ended_early", file=str(self._path), pictures=self._seen, announced=self._expected
            )
        return there


def jpeg_encoder(quality: int = 95) -> Encode:
    """Baseline JPEG: a video has lost more before, and it takes a tenth of the time and bytes of PNG."""
    return lambda picture: _encode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])


def png_encoder() -> Encode:
    """PNG, quickly compressed: not a bit is lost."""
    return lambda picture: _encode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def _encode(suffix: str, picture: Picture, options: list[int]) -> bytes:
    good, data = cv2.imencode(suffix, picture, options)
    if not good:
        raise Broken(f"a picture of {picture.shape} cannot be encoded as {suffix}")
    return data.tobytes()


@dataclass(frozen=True, slots=True)
class Playing:
    """How a video is played. `fps` 0 means as fast as Kafka takes. A `live` one waits for nobody, as a camera."""

    station: str
    name: str
    fps: float
    live: bool = False
    product: str | None = None


class VideoSource:
    """A file waits for Kafka; a live one keeps to its clock, and counts what it had to leave out as `busy`."""

    def __init__(
        self, capture: Capture, reader: Reader, encode: Encode, playing: Playing, limits: BatchLimits, clock: Clock
    ) -> None:
        self.capture = capture
        self._reader = reader
        self._encode = encode
        self._playing = playing
        self._limits = limits
        self._clock = clock
        self._ticks = Ticks(playing.fps, clock) if playing.fps else None
        self._index = 0
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the last picture was polled."""
        return self._ended

    def poll(self) -> Sequence[Record]:
        """The pictures whose time has come."""
        due = self._due()
        batch = Batch(self._limits, self._clock)
        while due and not batch.full and not self._ended:
            picture = self._reader.read()
            if picture is None:
                self._ended = True
                break
            batch.add(self.capture.take(self._shot(picture)))
            self._passed()
            due -= 1
        return batch.records

    def commit(self) -> None:
        """Nothing to remember: a video begins anew."""

    def hold(self, records: Sequence[Record]) -> None:
        """Never asked for: ingest can answer for every record at once."""
        raise Broken(f"ingest was told to hold {len(records)} records, and cannot")

    def idle(self) -> None:
        """A file keeps its place by itself."""

    def close(self) -> None:
        """Gives back the decoder."""
        self._reader.close()

    def _due(self) -> int:
        """How many pictures to take now, after leaving out those that nobody could wait for."""
        if self._ticks is None:
            return self._limits.records
        if self._ticks.due() < 1:
            self._clock.nap(self._ticks.wait_s())
        due = self._ticks.due()
        if self._playing.live:
            self._leave_out(due - LIVE_BUFFER)
        else:
            self._ticks.take(max(0, due - int(self._playing.fps * CATCH_UP_S) - 1))
        return max(0, self._ticks.due())

    def _leave_out(self, count: int) -> None:
        for _ in range(count):
            if not self._reader.grab():
                self._ended = True
                return
            self.capture.skip(self._playing.station, Skip.BUSY)
            self._passed()

    def _passed(self) -> None:
        self._index += 1
        if self._ticks is not None:
            self._ticks.take()

    def _shot(self, picture: Picture) -> Shot:
        playing = self._playing
        subject = f"{playing.name}#{self._index}"
        return Shot(playing.station, self._encode(picture), self._clock.utc(), subject, playing.product)

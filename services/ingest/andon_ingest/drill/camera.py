"""The drill copy's camera: frames of its own capture, one after another, at the station's pace."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from uuid import UUID

from andon.ids import DRILL_OVER, frame_id
from andon.stage import Message, Sink
from andon_ingest.capture import Capture, Shot, frames
from andon_ingest.clock import Clock
from andon_ingest.drill.sample import Sample


@dataclass(frozen=True, slots=True)
class Sent:
    """One frame that Kafka has."""

    frame: UUID
    captured_at: datetime


class Camera:
    """Sends frames of the copy. `gap_s` lies between two."""

    def __init__(
        self, copy: str, sample: Sample, rate: float, sink: Sink, clock: Clock, trace: Callable[[], str]
    ) -> None:
        self.copy = copy
        self.gap_s = 1 / rate
        self._sample = sample
        self._good = cycle(sample.images)
        self._sink = sink
        self._clock = clock
        self._capture = Capture(clock.unix_ms(), "drill", trace)
        self._due_s = 0.0
        self.last: Sent | None = None

    @property
    def wait_s(self) -> float:
        """Seconds until the next frame is due."""
        return self._due_s - self._clock.monotonic()

    def good(self) -> Sent:
        """Sends a good frame, the next of the sample."""
        return self.send(next(self._good), "drill good")

    def over(self) -> Sent:
        """Sends the last frame of all: whoever watches the copy knows that no other is to come."""
        return self.send(next(self._good), DRILL_OVER)

    def send(self, image: bytes, subject: str) -> Sent:
        """Sends one frame now; the next is due a gap later. Raises Broken when Kafka does not take it."""
        now = self._clock.monotonic()
        self._due_s = max(self._due_s, now) + self.gap_s
        at = self._clock.utc()
        record = self._capture.take(Shot(self.copy, image, at, subject, self._sample.product))
        self._sink.send([each for each in frames([record], at) if isinstance(each, Message)], lambda: None)
        self.last = Sent(frame_id(self.copy, self._capture.epoch, record.offset), at)
        return self.last

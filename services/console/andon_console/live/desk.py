"""Where what people do becomes records: what they changed and the deed that tells of it, both or an error."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import RLock
from uuid import uuid4

import structlog

from andon.records import Deed, Did, write_event
from andon.stage import Message, Record, Sink
from andon.topics import AUDIT
from andon_console.live.follow import Keeps
from andon_console.safe.people import Person


class Desk:
    """Writes for many threads, one after another. `keeps` are told at once what was written, by topic, so that the
    page somebody gets back shows what they did."""

    def __init__(self, sink: Sink, keeps: Mapping[str, Keeps], clock: Callable[[], datetime]) -> None:
        self._sink = sink
        self._keeps = keeps
        self._clock = clock
        self._lock = RLock()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes meanwhile: for whoever looks at how things stand, and writes only then."""
        with self._lock:
            yield

    def write(
        self,
        person: Person,
        did: Did,
        messages: Sequence[Message] = (),
        *,
        station: str | None = None,
        subject: str = "",
        detail: str = "",
        before: str | None = None,
        after: str | None = None,
    ) -> None:
        """Returns when Kafka has all of it. Raises Broken: nothing was changed, or only said twice when repeated."""
        deed = Deed(
            deed_id=uuid4(),
            at=self._clock(),
            did=did,
            by=person.name,
            role=person.role,
            station=station,
            subject=subject[:256],
            detail=detail[:1000],
            before=before and before[:1000],
            after=after and after[:1000],
            address=person.address[:64],
        )
        self.post([*messages, Message(AUDIT, person.name.encode(), write_event(deed))])
        structlog.get_logger().info("deed", did=did.value, by=person.name, station=station, subject=subject[:256])

    def post(self, messages: Sequence[Message]) -> None:
        """Messages that hold their deed already. Returns when Kafka has all of them. Raises as `write`."""
        with self._lock:
            self._sink.send(messages, lambda: None)
        for message in messages:
            if message.topic in self._keeps:
                self._keeps[message.topic].take([_as_read(message, self._clock())])


def _as_read(message: Message, at: datetime) -> Record:
    """The record as whoever keeps it would read it; where it lies in Kafka is not known."""
    return Record(message.topic, -1, -1, message.key, message.value, (), round(at.timestamp() * 1000))

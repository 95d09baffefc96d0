"""Preparing: a frame's encoded image becomes the tensor its model wants, or a dead letter that says why not."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from andon.errors import Invalid
from andon.images.header import many
from andon.images.limits import ImageLimits
from andon.images.prepare import Prepared, prepare
from andon.images.sniff import sniff
from andon.preparation import Preparation
from andon.records import Frame, PreparedFrame, prepared_headers, read_frame
from andon.stage import Message, Record, Rejected, Result
from andon.topics import PREPARED, SHADOW_PREPARED

UNASSIGNED = Preparation()  # of frames that no bundle serves; of many planes they all are kept, for nobody chose fewer
Each = Callable[[Callable[[Record], list[Result]], Sequence[Record]], Iterable[list[Result]]]
"""How a function is called on every record, in order: `map`, or the `map` of a thread pool."""


@dataclass(frozen=True, slots=True)
class Fetched(Record):
    """A record that names its image in the store: `value` is what lies there, `problem` why nothing could be had."""

    problem: Invalid | None = None


class Preparing:
    """The handler: frames for the bundles that serve, then the same frames for their shadows.

    `preparation_of` answers how a frame must look for the bundle that serves it, `shadows_of` how for the shadows of
    its station, each way once. `make` makes the tensor: `andon.images.prepare.prepare`, or a wrapper of it.
    """

    __slots__ = ("_each", "_limits", "_make", "_preparation_of", "_shadows_of")

    def __init__(
        self,
        preparation_of: Callable[[Frame], Preparation],
        limits: ImageLimits,
        each: Each = map,
        shadows_of: Callable[[Frame], Sequence[Preparation]] = lambda _: (),
        make: Callable[..., Prepared] = prepare,
    ) -> None:
        self._preparation_of = preparation_of
        self._shadows_of = shadows_of
        self._limits = limits
        self._each = each
        self._make = make

    def __call__(self, records: Sequence[Record], _now: datetime) -> list[Result]:
        """One prepared frame, or one rejection, for every record, in their order; then those of shadows, likewise."""
        each = self._each if len(records) > 1 else map  # handing a lone frame to a thread costs more than it saves
        made = list(each(self._prepare, records))
        return [results[0] for results in made] + [shadow for results in made for shadow in results[1:]]

    def _prepare(self, record: Record) -> list[Result]:
        try:
            return [*self._prepared(record)]
        except Invalid as error:
            return [Rejected(_as_it_came(record), error.reason, error.detail)]

    def _prepared(self, record: Record) -> list[Message]:
        frame = read_frame(record)
        if isinstance(record, Fetched) and record.problem is not None:
            raise record.problem
        preparation = self._fitting(self._preparation_of(frame), record.value)
        live = self._made(record, frame, preparation, PREPARED)
        return [live, *self._for_shadows(record, frame, preparation, live)]

    def _for_shadows(self, record: Record, frame: Frame, have: Preparation, live: Message) -> Iterator[Message]:
        """The frame as each shadow wants it, which may be as it is. One that cannot have it so goes without."""
        for wanted in self._shadows_of(frame):
            if wanted.digest == have.digest:
                yield replace(live, topic=SHADOW_PREPARED)
                continue
            with suppress(Invalid):
                yield self._made(record, frame, wanted, SHADOW_PREPARED)

    def _made(self, record: Record, frame: Frame, preparation: Preparation, topic: str) -> Message:
        made = self._make(record.value, preparation, sha256=frame.sha256, limits=self._limits)
        prepared = PreparedFrame(
            frame=frame,
            shape=preparation.shape,
            preparation=preparation.digest,
            width=made.original_width,
            height=made.original_height,
            crop=made.crop,
            health=made.health,
            framing=made.framing,
        )
        return Message(topic, frame.station.encode(), made.tensor.tobytes(), prepared_headers(prepared))

    def _fitting(self, preparation: Preparation, image: bytes) -> Preparation:
        """A frame that no bundle serves must become a score that says so: it is dead for no number of planes."""
        if preparation is not UNASSIGNED:
            return preparation
        channels = sniff(image, self._limits).channels
        return Preparation(channels=channels) if many(channels) else preparation


def _as_it_came(record: Record) -> Record:
    """Without the bytes that were fetched from the store: a dead letter carries what the record carried."""
    return replace(record, value=b"") if isinstance(record, Fetched) else record

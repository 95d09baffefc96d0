"""Preparing: a frame's encoded image becomes the tensor its model wants, or a dead letter that says why not."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from andon.errors import Invalid
from andon.images.limits import ImageLimits
from andon.images.prepare import prepare
from andon.preparation import Preparation
from andon.records import Frame, PreparedFrame, prepared_headers, read_frame
from andon.stage import Message, Record, Rejected, Result
from andon.topics import PREPARED

Each = Callable[[Callable[[Record], Result], Sequence[Record]], Iterable[Result]]
"""How a function is called on every record, in order: `map`, or the `map` of a thread pool."""


@dataclass(frozen=True, slots=True)
class Fetched(Record):
    """A record that names its image in the store: `value` is what lies there, `problem` why nothing could be had."""

    problem: Invalid | None = None


class Preparing:
    """The handler. `preparation_of` answers how a frame must look for the bundle that serves it."""

    __slots__ = ("_each", "_limits", "_preparation_of")

    def __init__(self, preparation_of: Callable[[Frame], Preparation], limits: ImageLimits, each: Each = map) -> None:
        self._preparation_of = preparation_of
        self._limits = limits
        self._each = each

    def __call__(self, records: Sequence[Record], _now: datetime) -> list[Result]:
        """One prepared frame, or one rejection, for every record, in their order."""
        each = self._each if len(records) > 1 else map  # handing a lone frame to a thread costs more than it saves
        return list(each(self._prepare, records))

    def _prepare(self, record: Record) -> Result:
        try:
            return self._prepared(record)
        except Invalid as error:
            return Rejected(_as_it_came(record), error.reason, error.detail)

    def _prepared(self, record: Record) -> Message:
        frame = read_frame(record)
        if isinstance(record, Fetched) and record.problem is not None:
            raise record.problem
        preparation = self._preparation_of(frame)
        made = prepare(record.value, preparation, sha256=frame.sha256, limits=self._limits)
        prepared = PreparedFrame(
            frame=frame,
            shape=preparation.shape,
            preparation=preparation.digest,
            width=made.original_width,
            height=made.original_height,
            crop=made.crop,
            health=made.health,
        )
        return Message(PREPARED, frame.station.encode(), made.tensor.tobytes(), prepared_headers(prepared))


def _as_it_came(record: Record) -> Record:
    """Without the bytes that were fetched from the store: a dead letter carries what the record carried."""
    return replace(record, value=b"") if isinstance(record, Fetched) else record

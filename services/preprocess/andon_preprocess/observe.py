"""What preprocess counts beyond every stage: frames by who made them, and the time that one image takes."""

from collections.abc import Callable, Sequence
from datetime import datetime

from andon.images.prepare import Prepared
from andon.metrics import Metrics
from andon.reasons import Reason
from andon.stage import Handler, Record, Rejected, Result

NO_FRAME = frozenset({Reason.BAD_RECORD, Reason.BAD_STATION, Reason.BAD_HEADER, Reason.SCHEMA_TOO_NEW})
"""Of what stands in a topic of frames and is none: no station waits for a verdict on it."""


def counted(handle: Handler, metrics: Metrics) -> Handler:
    """`handle`, with the frames it is given counted: those that somebody waits for a verdict on."""
    received = {origin: metrics.frames_received.labels(origin) for origin in ("own", "foreign")}

    def count(records: Sequence[Record], now: datetime) -> list[Result]:
        results = list(handle(records, now))
        no_frames = {_place(each.record) for each in results if isinstance(each, Rejected) and each.reason in NO_FRAME}
        for record in records:
            origin = _origin(record)
            if origin is not None and _place(record) not in no_frames:
                received[origin].inc()
        return results

    return count


def timed(prepare: Callable[..., Prepared], metrics: Metrics) -> Callable[..., Prepared]:
    """`prepare`, with the time of every image noted, whatever comes of it. For any thread."""
    timed: Callable[..., Prepared] = metrics.decode_seconds.time()(prepare)
    return timed


def _origin(record: Record) -> str | None:
    """Who made the frame; None for one of the heartbeat, and for one that was a dead letter and was sent again."""
    names = {name for name, _ in record.headers}
    if "ce_replayed" in names:
        return None
    if "ce_station" not in names:
        return "foreign"
    return None if "ce_golden" in names else "own"


def _place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset

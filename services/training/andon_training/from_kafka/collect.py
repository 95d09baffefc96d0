"""`andon fit --from-kafka`: look back, wait for what is missing, leave out likely bad parts, fetch claim checks."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Protocol
from uuid import UUID

from andon.calibration import MIN_FRAMES
from andon.errors import Broken, Invalid, Mistake
from andon.ids import station_id
from andon.settings import KafkaSettings
from andon.stage import Record
from andon_training.from_kafka.gather import Gathering
from andon_training.from_kafka.line import Arrivals, frame_partitions, windows
from andon_training.from_kafka.look_back import look_back
from andon_training.from_kafka.newest import Found, Newest
from andon_training.from_kafka.spool import Spool, SpooledFrame
from andon_training.from_kafka.verdicts import called_anomalous
from andon_training.progress import Progress, silent
from andon_training.source import Source

TURN_S = 0.5

Tell = Callable[[str], None]
Clock = Callable[[], float]


class Blobs(Protocol):
    """What keeps large images; `andon.store.BlobStore` is one."""

    def get(self, dataref: str) -> bytes:
        """The bytes behind `dataref`, proven. Raises Invalid for one that is false, Broken when the store fails."""


def unheard(_sentence: str) -> None:
    """Remarks that nobody reads."""


def collect(
    kafka: KafkaSettings,
    store: Blobs,
    station: str,
    *,
    most: int,
    wait_s: float,
    spool: Path,
    product: str | None = None,
    progress: Progress = silent,
    keep_all: bool = False,
    tell: Tell = unheard,
    clock: Clock = time.monotonic,
) -> list[Source]:
    """The newest `most` frames of `station` on all frame topics, in time order, their images in `spool`/`station`;
    where a `product` is named, its own.

    Where there are fewer, waits for new ones until `wait_s` after the call. Frames that the line called anomalous are
    left out, unless `keep_all`. An image that cannot be had, or is not the bytes its maker counted, comes as a source
    that raises Invalid when it is read. Reads as member of no group and commits nothing. Run again over the same
    spool, it writes and fetches only what is not there.

    Raises Mistake when fewer than MIN_FRAMES came or the spool cannot be written, Broken when Kafka or the store
    cannot be reached.
    """
    check_asked(station, most)
    gathering = Gathering(station, Newest(most), Spool(spool / station), progress, product)
    progress("collecting", 0, most)
    _gather(kafka, gathering, wait_s, tell, clock)
    return good_sources(kafka, store, gathering, keep_all=keep_all, wait_s=wait_s, tell=tell)


def good_sources(
    kafka: KafkaSettings, store: Blobs, gathering: Gathering, *, keep_all: bool, wait_s: float, tell: Tell
) -> list[Source]:
    """What was gathered, less the frames that the line called anomalous, unless `keep_all`. Raises as `collect`."""
    bad = set() if keep_all else _called_anomalous(kafka, gathering, tell)
    good = _without(bad, gathering)
    if len(good) < MIN_FRAMES:
        raise Mistake(too_few(gathering, len(good), wait_s))
    return [spooled(found, gathering.spool, store) for found in good]


def check_asked(station: str, most: int) -> None:
    """Raises Mistake for what no line can give."""
    try:
        station_id(station)
    except Invalid as error:
        raise Mistake(error.detail) from None
    if most < MIN_FRAMES:
        raise Mistake(f"{most} frames asked for; fitting needs at least {MIN_FRAMES}, better 200: --frames 200")


def _gather(kafka: KafkaSettings, gathering: Gathering, wait_s: float, tell: Tell, clock: Clock) -> None:
    deadline = clock() + wait_s
    newest, partitions = gathering.newest, frame_partitions(kafka)
    ends = {part.place: part.end for part in partitions}
    look_back(partitions, windows(kafka), gathering.take, newest)
    if newest.full or clock() >= deadline:
        return
    tell(f"{len(newest)} of {newest.most} frames of {gathering.station} are on Kafka; waiting up to {wait_s:.0f} s")
    with closing(Arrivals(kafka, ends, clock)) as arrivals:
        wait_for_more(arrivals.take, gathering, deadline, clock)


def wait_for_more(
    arrivals: Callable[[float], Iterable[Record]], gathering: Gathering, deadline: float, clock: Clock
) -> None:
    """Takes in what `arrivals(wait_s)` brings until nothing is missing or the deadline has passed."""
    while not gathering.newest.full and (left_s := deadline - clock()) > 0:
        for record in arrivals(min(TURN_S, left_s)):
            gathering.take(record)


def _called_anomalous(kafka: KafkaSettings, gathering: Gathering, tell: Tell) -> set[UUID]:
    frames = [found.frame.frame_id for found in gathering.newest.in_order()]
    if not frames:
        return set()
    try:
        bad = called_anomalous(kafka, gathering.station, frames, gathering.newest.since)
    except Broken as error:  # verdicts help, but a station can be fitted without them
        tell(f"the line's verdicts cannot be read, so bad parts may be among the frames: {error}")
        return set()
    if bad:
        tell(f"{len(bad)} of {len(frames)} frames are left out: the line called them anomalous; --keep-all uses them")
    return bad


def _without(bad: set[UUID], gathering: Gathering) -> list[Found]:
    found = gathering.newest.in_order()
    for each in found:
        if each.frame.frame_id in bad:
            gathering.spool.drop(each.frame)
    return [each for each in found if each.frame.frame_id not in bad]


def too_few(gathering: Gathering, good: int, wait_s: float) -> str:
    """What was found, what is needed, what else is there, and what to do."""
    left_out = len(gathering.newest) - good
    besides = f", and {left_out} more that the line called anomalous" if left_out else ""
    then = "use those too with --keep-all, " if left_out else "check the station's name and its camera, "
    waited = f" after waiting {wait_s:.0f} s" if wait_s else ""
    return (
        f"station {gathering.station}: too few frames on Kafka{waited}: {good}{besides}; "
        f"fitting needs at least {MIN_FRAMES}, better 200. {gathering.seen_instead()} To go on, {then}"
        "or wait longer with --wait"
    )


def spooled(found: Found, spool: Spool, store: Blobs) -> SpooledFrame:
    """The source of a frame; a claim check is fetched, unless it is there. Raises Broken when the store fails."""
    frame = found.frame
    name = f"{frame.topic}[{frame.partition}]@{frame.offset}" + (f" ({frame.subject})" if frame.subject else "")
    if found.dataref is None:
        return SpooledFrame(name, spool.file(frame), frame.sha256)
    path = spool.left_there(frame, found.dataref.rpartition("/")[2])
    try:
        path = path or spool.keep(frame, store.get(found.dataref))
    except Invalid as error:
        return SpooledFrame(name, None, problem=error)
    return SpooledFrame(name, path, frame.sha256)

"""`andon train --from-kafka`: a station's frames of a stretch of time, collected once and kept by name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from re import search

from andon.bundle import write_whole
from andon.errors import Mistake
from andon.settings import load
from andon.store import BlobStore
from andon.topics import FRAME_PATTERN
from andon_training.from_kafka.collect import check_asked, collect, good_sources
from andon_training.from_kafka.gather import Gathering
from andon_training.from_kafka.newest import Newest
from andon_training.from_kafka.settings import CollectSettings
from andon_training.from_kafka.spool import Spool, SpooledFrame
from andon_training.progress import Progress
from andon_training.replay.held import all_places, cut, records_in, stretches
from andon_training.replay.span import span
from andon_training.source import Source

LIST = "collected.json"
BEGINNING = "3650d"


@dataclass(frozen=True)
class Between:
    """The newest `most` frames of `station` written from `since` to `until`, as the operator said them.

    None is the beginning of what Kafka holds, and now.
    """

    station: str
    since: str | None
    until: str | None
    most: int
    keep_all: bool

    @classmethod
    def asked(cls, station: str, since: str | None, until: str | None, most: int, keep_all: bool) -> "Between":
        """Raises Mistake for a station that cannot be, too few frames, or times that are none."""
        check_asked(station, most)
        span(since or BEGINNING, until, datetime.now(UTC))
        return cls(station, since, until, most, keep_all)

    @property
    def words(self) -> str:
        """What decides which frames these are."""
        kept = ", those called anomalous too" if self.keep_all else ""
        return f"{self.station} from {self.since or 'the beginning'} to {self.until or 'now'}, {self.most} frames{kept}"


def collected(between: Between, folder: Path, progress: Progress) -> Sequence[Source]:
    """The good frames, in time order, their images in `folder`, where they stay; found there, Kafka is not asked again.

    Raises Mistake when there are too few, or records of that time are gone; Broken when Kafka or the store fails.
    """
    listed = folder / LIST
    if not listed.is_file():
        found = _collect(between, folder, progress)
        write_whole(listed, json.dumps([_entry(each, folder) for each in found], indent=1).encode())
    return [_source(entry, folder) for entry in json.loads(listed.read_bytes())]


def _collect(between: Between, folder: Path, progress: Progress) -> list[Source]:
    settings = load(CollectSettings)
    store = BlobStore(settings.store.frames)
    if between.since is None and between.until is None:
        return collect(
            settings.kafka,
            store,
            between.station,
            most=between.most,
            wait_s=0,
            spool=folder,
            progress=progress,
            keep_all=between.keep_all,
        )
    asked = span(between.since or BEGINNING, between.until, datetime.now(UTC))
    gathering = Gathering(between.station, Newest(between.most), Spool(folder / between.station), progress)
    places = all_places(settings.kafka, lambda name: search(FRAME_PATTERN, name) is not None)
    held = stretches(settings.kafka, places, asked)
    for record in records_in(settings.kafka, held):
        gathering.take(record)
    gone = cut(held, asked, "frames") if between.since else None
    if gone and not gathering.newest:
        raise Mistake(f"station {between.station}: {gone}; choose a later --from")
    return good_sources(settings.kafka, store, gathering, keep_all=between.keep_all, wait_s=0, tell=lambda _said: None)


def _entry(source: Source, folder: Path) -> dict[str, str | None]:
    assert isinstance(source, SpooledFrame)  # noqa: S101  # what collecting gives
    path = None if source.path is None else str(source.path.relative_to(folder))
    return {"name": source.name, "path": path, "sha256": source.sha256}


def _source(entry: dict[str, str | None], folder: Path) -> SpooledFrame:
    path = entry["path"]
    return SpooledFrame(str(entry["name"]), None if path is None else folder / path, entry["sha256"])

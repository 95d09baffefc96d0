"""What a drill sends: the station's own frames of late that were called good, fetched from where Kafka keeps them."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Protocol

from andon.errors import Invalid, Mistake
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.table import TopicReader
from andon.records import FramePlace, Score, Verdict, read_event
from andon.run import utc_now
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import SCORES
from andon_ingest.drill.pictures import read_picture
from andon_ingest.files import find_files

WANTED = 16
FEWEST = 3  # of fewer, good frames themselves look frozen
LOOKS_BACK = (500, 5_000, 50_000)  # scores a partition, until enough are found
LATER = timedelta(days=1)
SLOWEST, FASTEST = 0.2, 20.0  # frames a second
UNKNOWN_PACE = 2.0


class Blobs(Protocol):
    """What keeps large images; `andon.store.BlobStore` is one."""

    def get(self, dataref: str) -> bytes:
        """The bytes behind `dataref`. Raises Invalid for one that is false, Broken when the store fails."""


@dataclass(frozen=True)
class Sample:
    """Encoded good frames, each different from the next; the product they show; frames a second at the station."""

    images: tuple[bytes, ...]
    product: str | None
    rate: float


def from_folder(folder: Path, product: str | None) -> Sample:
    """Images of a folder, in order of their names. Raises Mistake when too few of them can be altered."""
    files = find_files("drill", folder, ["train/good/*"]) if (folder / "train" / "good").is_dir() else []
    found = files or find_files("drill", folder, [])
    return _sample((each.path.read_bytes() for each in found), product, UNKNOWN_PACE, str(folder))


def from_kafka(kafka: KafkaSettings, station: str, bundle: str, product: str | None, blobs: Blobs) -> Sample:
    """The last good frames of the station that `bundle` judged; of `product`, or of the one made last.

    Raises Mistake when Kafka holds too few.
    """
    scores = recent_scores(kafka, station, bundle)
    made = product or (scores[-1].product if scores else None)
    chosen = [each for each in scores if each.product == made]
    newest_first = (_image(kafka, each, blobs) for each in reversed(chosen))
    images = (image for image in newest_first if image is not None)
    return _sample(images, made, pace([each.captured_at for each in chosen]), f"{station}'s good frames in Kafka")


def recent_scores(kafka: KafkaSettings, station: str, bundle: str) -> list[Score]:
    """The last scores of good frames, at most 4 * WANTED, in the order of their capture."""
    places = [(SCORES, part) for part in reach(kafka).topics[SCORES].partitions]
    ends = {part: end for (_, part), end in offsets_since(kafka, places, tomorrow()).items()}
    found: list[Score] = []
    for back in LOOKS_BACK:
        starts = {part: max(0, end - back) for part, end in ends.items()}
        found = _good_scores(kafka, starts, station, bundle)
        if len(found) >= WANTED or not any(starts.values()):
            break
    return sorted(found, key=lambda each: each.captured_at)[-4 * WANTED :]


def pace(captured: Sequence[datetime]) -> float:
    """Frames a second, from the middle gap between two; within bounds."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(captured)]
    usual = median(gaps) if gaps else 0.0
    return min(FASTEST, max(SLOWEST, 1 / usual)) if usual > 0 else UNKNOWN_PACE


def tomorrow() -> datetime:
    """Later than any record: asked for what is not older, Kafka tells where its topics end."""
    return utc_now() + LATER


def _good_scores(kafka: KafkaSettings, starts: dict[int, int], station: str, bundle: str) -> list[Score]:
    with closing(TopicReader(kafka, SCORES, starts=starts)) as reader:
        mine = [record for record in reader.read_to_end() if record.key == station.encode()]
    return [score for record in mine for score in _good(record, bundle)]


def _good(record: Record, bundle: str) -> Iterator[Score]:
    try:
        score = read_event(Score, record.value)
    except Invalid:
        return
    if score.verdict is Verdict.OK and score.golden is None and score.bundle == bundle:
        yield score


def _image(kafka: KafkaSettings, score: Score, blobs: Blobs) -> bytes | None:
    """None where Kafka or the store holds it no more."""
    try:
        return blobs.get(score.dataref) if score.dataref else _at(kafka, score.frame)
    except Invalid:
        return None


def _at(kafka: KafkaSettings, place: FramePlace) -> bytes | None:
    starts, stops = {place.partition: place.offset}, {place.partition: place.offset + 1}
    with closing(TopicReader(kafka, place.topic, starts=starts, stops=stops)) as reader:
        record = next(reader.read_to_end(), None)
    return record.value if record is not None and record.offset == place.offset else None


def _sample(images: Iterator[bytes], product: str | None, rate: float, where: str) -> Sample:
    """The first WANTED that are different and can be altered."""
    chosen: dict[bytes, None] = {}
    why = ""
    for image in images:
        try:
            read_picture(image)
        except Invalid as refused:
            why = f" (the last one refused: {refused.detail})"
            continue
        chosen[image] = None
        if len(chosen) >= WANTED:
            break
    if len(chosen) < FEWEST:
        raise Mistake(
            f"{where}: {len(chosen)} pictures that a drill can alter, at least {FEWEST} are needed{why}; "
            "let the station run for a while, or give --images FOLDER"
        )
    return Sample(tuple(chosen), product, rate)

"""A dead letter explained: why the frame was refused, and whether it would be again."""

from dataclasses import dataclass
from datetime import UTC, datetime

from andon.errors import Invalid
from andon.images.prepare import prepare
from andon.kafka.at import Blobs, image_of
from andon.preparation import Preparation
from andon.records.frame import read_frame
from andon.stage import Record
from andon_training.replay.explain import Ending
from andon_training.replay.line import dead_frame, said
from andon_training.replay.span import told


@dataclass(frozen=True)
class Refused:
    """Why a frame was dead-lettered, in sentences, and what is said of it now."""

    frame_id: str
    reason: str
    detail: str
    ending: Ending
    conclusion: str
    facts: tuple[tuple[str, str], ...]


def explain_letter(letter: Record, blobs: Blobs) -> Refused:
    """What the dead letter says, held against what its bytes give now. Raises Broken when the store fails."""
    reason, detail = said(letter, "reason"), said(letter, "detail")
    found = dead_frame(letter)
    now = refused_now(letter, blobs)
    if now is None:
        ending = Ending.DIFFERS
        conclusion = (
            f"it was refused as {reason} and can be read now: what was missing has come, or this Andon reads more; "
            f"andon dead-letters replay {letter.partition}/{letter.offset} has it scored"
        )
    elif now.reason == reason:
        ending, conclusion = Ending.EXACT, f"it is refused again, for the same reason: {now}"
    else:
        ending, conclusion = Ending.DIFFERS, f"it was refused as {reason} and would be refused now as {now}"
    return Refused(str(found[0]) if found else "", reason, detail, ending, conclusion, tuple(_facts(letter)))


def refused_now(letter: Record, blobs: Blobs) -> Invalid | None:
    """Why its bytes would be refused now; None where they would not be. Crops of bundles are not looked at."""
    record = original(letter)
    try:
        frame = read_frame(record)
        prepare(image_of(record, frame, blobs), Preparation(), sha256=frame.sha256)
    except Invalid as error:
        return error
    return None


def original(letter: Record) -> Record:
    """The record as it was before it became a dead letter."""
    place = said(letter, "topic"), int(said(letter, "partition") or 0), int(said(letter, "offset") or 0)
    headers = tuple(pair for pair in letter.headers if not pair[0].startswith("andon-"))
    stamp = said(letter, "timestamp-ms")
    written = int(stamp) if stamp.isdecimal() else letter.timestamp_ms
    return Record(*place, letter.key, letter.value, headers, written)


def _facts(letter: Record) -> list[tuple[str, str]]:
    service, version = said(letter, "service"), said(letter, "version")
    return [
        ("reason", f"{said(letter, 'reason')}: {said(letter, 'detail')}"),
        ("refused by", f"{service} {version}, {told(datetime.fromtimestamp(letter.timestamp_ms / 1000, UTC))}"),
        ("came from", f"{said(letter, 'topic')}[{said(letter, 'partition')}]@{said(letter, 'offset')}"),
        ("its bytes", f"{len(letter.value)}, kept in {letter.topic}[{letter.partition}]@{letter.offset}"),
    ]

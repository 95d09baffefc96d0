"""Whether a dead letter can be sent on its way again, and which way. By its headers alone."""

import re
from enum import StrEnum

from andon.letters.letter import Letter
from andon.topics import BY_NAME, FRAME_PATTERN, PREPARED, SCORES, SHADOW_PREPARED, SHADOW_SCORES, SIGNALS


class Way(StrEnum):
    """How it goes again."""

    AS_IT_CAME = "as_it_came"  # its record is written again where it lay
    ITS_IMAGE = "its_image"  # the frame that it was prepared from is written again, and is prepared anew


INGEST = "it never lay in Kafka: its image is larger than ANDON_CAPTURE__MAX_IMAGE_BYTES. Send a smaller one"
GOLDEN = "it is a golden frame of the heartbeat; the next one comes by itself"
SHADOW = "it was for a shadow's eyes; the line has judged its frame"
READING = "a reading counts when it is new; an old one would be passed over"
IN_ORDER = "counts in its order: said again now, it would be taken for news"


def is_frame_topic(topic: str, frames: str = FRAME_PATTERN) -> bool:
    """Whether preprocess takes frames from `topic`; `frames` is its setting, a name or a '^' pattern."""
    return re.search(frames, topic) is not None if frames.startswith("^") else topic == frames


def way(letter: Letter, frames: str = FRAME_PATTERN) -> Way | str:
    """How it can go again; or why it cannot, in a sentence without its stop."""
    if letter.origin is None:
        return INGEST if letter.service.startswith("ingest") else "its headers do not say where it came from"
    return GOLDEN if letter.golden else _of_topic(letter.origin.topic, frames)


def _of_topic(topic: str, frames: str) -> Way | str:
    if is_frame_topic(topic, frames) or topic == SCORES:
        return Way.AS_IT_CAME
    if topic == PREPARED:
        return Way.ITS_IMAGE
    if topic in (SHADOW_PREPARED, SHADOW_SCORES):
        return SHADOW
    if topic == SIGNALS:
        return READING
    return f"what {topic} holds {IN_ORDER}" if topic in BY_NAME else f"{topic!r} is no topic of Andon's"

"""Searching Kafka for all that was said of one frame."""

from andon.errors import Mistake
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import DEAD_LETTERS, SCORES, SHADOW_SCORES
from andon_training.replay.find import Searched, Word, find_letter, find_scores, window_reader
from andon_training.replay.held import Stretch, all_places, stretches
from andon_training.replay.line import station_stretches
from andon_training.replay.span import Span, told


def words_on(
    kafka: KafkaSettings, text: str, name: str | None, time: Span, bundle: str | None
) -> tuple[Word | None, tuple[Word, ...]]:
    """The verdict to explain, the line's own before a shadow's, and what else was said of the frame."""
    words: list[Word] = []
    for topic in (SCORES, SHADOW_SCORES):
        words += _scores(kafka, topic, text, name, time).words
    frames = sorted({str(word.score.frame_id) for word in words})
    if len(frames) > 1:
        raise Mistake(f"{text}: {len(frames)} frames begin so ({', '.join(frames[:4])}); give more digits")
    chosen = [word for word in words if bundle is None or (word.score.bundle or "").startswith(bundle)]
    if words and not chosen:
        some = ", ".join((word.score.bundle or "none")[:12] for word in words)
        raise Mistake(f"--bundle {bundle}: did not judge frame {frames[0]}; these did: {some}")
    if not chosen:
        return None, ()
    return chosen[0], tuple(word for word in words if word is not chosen[0])


def _scores(kafka: KafkaSettings, topic: str, text: str, name: str | None, time: Span) -> Searched:
    return find_scores(window_reader(kafka), _held(kafka, topic, name, time), text)


def letter_on(kafka: KafkaSettings, text: str, name: str | None, time: Span) -> Record:
    """The dead letter that the frame became. Raises Mistake when there is none either."""
    letter = find_letter(window_reader(kafka), _held(kafka, DEAD_LETTERS, name, time), text)
    if letter is None:
        whose = f"station {name}" if name else "any station"
        raise Mistake(
            f"frame {text}: not among the scores, shadow scores or dead letters of {whose} since {told(time.start)}; "
            "go further back with --from 7d, check the id, or leave --station out"
        )
    return letter


def _held(kafka: KafkaSettings, topic: str, name: str | None, time: Span) -> list[Stretch]:
    if name is not None:
        return station_stretches(kafka, topic, name, time)
    return stretches(kafka, all_places(kafka, topic.__eq__), time)

"""An explanation in words, and as one JSON object."""

from andon.records import Score
from andon.topics import DEAD_LETTERS
from andon_training.replay.explain import Explanation, where
from andon_training.replay.explain_letter import Refused
from andon_training.replay.find import Word
from andon_training.replay.span import told

Record = dict[str, object]


def recorded(found: Explanation) -> tuple[tuple[str, str], ...]:
    """What was recorded, as names and words."""
    score = found.score
    verdict = f"{score.verdict}" + (f" ({score.unscorable})" if score.unscorable else "")
    figures = "" if score.score is None else f", score {score.score:.6g}, threshold {score.threshold or 0:.6g}"
    return (
        ("frame", str(score.frame_id)),
        (
            "station",
            score.station + "".join(f", {each}" for each in (score.product, score.part, score.subject) if each),
        ),
        ("captured", told(score.captured_at)),
        ("verdict", verdict + figures),
        ("scored", f"{told(score.scored_at)}, recorded in {found.topic}"),
        ("bundle", score.bundle or "none"),
        ("image", where(score.frame)),
    )


def record(found: Explanation, others: tuple[Word, ...]) -> Record:
    """The explanation for programs."""
    return {
        "frame_id": str(found.score.frame_id),
        "station": found.score.station,
        "topic": found.topic,
        "ending": found.ending.value,
        "conclusion": found.conclusion,
        "checks": [{"what": each.what, "same": each.same.value, "told": each.told} for each in found.checks],
        "score": found.score.model_dump(mode="json", exclude_none=True, exclude={"heat_map"}),
        "others": [
            {"bundle": each.score.bundle, "verdict": each.score.verdict, "score": each.score.score} for each in others
        ],
    }


def letter_record(found: Refused) -> Record:
    """A dead letter for programs."""
    return {
        "frame_id": found.frame_id,
        "topic": DEAD_LETTERS,
        "ending": found.ending.value,
        "conclusion": found.conclusion,
        "reason": found.reason,
        "detail": found.detail,
    }


def words(score: Score) -> str:
    """A score in a few words."""
    if score.score is None:
        return f"{score.verdict} ({score.unscorable})"
    return f"{score.verdict}, score {score.score:.6g}, threshold {score.threshold or 0:.6g}"

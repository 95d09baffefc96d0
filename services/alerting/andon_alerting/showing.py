"""Which frames show an incident: the one that opened it, the worst others, and always the last bad one. Pure."""

from andon.records import Evidence, FramePlace, Score
from andon.records.incident import MOST_EVIDENCE

MOST_REGIONS = 3


def evidence_of(score: Score, scored: FramePlace | None = None) -> Evidence:
    """What shows why: the frame's place, that of its score record, its numbers and its strongest regions.

    Everything in it was validated as part of `score`, so it is not validated again (a third of `decide`'s time).
    """
    regions = score.regions
    if len(regions) > 1:
        regions = tuple(sorted(regions, key=lambda region: region.peak, reverse=True)[:MOST_REGIONS])
    return Evidence.model_construct(
        frame_id=score.frame_id,
        frame=score.frame,
        scored=scored,
        captured_at=score.captured_at,
        score=score.score,
        threshold=score.threshold,
        bundle=score.bundle,
        dataref=score.dataref,
        regions=regions,
        width=score.width,
        height=score.height,
    )


def chosen(opener: Evidence, others: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The frame that opened it, then the worst of `others`, earlier before later where they are equal. The last of
    `others` is always among them: it shows how things are now."""
    most = MOST_EVIDENCE - 1
    worst = sorted(others, key=ratio_of, reverse=True)
    shown = worst[:most]
    if others and all(each is not others[-1] for each in shown):
        shown[-1] = others[-1]
    return (opener, *shown)


def ratio_of(evidence: Evidence) -> float:
    """Score against threshold; 0 where it was not scored."""
    return (evidence.score or 0.0) / evidence.threshold if evidence.threshold else 0.0

"""What people are told, in sentences. Times are UTC."""

from datetime import datetime

from andon.records import Evidence, Measure, Verdict
from andon_ingest.heartbeat.judging import Judged, Why
from andon_ingest.heartbeat.rounds import Done

BLAME = "the inspection is wrong, not the parts"


def clock(at: datetime) -> str:
    """The time of day."""
    return f"{at:%H:%M} UTC"


def went_wrong(done: Done, late_after_s: float, missing_after_s: float) -> str:
    """Why a heartbeat that failed speaks against the inspection. It has a worst frame."""
    worst = done.worst
    assert worst is not None  # noqa: S101  a bad heartbeat was sent
    known, at = kind(worst), clock(worst.sent.sent_at)
    head, score = f"{done.station}: a {known} frame", worst.score
    match worst.why:
        case Why.VERDICT_DIFFERS if score:
            return f"{head} was called {score.verdict} (score {_expected(worst)}) at {at}; {BLAME}."
        case Why.SCORE_MOVED if score:
            moved = f"{score.score:.4g} instead of {worst.sent.golden.score:.4g}"
            return f"{head} scored {moved} at {at}, beyond the bundle's tolerance; {BLAME}."
        case Why.UNSCORABLE if score:
            reason = score.unscorable or "no score"
            return f"{head} could not be scored ({reason}) at {at}, although its bundle serves; {BLAME}."
        case Why.TOO_LATE:
            took = f"{worst.latency_s:.0f} s (at most {late_after_s:g})"
            return f"{head} of {at} waited {took} for its verdict; verdicts come too late to act on."
        case Why.DEAD_LETTER:
            return f"{head} was rejected ({worst.detail}) at {at}; frames there may pass uninspected."
    return f"{head} of {at} got no verdict within {missing_after_s:g} s; parts pass uninspected there."


def again_right(station: str, at: datetime) -> str:
    """The end of a finding."""
    return f"{station}: golden frames get the right verdicts again since {clock(at)}."


def no_longer_sent(station: str) -> str:
    """The end of a finding that nobody can follow any more."""
    return f"{station}: golden frames are no longer sent there; whether its inspection is right is not known."


def line_is_down(missing: int, of: int, since: datetime) -> str:
    """Most stations at once."""
    count = f"{missing} of {of} stations got no verdict on a golden frame since {clock(since)}"
    return f"{count}: scoring, preprocess or Kafka is down or far behind; nothing is inspected there."


def line_is_back(answered: int, of: int) -> str:
    """Its end."""
    return f"Golden frames get verdicts again at {answered} of {of} stations."


def kind(judged: Judged) -> str:
    """What is known of the frame."""
    return "known-good" if judged.sent.golden.verdict is Verdict.OK else "known-bad"


def measure(judged: Judged, late_after_s: float) -> Measure | None:
    """The number that was wrong, against its limit; None where there is none."""
    score = judged.score.score if judged.score else None
    if judged.why is Why.TOO_LATE and judged.latency_s is not None:
        return Measure(name="latency", value=round(judged.latency_s, 3), limit=late_after_s, unit="s")
    if score is None:
        return None
    limit = judged.sent.threshold if judged.why is Why.VERDICT_DIFFERS else judged.sent.golden.score
    return Measure(name="score", value=score, limit=limit)


def evidence(judged: Judged) -> Evidence | None:
    """The frame, where it is known where it lies."""
    if judged.frame is None:
        return None
    sent, score = judged.sent, judged.score
    seen = {"score": score.score, "threshold": score.threshold, "regions": score.regions} if score else {}
    size = {"width": score.width, "height": score.height, "dataref": score.dataref} if score else {}
    return Evidence(
        frame_id=sent.frame_id,
        frame=judged.frame,
        scored=judged.scored,
        captured_at=sent.sent_at,
        bundle=score.bundle if score else None,
        **seen,
        **size,
    )


def _expected(judged: Judged) -> str:
    good = judged.sent.golden.verdict is Verdict.OK
    got = judged.score.score if judged.score else None
    return f"{got:.4g}, {'at most' if good else 'more than'} {judged.sent.threshold:.4g} expected"

"""When a human must know, and when it is over. Pure: a state and a score in, a state and named decisions out.

Nothing here looks at a clock, so the same scores give the same state however often and whenever they are read.
The one decision that time alone makes, that a station fell silent, is asked apart (`silent`), and what it does to
the state (`went_silent`) again depends on the state alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from andon.ids import derived_id
from andon.line import Policy
from andon.records import Cause, Evidence, IncidentKind, Score, Verdict

MOST_EVIDENCE = 3
MOST_REGIONS = 3


class Why(StrEnum):
    """The reason of a decision: the word that the log, the event and the test use."""

    STALE = "stale"  # seen before, or older than the state: changes nothing
    GOOD = "good"  # nothing is wrong and nothing was
    BELOW_K = "below_k"  # bad, but too few of the last ones are
    K_OF_N_REACHED = "k_of_n_reached"  # k of the last n frames are anomalous
    ABOVE_MULTIPLE = "above_multiple"  # one frame is that many times above its threshold
    UNSCORABLE_K_OF_N = "unscorable_k_of_n"  # k of the last n frames could not be scored
    SILENT = "silent"  # no frame came for longer than the policy allows
    STILL_OPEN = "still_open"  # bad again while its incident is open
    NOT_YET_CLEAR = "not_yet_clear"  # good, but not yet for long enough
    CLEARED = "cleared"  # good for long enough: over
    HEARD_AGAIN = "heard_again"  # a silent station sent a frame: over


@dataclass(frozen=True, slots=True)
class Open:
    """An incident that is open. `bad` of the `of` last frames were bad when one last was; `worst` is the highest
    score against its threshold; `first` is the frame that opened it, and stands first in `evidence`."""

    incident: UUID
    cause: Cause
    opened_at: datetime
    first: UUID
    why: Why
    count: int = 1
    bad: int = 1
    of: int = 1
    worst: float | None = None
    detail: str = ""
    product: str | None = None
    bundle: str | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """All that is remembered of a station. `window` holds the last verdicts, oldest first: a(nomalous), o(k),
    u(nscorable). The runs stop counting where they are long enough."""

    station: str
    origin: str = ""
    epoch: int = -1
    seq: int = -1
    window: str = ""
    good_run: int = 0
    scored_run: int = 0
    last: Evidence | None = None
    last_scored_at: datetime | None = None
    open: tuple[Open, ...] = ()

    @property
    def mark(self) -> str:
        """What tells this state from those before and after: its position, and whether it fell silent there."""
        silent = "/silent" if self.incident(Cause.STATION_SILENT) else ""
        return f"{self.origin}/{self.epoch}/{self.seq}{silent}"

    def incident(self, cause: Cause) -> Open | None:
        """The open incident of `cause`."""
        return next((each for each in self.open if each.cause == cause), None)


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing decided. With a `kind` it is a turn of an incident's story, otherwise only a reason.

    `frame` is the frame that turned it, `at` when that was captured.
    """

    why: Why
    kind: IncidentKind | None = None
    incident: Open | None = None
    frame: UUID | None = None
    at: datetime | None = None


OF_FRAMES = (Cause.DEFECT_SURGE, Cause.SEVERE_DEFECT, Cause.UNSCORABLE, Cause.STATION_SILENT)
"""What scores tell of. The others are opened and closed by what somebody else says (`notices.py`)."""

Step = tuple[State, tuple[Decision, ...]]
LETTER = {Verdict.ANOMALOUS: "a", Verdict.OK: "o", Verdict.UNSCORABLE: "u"}


def decide(state: State, score: Score, policy: Policy) -> Step:
    """The state after `score`, and what was decided. A stale score changes nothing."""
    if stale(state, score):
        return state, (Decision(Why.STALE),)
    after = _advance(state, score, policy)
    decisions: list[Decision] = []
    for cause in OF_FRAMES:
        after, decision = _turn(after, cause, score, policy)
        if decision:
            decisions.append(decision)
    return after, tuple(decisions) or (Decision(Why.GOOD),)


def stale(state: State, score: Score) -> bool:
    """Whether `score` lies at or before the state's position. Another origin counts anew, so it is never stale."""
    return state.origin == score.origin and (score.epoch, score.seq) <= (state.epoch, state.seq)


def silent(state: State, policy: Policy, now: datetime, listening_since: datetime) -> bool:
    """Whether the station sent nothing for too long. We must have listened for as long ourselves:
    a station is not silent because we, or Kafka, were away."""
    if policy.silent_after_s is None or state.last_scored_at is None or state.incident(Cause.STATION_SILENT):
        return False
    return (now - max(state.last_scored_at, listening_since)).total_seconds() > policy.silent_after_s


def went_silent(state: State, policy: Policy) -> Step:
    """What falling silent does to the state; the incident begins with the last frame that came."""
    if state.last is None or state.last_scored_at is None:
        return state, ()
    at = state.last_scored_at + timedelta(seconds=policy.silent_after_s or 0)
    opened = Open(
        incident=derived_id(state.last.frame_id, state.station, Cause.STATION_SILENT),
        cause=Cause.STATION_SILENT,
        opened_at=at,
        first=state.last.frame_id,
        why=Why.SILENT,
        count=0,
        bundle=state.last.bundle,
        evidence=(state.last,),
    )
    decision = Decision(Why.SILENT, IncidentKind.OPENED, opened, opened.first, at)
    return replace(state, open=(*state.open, opened)), (decision,)


def _advance(state: State, score: Score, policy: Policy) -> State:
    letter = LETTER[score.verdict]
    scored_at = score.scored_at if state.last_scored_at is None else max(state.last_scored_at, score.scored_at)
    return replace(
        state,
        origin=score.origin,
        epoch=score.epoch,
        seq=score.seq,
        window=(state.window + letter)[-policy.longest :],
        good_run=min(state.good_run + 1, policy.clear_after) if letter == "o" else 0,
        scored_run=min(state.scored_run + 1, policy.clear_after) if letter != "u" else 0,
        last=evidence_of(score, regions=0),
        last_scored_at=scored_at,
    )


def _turn(state: State, cause: Cause, score: Score, policy: Policy) -> tuple[State, Decision | None]:
    """What `score`, already counted in `state`, means for the incident of `cause`."""
    held = state.incident(cause)
    bad = _is_bad(cause, score, policy)
    if held is None:
        why = _opens(cause, state, policy) if bad else None
        if why is None:
            return state, Decision(Why.BELOW_K) if bad else None
        opened = _opened(state, cause, why, score, policy)
        return _with(state, opened), Decision(why, IncidentKind.OPENED, opened, score.frame_id, score.captured_at)
    if bad:
        grown = _grown(held, state, score, policy)
        return _with(state, grown), Decision(Why.STILL_OPEN, None, grown, score.frame_id, score.captured_at)
    why = _closes(cause, state, policy)
    if why is None:
        return state, Decision(Why.NOT_YET_CLEAR, None, held)
    return _without(state, held), Decision(why, IncidentKind.RESOLVED, held, score.frame_id, score.captured_at)


def _is_bad(cause: Cause, score: Score, policy: Policy) -> bool:
    match cause:
        case Cause.DEFECT_SURGE:
            return score.verdict is Verdict.ANOMALOUS
        case Cause.SEVERE_DEFECT:
            severe = policy.multiple is not None and (score.ratio or 0.0) >= policy.multiple
            return severe and score.verdict is Verdict.ANOMALOUS
        case Cause.UNSCORABLE:
            return score.verdict is Verdict.UNSCORABLE
    return False


def _opens(cause: Cause, state: State, policy: Policy) -> Why | None:
    if cause is Cause.SEVERE_DEFECT:
        return Why.ABOVE_MULTIPLE
    bad, _ = _tally(cause, state, policy)
    if cause is Cause.UNSCORABLE:
        return Why.UNSCORABLE_K_OF_N if bad >= policy.unscorable_k else None
    return Why.K_OF_N_REACHED if bad >= policy.k else None


def _closes(cause: Cause, state: State, policy: Policy) -> Why | None:
    if cause is Cause.STATION_SILENT:
        return Why.HEARD_AGAIN
    run = state.scored_run if cause is Cause.UNSCORABLE else state.good_run
    return Why.CLEARED if run >= policy.clear_after else None


def _tally(cause: Cause, state: State, policy: Policy) -> tuple[int, int]:
    """(bad frames, frames) of the last ones that `cause` looks at."""
    letter, n = ("u", policy.unscorable_n) if cause is Cause.UNSCORABLE else ("a", policy.n)
    seen = state.window[-n:]
    return seen.count(letter), len(seen)


def _opened(state: State, cause: Cause, why: Why, score: Score, policy: Policy) -> Open:
    bad, of = _tally(cause, state, policy)
    return Open(
        incident=derived_id(score.frame_id, state.station, cause),
        cause=cause,
        opened_at=score.captured_at,
        first=score.frame_id,
        why=why,
        count=1 if cause is Cause.SEVERE_DEFECT else bad,
        bad=bad,
        of=of,
        worst=score.ratio,
        detail=score.unscorable or "",
        product=score.product,
        bundle=score.bundle,
        evidence=(evidence_of(score),),
    )


def _grown(held: Open, state: State, score: Score, policy: Policy) -> Open:
    bad, of = _tally(held.cause, state, policy)
    worst = max(held.worst or 0.0, score.ratio or 0.0) or None
    shown = _best([*held.evidence, evidence_of(score)])
    return replace(held, count=held.count + 1, bad=bad, of=of, worst=worst, evidence=shown)


def _best(shown: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The frame that opened it, then the worst others; earlier before later where they are equal."""
    first, *others = shown
    return (first, *sorted(others, key=_ratio, reverse=True)[: MOST_EVIDENCE - 1])


def _ratio(evidence: Evidence) -> float:
    return (evidence.score or 0.0) / evidence.threshold if evidence.threshold else 0.0


def evidence_of(score: Score, regions: int = MOST_REGIONS) -> Evidence:
    """What shows why: the frame's place, its numbers and its strongest regions."""
    strongest = sorted(score.regions, key=lambda region: region.peak, reverse=True)[:regions]
    return Evidence(
        frame_id=score.frame_id,
        frame=score.frame,
        captured_at=score.captured_at,
        score=score.score,
        threshold=score.threshold,
        bundle=score.bundle,
        regions=tuple(strongest),
        width=score.width,
        height=score.height,
    )


def _with(state: State, incident: Open) -> State:
    others = tuple(each for each in state.open if each.cause != incident.cause)
    return replace(state, open=tuple(sorted((*others, incident), key=lambda each: each.cause)))


def _without(state: State, incident: Open) -> State:
    """Closed, and forgiven: verdicts that belong to a closed incident do not help to open the next."""
    left = tuple(each for each in state.open if each is not incident)
    match incident.cause:
        case Cause.DEFECT_SURGE:
            return replace(state, open=left, window=state.window.replace("a", "o"))
        case Cause.UNSCORABLE:
            return replace(state, open=left, window=state.window.replace("u", "o"))
    return replace(state, open=left)

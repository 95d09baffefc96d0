"""When a human must know, and when it is over. Pure: a state and a score in, a state and named decisions out.

Nothing here looks at a clock, so the same scores give the same state however often and whenever they are read.
The one decision that time alone makes, that a station fell silent, is asked apart (`silent`), and what it does to
the state (`went_silent`) again depends on the state alone.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from andon.ids import DRILL_OVER, derived_id, drill_of
from andon.line import Policy
from andon.records import Cause, Change, Evidence, FramePlace, IncidentKind, Score, Unscorable, Verdict
from andon_alerting.products import Made, Products, count, long_enough
from andon_alerting.showing import chosen, evidence_of, ratio_of

MANY = 4  # bad frames, from which on each doubling is told
NEARLY_ALL = 0.75  # of the frames since a swap, from which on the bundle is the likely reason
LATE = timedelta(minutes=5)  # after somebody ended an incident, frames of before are expected for no longer


class Why(StrEnum):
    """The reason of a decision: the word that the log, the event and the test use."""

    STALE = "stale"  # seen before, or older than the state: changes nothing
    GOLDEN = "golden"  # a heartbeat's frame, no part of the line: changes nothing
    GOOD = "good"  # nothing is wrong and nothing was
    SETTLING = "settling"  # bad, but so soon after a changeover that it does not count
    BELOW_K = "below_k"  # bad, but too few of the last ones are
    K_OF_N_REACHED = "k_of_n_reached"  # k of the last n frames are anomalous
    SINCE_SWAP = "since_swap"  # the same, and nearly all are since another bundle took over: it is likely the reason
    ABOVE_MULTIPLE = "above_multiple"  # one frame is that many times above its threshold
    UNSCORABLE_K_OF_N = "unscorable_k_of_n"  # k of the last n frames could not be scored
    NOT_YET_LEARNED = "not_yet_learned"  # the same, at a station that no bundle has ever served
    SILENT = "silent"  # no frame came for longer than the policy allows
    STILL_OPEN = "still_open"  # bad again while its incident is open
    COUNT_DOUBLED = "count_doubled"  # still open, and its bad frames have reached 4, 8, 16, ...
    TWICE_AS_BAD = "twice_as_bad"  # still open, and the worst score is twice what was last told
    NOT_YET_CLEAR = "not_yet_clear"  # good, but not yet for long enough
    CLEARED = "cleared"  # good for long enough: over
    CHANGED_OVER = "changed_over"  # good for long enough, but another product is made now: over
    HEARD_AGAIN = "heard_again"  # a silent station sent a frame: over
    BY_A_PERSON = "by_a_person"  # somebody said so: over
    OF_BEFORE = "of_before"  # bad, but seen before somebody ended such an incident: does not count


@dataclass(frozen=True, slots=True)
class Open:
    """An incident that is open. `bad` of the `of` last frames were bad when one last was; `worst` is the highest score
    against its threshold, `told` that of the last event. `opener` is the frame that opened it, and stands first in
    `evidence`; `first` and `last` are the first and the last bad frame. `changed` is what changed before it began.
    `traceparent` is the opener's."""

    incident: UUID
    cause: Cause
    opened_at: datetime
    opener: UUID
    first: UUID
    last: UUID
    why: Why
    count: int = 1
    bad: int = 1
    of: int = 1
    worst: float | None = None
    told: float | None = None
    detail: str = ""
    product: str | None = None
    bundle: str | None = None
    changed: Change | None = None
    evidence: tuple[Evidence, ...] = ()
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A person ended an incident of `cause`: what was captured until `at` does not help to open the next."""

    cause: Cause
    at: datetime

    def holds_for(self, score: Score) -> bool:
        """Whether `score` is of before. A camera whose clock runs behind is believed for no longer than `LATE`."""
        return score.captured_at <= self.at and score.scored_at <= self.at + LATE


@dataclass(frozen=True, slots=True)
class State:
    """All that is remembered of a station: by product what was judged last, and of them all how long they have been
    good. The runs stop counting where they are long enough. `left`: a drill copy that has sent its last frame. `ended`:
    what people ended lately, while frames of before may still come."""

    station: str
    origin: str = ""
    epoch: int = -1
    seq: int = -1
    products: Products = ()
    good_run: int = 0
    scored_run: int = 0
    last: Evidence | None = None
    last_scored_at: datetime | None = None
    changed: Change | None = None
    open: tuple[Open, ...] = ()
    left: bool = False
    ended: tuple[Ended, ...] = ()

    @property
    def mark(self) -> str:
        """What tells this state from those before and after: its position, whether it fell silent there, and what
        people ended there."""
        silent = "/silent" if self.incident(Cause.STATION_SILENT) else ""
        ended = "".join(f"/ended:{each.cause}" for each in self.ended)
        return f"{self.origin}/{self.epoch}/{self.seq}{silent}{ended}"

    def incident(self, cause: Cause) -> Open | None:
        """The open incident of `cause`."""
        return next((each for each in self.open if each.cause == cause), None)

    def has_ended(self, cause: Cause) -> bool:
        """Whether a person ended an incident of `cause`, and frames of before may still come."""
        return any(each.cause is cause for each in self.ended)

    @property
    def made(self) -> Made:
        """The product being made."""
        return self.products[0] if self.products else Made()

    @property
    def was_ever_judged(self) -> bool:
        """Whether a bundle has judged any product remembered."""
        return any(each.bundle for each in self.products)


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
ALL_GOOD, IS_STALE, IS_GOLDEN = ((Decision(why),) for why in (Why.GOOD, Why.STALE, Why.GOLDEN))


def decide(state: State, score: Score, policy: Policy, scored: FramePlace | None = None) -> Step:
    """The state after `score`, and what was decided. `scored` is where its record lies. A stale or golden score
    changes nothing."""
    if score.golden is not None:
        return state, IS_GOLDEN
    if stale(state, score):
        return state, IS_STALE
    after = _advance(state, score, policy, evidence_of(score, scored))
    if score.verdict is Verdict.OK and not after.open:
        return after, ALL_GOOD
    decisions: list[Decision] = []
    for cause in OF_FRAMES:
        after, decision = _turn(after, cause, score, policy)
        if decision:
            decisions.append(decision)
    return after, tuple(decisions) or ALL_GOOD


def stale(state: State, score: Score) -> bool:
    """Whether `score` lies at or before the state's position. Another origin counts anew, so it is never stale. A frame
    that somebody sent again is of the past wherever it lies: it wakes nobody, and is no sign of life of its station."""
    if score.replayed:
        return True
    return state.origin == score.origin and (score.epoch, score.seq) <= (state.epoch, state.seq)


def silent(state: State, policy: Policy, now: datetime, listening_since: datetime) -> bool:
    """Whether the station sent nothing for too long. We must have listened for as long ourselves:
    a station is not silent because we, or Kafka, were away."""
    if policy.silent_after_s is None or state.last_scored_at is None or state.left:
        return False
    if state.incident(Cause.STATION_SILENT) or state.has_ended(Cause.STATION_SILENT):
        return False
    return (now - max(state.last_scored_at, listening_since)).total_seconds() > policy.silent_after_s


def went_silent(state: State, policy: Policy) -> Step:
    """What falling silent does to the state; the incident begins with the last frame that came."""
    if state.last is None or state.last_scored_at is None:
        return state, ()
    at = state.last_scored_at + timedelta(seconds=policy.silent_after_s or 0)
    frame = state.last.frame_id
    opened = Open(
        incident=derived_id(frame, state.station, Cause.STATION_SILENT),
        cause=Cause.STATION_SILENT,
        opened_at=at,
        opener=frame,
        first=frame,
        last=frame,
        why=Why.SILENT,
        count=0,
        product=state.made.product,
        bundle=state.last.bundle,
        changed=state.changed,
        evidence=(state.last.model_copy(update={"regions": ()}),),
    )
    decision = Decision(Why.SILENT, IncidentKind.OPENED, opened, frame, at)
    return _with(state, opened), (decision,)


def ended_by_a_person(state: State, cause: Cause, at: datetime) -> State:
    """What it does to the state when a person ends its incident of `cause`: what was seen until then is forgiven, and
    what was captured until then and comes later will be, too. A station stays silent until it is heard."""
    held = state.incident(cause)
    after = _forgiven(_without(state, held) if held else state, cause)
    others = tuple(each for each in after.ended if each.cause is not cause)
    return replace(after, ended=tuple(sorted((*others, Ended(cause, at)), key=lambda each: each.cause)))


def _advance(state: State, score: Score, policy: Policy, evidence: Evidence) -> State:
    scored_at = score.scored_at if state.last_scored_at is None else max(state.last_scored_at, score.scored_at)
    products, change = count(
        state.products,
        score,
        evidence,
        policy,
        surge=state.incident(Cause.DEFECT_SURGE) is not None,
        blind=state.incident(Cause.UNSCORABLE) is not None,
    )
    after = State(
        station=state.station,
        origin=score.origin,
        epoch=score.epoch,
        seq=score.seq,
        products=products,
        good_run=min(state.good_run + 1, policy.clear_after) if score.verdict is Verdict.OK else 0,
        scored_run=min(state.scored_run + 1, policy.clear_after) if score.verdict is not Verdict.UNSCORABLE else 0,
        last=evidence,
        last_scored_at=scored_at,
        changed=change or state.changed,
        open=state.open,
        left=score.subject == DRILL_OVER and drill_of(state.station) is not None,
        ended=_still_ended(state.ended, score) if state.ended else (),
    )
    for each in after.ended:
        after = _forgiven(after, each.cause)
    return after


def _still_ended(ended: tuple[Ended, ...], score: Score) -> tuple[Ended, ...]:
    """Those of which frames of before may still come. A silence is broken by any frame."""
    return tuple(each for each in ended if each.holds_for(score) and each.cause is not Cause.STATION_SILENT)


def _turn(state: State, cause: Cause, score: Score, policy: Policy) -> tuple[State, Decision | None]:
    """What `score`, already counted in `state`, means for the incident of `cause`."""
    held = state.incident(cause)
    if not _is_bad(cause, score, policy):
        return _good(state, held, score, policy) if held else (state, None)
    if state.has_ended(cause):
        return state, Decision(Why.OF_BEFORE)
    if state.made.settling:
        return state, Decision(Why.SETTLING, None, held)
    return _worse(state, held, score, policy) if held else _bad(state, cause, score, policy)


def _bad(state: State, cause: Cause, score: Score, policy: Policy) -> tuple[State, Decision | None]:
    """A bad frame while no incident is open: one far above the threshold is told of by an open surge, if there is."""
    if cause is Cause.SEVERE_DEFECT and state.incident(Cause.DEFECT_SURGE):
        return state, None
    why = _opens(cause, state, score, policy)
    if why is None:
        return state, Decision(Why.BELOW_K)
    opened = _opened(state, cause, why, score, policy)
    return _with(state, opened), Decision(why, IncidentKind.OPENED, opened, score.frame_id, score.captured_at)


def _worse(state: State, held: Open, score: Score, policy: Policy) -> tuple[State, Decision]:
    """A bad frame more: only when there is much more to tell than last time, it is a turn of the story."""
    grown = _grown(held, state, score, policy)
    why = _much_worse(grown)
    if why is not None:
        grown = replace(grown, told=grown.worst)
    kind = IncidentKind.UPDATED if why else None
    return _with(state, grown), Decision(why or Why.STILL_OPEN, kind, grown, score.frame_id, score.captured_at)


def _good(state: State, held: Open, score: Score, policy: Policy) -> tuple[State, Decision]:
    why = _closes(held, state, policy)
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


def _opens(cause: Cause, state: State, score: Score, policy: Policy) -> Why | None:
    if cause is Cause.SEVERE_DEFECT:
        return Why.ABOVE_MULTIPLE
    bad, _ = _tally(cause, state.made, policy)
    if cause is Cause.DEFECT_SURGE:
        if bad < policy.k:
            return None
        return Why.SINCE_SWAP if _began_with_a_swap(state.made, policy) else Why.K_OF_N_REACHED
    if bad < policy.unscorable_k:
        return None
    new = score.unscorable is Unscorable.NO_BUNDLE and not state.was_ever_judged
    return Why.NOT_YET_LEARNED if new else Why.UNSCORABLE_K_OF_N


def _began_with_a_swap(made: Made, policy: Policy) -> bool:
    """Whether another bundle took over among the last frames, none was anomalous before that, and nearly all are since.
    One alone says nothing."""
    since, window = made.since_swap, made.window[-policy.n :]
    bad = window[-since:].count("a")
    return since > 0 and bad >= max(2, NEARLY_ALL * since) and "a" not in window[:-since]


def _much_worse(grown: Open) -> Why | None:
    if grown.count >= MANY and grown.count & (grown.count - 1) == 0:
        return Why.COUNT_DOUBLED
    twice = grown.told is not None and (grown.worst or 0.0) >= 2 * grown.told
    return Why.TWICE_AS_BAD if twice else None


def _closes(held: Open, state: State, policy: Policy) -> Why | None:
    if held.cause is Cause.STATION_SILENT:
        return Why.HEARD_AGAIN
    run = state.scored_run if held.cause is Cause.UNSCORABLE else state.good_run
    if run < policy.clear_after:
        return None
    of_another = state.made.batch >= min(policy.clear_after, long_enough(policy))
    return Why.CHANGED_OVER if of_another and state.made.product != held.product else Why.CLEARED


def _tally(cause: Cause, made: Made, policy: Policy) -> tuple[int, int]:
    """(bad frames, frames) of the product's last ones that `cause` looks at."""
    letter, n = ("u", policy.unscorable_n) if cause is Cause.UNSCORABLE else ("a", policy.n)
    seen = made.window[-n:]
    return seen.count(letter), len(seen)


def _opened(state: State, cause: Cause, why: Why, score: Score, policy: Policy) -> Open:
    bad, of = _tally(cause, state.made, policy)
    *others, opener = _behind(cause, state.made, bad)
    worst = max(map(ratio_of, (*others, opener))) or None
    return Open(
        incident=derived_id(score.frame_id, state.station, cause),
        cause=cause,
        opened_at=score.captured_at,
        opener=score.frame_id,
        first=others[0].frame_id if others else score.frame_id,
        last=score.frame_id,
        why=why,
        count=1 if cause is Cause.SEVERE_DEFECT else bad,
        bad=bad,
        of=of,
        worst=worst,
        told=worst,
        detail=score.unscorable or "",
        product=score.product,
        bundle=score.bundle or state.made.bundle,
        changed=state.changed,
        evidence=chosen(opener, tuple(others)),
    )


def _behind(cause: Cause, made: Made, number: int) -> tuple[Evidence, ...]:
    """The frames that opened an incident, the one seen last at the end; never none."""
    if cause is Cause.UNSCORABLE:
        return made.unscored[-number:]
    return made.bad[-1:] if cause is Cause.SEVERE_DEFECT else made.bad[-number:]


def _grown(held: Open, state: State, score: Score, policy: Policy) -> Open:
    bad, of = _tally(held.cause, state.made, policy)
    worst = max(held.worst or 0.0, score.ratio or 0.0) or None
    opener, *others = (*held.evidence, *([state.last] if state.last else []))
    shown = chosen(opener, tuple(others))
    return replace(held, count=held.count + 1, bad=bad, of=of, worst=worst, last=score.frame_id, evidence=shown)


def _with(state: State, incident: Open) -> State:
    others = tuple(each for each in state.open if each.cause != incident.cause)
    return replace(state, open=tuple(sorted((*others, incident), key=lambda each: each.cause)))


def _without(state: State, incident: Open) -> State:
    """Closed, and forgiven: verdicts that belong to a closed incident do not help to open the next."""
    left = tuple(each for each in state.open if each is not incident)
    return _forgiven(replace(state, open=left), incident.cause)


def _forgiven(state: State, cause: Cause) -> State:
    """Without the verdicts that an incident of `cause` opens from."""
    match cause:
        case Cause.DEFECT_SURGE:
            return replace(state, products=tuple(each.forgiven for each in state.products))
        case Cause.UNSCORABLE:
            return replace(state, products=tuple(each.readmitted for each in state.products))
    return state

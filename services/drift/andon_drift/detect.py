"""When pictures are at fault, and when that is over. Pure: a state and a score in, a state and named decisions out.

Image faults are the camera's, so they are kept by station: each picture is judged by the bundle of its own product, and
all of them count together. Nothing here looks at a clock; the same scores over the same limits give the same state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from statistics import median

from andon.ids import finding_id
from andon.records import Cause, Evidence, Finding, FindingKind, Measure, Score
from andon.records.incident import MOST_EVIDENCE
from andon_drift.limits import Limits
from andon_drift.look import Look, Sight, look
from andon_drift.sentences import Told, began, ended, frozen, unjudged
from andon_drift.settings import FaultSettings
from andon_drift.state import Bad, Open, Seen, State, Still, Watch, evidence_of, picture_of, shot_of

BY = "drift"
FAULTS = (Cause.STATION_DARK, Cause.STATION_BRIGHT, Cause.STATION_BLURRED, Cause.CAMERA_MOVED)
"""What one picture can show; that a station is frozen takes two."""
NEW_PICTURES = 2  # in a row, and a frozen camera lives again


class Why(StrEnum):
    """The reason of a decision: the word that the log and the test use."""

    GOLDEN = "golden"  # a heartbeat's frame: the camera did not take it
    STALE = "stale"  # seen before, or older than the state: changes nothing
    SAME_PICTURE = "same_picture"  # the same picture as the one before: it says nothing new of light, focus or framing
    LOADING = "loading"  # the bundle's reference is not read yet: nothing is decided
    NO_REFERENCE = "no_reference"  # no bundle serves, so there is nothing to compare with
    NO_HEALTH = "no_health"  # nobody measured the picture
    GOOD = "good"  # nothing is wrong and nothing was
    BELOW_K = "below_k"  # bad, but too few of the last ones are
    SCATTERED = "scattered"  # enough pictures are shifted, but each elsewhere: the parts lie so, not the camera
    K_OF_N_REACHED = "k_of_n_reached"  # k of the last n pictures show it
    FROZEN = "frozen"  # the same picture for so many frames and so long
    STILL_OPEN = "still_open"  # bad again while its finding is open
    NOT_YET_CLEAR = "not_yet_clear"  # good, but not yet for long enough
    CLEARED = "cleared"  # good for long enough: over
    NEW_PICTURE = "new_picture"  # pictures change again: a frozen camera lives
    UNJUDGED = "unjudged"  # open, and nothing to compare with any more: over, without knowing


class Missing(Enum):
    """Why there are no limits to judge a picture by."""

    LOADING = "loading"
    UNREADABLE = "unreadable"
    NO_BUNDLE = "no_bundle"


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing decided. With a `finding` it is to be told, otherwise only a reason."""

    why: Why
    cause: Cause | None = None
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a score, what was decided, and what the picture showed, where it was judged."""

    state: State
    decisions: tuple[Decision, ...]
    look: Look | None = None


def decide(state: State, seen: Seen, limits: Limits | Missing, rules: FaultSettings) -> Step:
    """What `seen` does to `state`. A golden frame and a stale one change nothing."""
    score = seen.score
    if score.golden is not None:
        return Step(state, (Decision(Why.GOLDEN),))
    if stale(state, score):
        return Step(state, (Decision(Why.STALE),))
    same = picture_of(score) == state.still.picture
    still = _still(state.still, seen)
    state = State(state.station, score.origin, score.epoch, score.seq, still, state.unjudged, state.calm, state.watches)
    state, frozen = _turn_frozen(state, seen, rules)
    if same:
        return Step(state, frozen or (Decision(Why.SAME_PICTURE),))
    if isinstance(limits, Missing):
        state, without = _without_limits(state, seen, limits, rules)
        return Step(state, (*frozen, *without))
    shown = look(score, limits, seen.shifts)
    state = replace(state, unjudged=0) if state.unjudged else state
    state, judged = _judged(state, seen, shown, rules)
    return Step(state, (*frozen, *judged) or (Decision(Why.GOOD if shown else Why.NO_HEALTH),), shown)


def stale(state: State, score: Score) -> bool:
    """Whether `score` lies at or before the state's position. Another origin counts anew, so it is never stale. A frame
    that somebody sent again belongs to a time that is judged already."""
    if score.replayed:
        return True
    return state.origin == score.origin and (score.epoch, score.seq) <= (state.epoch, state.seq)


def _still(still: Still, seen: Seen) -> Still:
    picture = picture_of(seen.score)
    if picture == still.picture:
        return replace(still, count=still.count + 1, changes=0)
    changes = min(still.changes + 1, NEW_PICTURES)
    return Still(picture, 1, seen.score.captured_at, shot_of(seen), changes)


def _turn_frozen(state: State, seen: Seen, rules: FaultSettings) -> tuple[State, tuple[Decision, ...]]:
    cause, still, watch = Cause.STATION_FROZEN, state.still, state.watch(Cause.STATION_FROZEN)
    if watch.open is not None:
        if still.changes >= NEW_PICTURES:
            return _close(state, cause, watch.open, seen, Why.NEW_PICTURE)
        return state, (Decision(Why.STILL_OPEN if still.count > 1 else Why.NOT_YET_CLEAR, cause),)
    if still.first is None or still.since is None or still.count < rules.frozen_after:
        return state, ()
    span_s = (seen.score.captured_at - still.since).total_seconds()
    if span_s < rules.frozen_s:
        return state, ()
    measure = Measure(name="same_pictures", value=still.count, limit=rules.frozen_after, unit="frames")
    sentence = frozen(state.station, still.since, still.count)
    shown = (still.first.evidence, evidence_of(seen))
    return _open(state, Told(cause, sentence, still.since, measure), shown, seen, Why.FROZEN)


def _without_limits(state: State, seen: Seen, why: Missing, rules: FaultSettings) -> tuple[State, tuple[Decision, ...]]:
    if why is not Missing.NO_BUNDLE:
        return state, (Decision(Why.LOADING),)
    state = replace(state, unjudged=min(state.unjudged + 1, rules.clear_after))
    decisions: list[Decision] = [Decision(Why.NO_REFERENCE)]
    for cause in FAULTS if state.unjudged >= rules.clear_after else ():
        held = state.watch(cause).open
        if held is not None:
            state, over = _close(state, cause, held, seen, Why.UNJUDGED)
            decisions += over
    return state, tuple(decisions)


def _judged(state: State, seen: Seen, shown: Look | None, rules: FaultSettings) -> tuple[State, tuple[Decision, ...]]:
    if shown is None or (state.calm and not any(sight.bad for sight in shown.sights.values())):
        return state, ()
    before, decisions = state, list[Decision]()
    for cause, sight in shown.sights.items():
        state, made = _turn(state, cause, sight, seen, rules)
        decisions += made
    if state is before and all(watch.calm for watch in state.watches.values()):
        state = replace(state, calm=True)
    return state, tuple(decisions)


def _turn(
    state: State, cause: Cause, sight: Sight, seen: Seen, rules: FaultSettings
) -> tuple[State, tuple[Decision, ...]]:
    before = state.watch(cause)
    watch = _counted(before, sight, seen, rules)
    state = _with(state, cause, watch) if watch is not before else state
    if watch.open is not None:
        if watch.good_run >= rules.clear_after:
            return _close(state, cause, watch.open, seen, Why.CLEARED)
        return state, (Decision(Why.STILL_OPEN if sight.bad else Why.NOT_YET_CLEAR, cause),)
    if not sight.bad:
        return state, ()
    if len(watch.bad) < rules.k:
        return state, (Decision(Why.BELOW_K, cause),)
    if cause is Cause.CAMERA_MOVED and not _together(watch.bad, rules):
        return state, (Decision(Why.SCATTERED, cause),)
    told = _told(state, cause, watch.bad)
    return _open(state, told, [each.evidence for each in watch.bad], seen, Why.K_OF_N_REACHED)


def _counted(watch: Watch, sight: Sight, seen: Seen, rules: FaultSettings) -> Watch:
    letters = (watch.letters + ("x" if sight.bad else "o"))[-rules.longest :]
    if letters == watch.letters and not sight.bad and not watch.bad:
        return watch  # nearly always: good again, and nothing bad to forget
    if watch.open is not None:
        return replace(watch, letters=letters)
    bad = watch.bad
    if sight.bad:
        bad = (*bad, Bad(evidence_of(seen), sight.measure, sight.usual, sight.right, sight.down))
    among = letters[-rules.n :].count("x")
    return replace(watch, letters=letters, bad=bad[len(bad) - among :])


def _together(bad: Sequence[Bad], rules: FaultSettings) -> bool:
    """Whether things moved the same way in k of them: a camera does that, parts that lie differently do not."""
    ways = [each.right for each in bad], [each.down for each in bad]
    most = max(max(sum(by > 0 for by in way), sum(by < 0 for by in way)) for way in ways)
    return most >= rules.k


def _told(state: State, cause: Cause, bad: tuple[Bad, ...]) -> Told:
    last = bad[-1]
    value = median(each.measure.value for each in bad if each.measure.name == last.measure.name)
    measure = last.measure.model_copy(update={"value": value})
    right, down = (median(getattr(each, way) for each in bad) for way in ("right", "down"))
    blurred = state.watch(Cause.STATION_BLURRED).open is not None
    since = bad[0].evidence.captured_at
    return Told(cause, began(state.station, cause, since, measure, last.usual, (right, down), blurred), since, measure)


def _open(
    state: State, told: Told, shown: Sequence[Evidence], seen: Seen, why: Why
) -> tuple[State, tuple[Decision, ...]]:
    score = seen.score
    name = finding_id(BY, told.cause, state.station, str(shown[0].frame_id))
    finding = Finding(
        finding_id=name,
        kind=FindingKind.BEGAN,
        cause=told.cause,
        station=state.station,
        product=score.product,
        bundle=score.bundle,
        sentence=told.sentence,
        since=told.since,
        at=score.captured_at,
        measure=told.measure,
        evidence=tuple(shown[-MOST_EVIDENCE:]),
        by=BY,
    )
    watch = state.watch(told.cause)
    opened = replace(watch, bad=(), open=Open(name, told.since, score.product, score.bundle))
    return _with(state, told.cause, opened), (Decision(why, told.cause, finding),)


def _close(state: State, cause: Cause, held: Open, seen: Seen, why: Why) -> tuple[State, tuple[Decision, ...]]:
    at = seen.score.captured_at
    known = ended(state.station, cause, held.since, at)
    finding = Finding(
        finding_id=held.finding,
        kind=FindingKind.ENDED,
        cause=cause,
        station=state.station,
        product=held.product,
        bundle=held.bundle,
        sentence=unjudged(state.station, cause, held.since) if why is Why.UNJUDGED else known,
        since=held.since,
        at=at,
        by=BY,
    )
    return _with(state, cause, Watch(over=held.finding)), (Decision(why, cause, finding),)


def _with(state: State, cause: Cause, watch: Watch) -> State:
    return replace(state, calm=False, watches={**state.watches, cause: watch})

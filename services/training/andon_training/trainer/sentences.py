"""What people are told of what the trainer did: a sentence or three, for somebody who has never heard of it. Pure."""

from andon.assigning import named
from andon.budget import budget_words
from andon.records import Assignment
from andon_training.trainer.lesson import Lesson
from andon_training.trainer.newcomers import Look, Newcomer
from andon_training.trainer.trials import Kind, Tally, Why

MOST = 1000  # characters of a notice
SEES_NOTHING = " It found none of the defects drawn into a good frame: have it looked at before you rely on it."
LOOKS = {
    Look.DARK: "all but black: is the light on, the lens cap off?",
    Look.OVEREXPOSED: "all but white: is the exposure too long?",
    Look.BLANK: "of one even tone: does the camera see the part?",
    Look.REPEATED: "the same picture again: is the camera frozen?",
    Look.UNMEASURED: "not measured: is preprocess older than the trainer?",
}


def onboarded(station: str, lesson: Lesson) -> str:
    """That a station is inspected from now on, what that rests on, and what to do once."""
    out = f", {lesson.left_out} left out" if lesson.left_out else ""
    look = f", {lesson.worth_a_look} worth a look" if lesson.worth_a_look else ""
    return (
        f"{station} is inspected from now on: Andon learned what is good from {lesson.frames} of its first "
        f"{lesson.offered} frames{out}{look}. Of 1000 good parts it will call about {thousand(lesson.budget)} "
        f"anomalous (between {thousand(lesson.low)} and {thousand(lesson.high)}, {lesson.confidence:.0%} sure)."
        f"{'' if lesson.sees else SEES_NOTHING} If bad parts were among those frames it takes them for good: look at "
        f"them once (andon fit --from-kafka {station} --spool DIR, then andon curate DIR/{station}) and try it on "
        "known defects (andon evaluate)."
    )


def not_onboarded(station: str, problem: str, retry_s: float) -> str:
    """That an attempt failed, why, and when the next one comes."""
    tail = (
        f" Andon tries again in about {_spoken(retry_s)}, with newer frames; until then its parts pass without being "
        "inspected."
    )
    head = f"{station} has no bundle yet: "
    room = MOST - len(head) - len(tail) - 1
    return head + _ended(problem[:room]) + tail


def looks_bad(newcomer: Newcomer) -> str:
    """Why no attempt was made."""
    bad = newcomer.most_often
    return (
        f"only {newcomer.good} of its last {newcomer.seen} frames look fit to learn from; of the others, "
        f"{newcomer.looks.count(bad)} are {LOOKS[bad]}"
    )


def decided(assignment: Assignment, tally: Tally, why: Why, refusal: str = "") -> str:
    """What became of a trial, with its counts, and what to do."""
    newer, older = tally.case.newer[:12], tally.case.older[:12]
    what = {
        (Kind.PROMOTION, True): f"bundle {newer} took over from {older}, which stays its shadow during probation",
        (Kind.PROMOTION, False): f"bundle {newer} did not take over and is a shadow no more; {older} goes on",
        (Kind.PROBATION, True): f"bundle {newer} has passed its probation; {older} is let go",
        (Kind.PROBATION, False): f"bundle {newer} was taken back; {older} serves again",
    }[tally.case.kind, why.good]
    text = f"{named(assignment)}: {what}. {because(tally, why, refusal)}"
    return text[:MOST] if why is Why.REFUSED else f"{text} {_next(assignment)}"[:MOST]


def because(tally: Tally, why: Why, refusal: str = "") -> str:
    """Why, with the counts: kept with the assignment, too."""
    budget = budget_words(tally.case.trial.budget)
    counts = (
        f"Of {tally.joint} frames that both scored, the new one alone called out {tally.only_newer}, the old one alone "
        f"{tally.only_older}, both {tally.both}; allowed were {budget}."
    )
    match why:
        case Why.REFUSED:
            return _ended(f"Scoring refused it: {refusal[:400]}")
        case Why.WITHIN_BUDGET:
            return counts
        case Why.SURELY_BROKEN | Why.OVER_BUDGET:
            return f"It calls out too many parts that the old one lets pass. {counts}"
        case Why.SURELY_MISSES | Why.MISSES:
            return f"It lets pass too many parts that the old one calls out. {counts}"
        case Why.BLIND:
            return f"Nothing shows that it sees any defect, neither these frames nor its golden ones. {counts}"


def thousand(share: float) -> str:
    """How many of 1000 a share is, to two digits."""
    return f"{share * 1000:.2g}" if share < 0.1 else f"{share * 1000:.0f}"


def _next(assignment: Assignment) -> str:
    return f"andon compare {assignment.station} shows them."


def _ended(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else text + "."


def _spoken(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"

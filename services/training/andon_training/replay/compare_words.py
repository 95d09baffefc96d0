"""What a comparison found, in sentences and as one JSON object."""

import shlex
from collections.abc import Iterator

from andon.comparing.pairing import Agreement
from andon.rates.intervals import Rate
from andon_training.evaluate.report import percent
from andon_training.replay.alone import why
from andon_training.replay.answers import judges
from andon_training.replay.compare import Comparison
from andon_training.replay.words import Record, agreement_record, rate_record, share

ACTIVE, SHADOW, OTHER = "active", "shadow", "other"


def names(found: Comparison) -> tuple[str, str]:
    """What the two sides are called; the second one is a shadow only where it is one now."""
    return ACTIVE, SHADOW if found.standing.shadow_now else OTHER


def heading(found: Comparison) -> str:
    """Who serves now, and who is looked at."""
    stands = found.standing
    active = f"active now {stands.active[:12]}" if stands.active else "no bundle is active now"
    if stands.shadow_now:
        return f"{active}, shadow now {stands.bundle[:12]}"
    return f"{active}, held against {stands.bundle[:12]}, which is no shadow now"


def warnings(found: Comparison) -> Iterator[str]:
    """What makes the figures say less than they seem to."""
    if found.cut:
        yield f"{found.cut}."
    yield from _roles(found)
    for one, two, which in zip(names(found), reversed(names(found)), found.alone, strict=True):
        if which.frames:
            yield f"scored by the {one} bundle alone: {_frames(which.frames)}, {why(which, two)}."
    unscorable = len(found.pairing) - int(found.pairing.both.sum())
    if unscorable:
        yield f"unscorable to one of them or both, so not compared: {_frames(unscorable)}."
    if found.refused:
        yield f"{found.refused} records are no scores and were passed over."


def _roles(found: Comparison) -> Iterator[str]:
    both = int(found.pairing.both.sum())
    name, bundle = names(found)[1], found.standing.bundle
    if found.exchanged:
        yield (
            f"judged with roles exchanged: {found.exchanged} of {_frames(both)}. There the {name} bundle served, and "
            "the active side spoke as a shadow."
        )
    if set(found.judged) - {found.standing.active}:
        some = ", ".join(f"{digest[:12]} ({_frames(n)})" for digest, n in found.judged.most_common())
        yield f"the active side is not only what is active now: {some}."
    others = [digest[:12] for digest in found.shadows if digest not in (bundle, found.standing.active)]
    if others:
        yield f"this is {bundle[:12]}; other shadows scored too: {', '.join(others)} (--shadow)."


def said(found: Comparison) -> Iterator[str]:
    """The finding in sentences."""
    agreement = found.pairing.agreement()
    name = names(found)[1]
    yield (
        f"They agree on {agreement.frames - agreement.flips} of {agreement.frames} frames. Only the active bundle "
        f"calls {_some(agreement, agreement.only_first)}, only the {name} {_some(agreement, agreement.only_second)}."
    )
    active, other = agreement.called
    for each, rate, digest in ((ACTIVE, active, active_digest(found)), (name, other, found.standing.bundle)):
        if rate is not None:
            yield f"The {each} bundle calls {share(rate)} anomalous; {_kept(rate, found.budgets.get(digest))}."
    told = found.pages
    yield (
        f"Had it been the {name} one that paged on these frames, it would have spared about {told.not_needed} of "
        f"{told.first} pages and sent about {told.new} others (calls less than 5 minutes apart taken as one page)."
    )
    yield from _answered(found)


def _answered(found: Comparison) -> Iterator[str]:
    active, other = judges(found.pairing, found.answers)
    name = names(found)[1]
    if active.false_calls and other.false_calls:
        yield (
            f"People call {active.false_calls.of} of these parts good: the active bundle called "
            f"{active.false_calls.count} of them, the {name} {other.false_calls.count}."
        )
    if active.escapes and other.escapes:
        yield (
            f"People call {active.escapes.of} of these parts defective: the active bundle let "
            f"{active.escapes.count} pass, the {name} {other.escapes.count}."
        )


def next_command(found: Comparison) -> str:
    """What lets the bundle that was looked at serve. Where it is a shadow for every station, it is promoted for all of
    them; otherwise only this station changes.
    """
    stands, assignment = found.standing, found.standing.assignment
    product = ["--product", shlex.quote(assignment.product)] if assignment and assignment.product else []
    if stands.shadow_now and assignment:
        return " ".join(["andon promote", shlex.quote(assignment.station), stands.bundle[:12], *product])
    if stands.rolls_back and assignment and assignment.station == found.station:
        return " ".join(["andon rollback", found.station, *product])
    return " ".join(["andon assign", found.station, stands.bundle[:12], *product])


def record(found: Comparison) -> Record:
    """All figures by name. `shadow` is the bundle that was looked at, `active` what is held against it."""
    agreement, stands = found.pairing.agreement(), found.standing
    active, shadow = agreement.called
    people = dict(zip((ACTIVE, SHADOW), judges(found.pairing, found.answers), strict=True))
    return {
        "station": found.station,
        "from": found.span.start.isoformat(),
        "to": found.span.stop.isoformat(),
        "shadow": stands.bundle,
        "shadow_now": stands.shadow_now,
        "shadows": dict(found.shadows),
        "active": dict(found.judged),
        "active_now": stands.active,
        "exchanged": found.exchanged,
        **agreement_record(agreement, ACTIVE, SHADOW),
        "called_active": rate_record(active),
        "called_shadow": rate_record(shadow),
        "budgets": found.budgets,
        "pages": {
            "approximate": True,
            "active": found.pages.first,
            "not_needed": found.pages.not_needed,
            "new": found.pages.new,
        },
        "false_calls": {name: rate_record(each.false_calls) for name, each in people.items()},
        "escapes": {name: rate_record(each.escapes) for name, each in people.items()},
        "only_scored_by": {name: each.frames for name, each in zip((ACTIVE, SHADOW), found.alone, strict=True)},
        "malformed": found.refused,
        "cut": found.cut,
        "next": next_command(found),
    }


def active_digest(found: Comparison) -> str:
    """The bundle whose budget the active side is held against: the one that judged most of its frames."""
    return next((digest for digest, _ in found.judged.most_common(1)), "")


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _some(agreement: Agreement, count: int) -> str:
    rate = agreement.share(count)
    return share(rate) if rate else "none"


def _kept(rate: Rate, budget: float | None) -> str:
    if budget is None:
        return "its budget is unknown, since the store does not hold it"
    if rate.low > budget:
        return f"more than its budget of {percent(budget)} of good parts: parts are defective, or it calls good ones"
    return f"within its budget of {percent(budget)} of good parts"

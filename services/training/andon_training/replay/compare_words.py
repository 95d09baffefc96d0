"""What a comparison found, in sentences and as one JSON object."""

from collections.abc import Iterator

from andon_training.evaluate.intervals import Rate
from andon_training.evaluate.report import percent
from andon_training.replay.answers import judges
from andon_training.replay.compare import Comparison
from andon_training.replay.pairing import Agreement
from andon_training.replay.words import Record, agreement_record, rate_record, share

ACTIVE, SHADOW = "active", "shadow"
NAMES = (ACTIVE, SHADOW)


def warnings(found: Comparison) -> Iterator[str]:
    """What makes the figures say less than they seem to."""
    if found.cut:
        yield f"{found.cut}."
    if len(found.line_bundles) > 1:
        some = ", ".join(f"{digest[:12]} ({n} frames)" for digest, n in found.line_bundles.most_common())
        yield f"{len(found.line_bundles)} bundles were active in this time: {some}."
    if len(found.shadows) > 1:
        some = ", ".join(digest[:12] for digest in found.shadows if digest != found.shadow)
        yield f"this is shadow {found.shadow[:12]}; there are others: {some} (--shadow)."
    if found.alone[0]:
        yield f"{found.alone[0]} frames were scored by the active bundle alone."
    if found.alone[1]:
        yield f"{found.alone[1]} frames were scored by the shadow alone."
    unscorable = len(found.pairing) - int(found.pairing.both.sum())
    if unscorable:
        yield f"{unscorable} frames are unscorable to one of them or both: not compared."
    if found.refused:
        yield f"{found.refused} records are no scores and were passed over."


def said(found: Comparison) -> Iterator[str]:
    """The finding in sentences."""
    agreement = found.pairing.agreement()
    yield (
        f"They agree on {agreement.frames - agreement.flips} of {agreement.frames} frames. Only the active bundle "
        f"calls {_some(agreement, agreement.only_first)}, only the shadow {_some(agreement, agreement.only_second)}."
    )
    active, shadow = agreement.called
    for name, rate, digest in ((ACTIVE, active, active_digest(found)), (SHADOW, shadow, found.shadow)):
        if rate is not None:
            yield f"The {name} bundle calls {share(rate)} anomalous; {_kept(rate, found.budgets.get(digest))}."
    told = found.pages
    yield (
        f"Promoted at the beginning of this time, the shadow would have spared about {told.not_needed} of "
        f"{told.first} pages and sent about {told.new} others (calls less than 5 minutes apart taken as one page)."
    )
    yield from _answered(found)


def _answered(found: Comparison) -> Iterator[str]:
    active, shadow = judges(found.pairing, found.answers)
    if active.false_calls and shadow.false_calls:
        yield (
            f"People call {active.false_calls.of} of these parts good: the active bundle called "
            f"{active.false_calls.count} of them, the shadow {shadow.false_calls.count}."
        )
    if active.escapes and shadow.escapes:
        yield (
            f"People call {active.escapes.of} of these parts defective: the active bundle let "
            f"{active.escapes.count} pass, the shadow {shadow.escapes.count}."
        )


def next_command(found: Comparison) -> str:
    """What to do when the shadow is the better one."""
    return f"andon promote {found.station} {found.shadow[:12]}"


def record(found: Comparison) -> Record:
    """All figures by name."""
    agreement = found.pairing.agreement()
    active, shadow = agreement.called
    people = dict(zip(NAMES, judges(found.pairing, found.answers), strict=True))
    return {
        "station": found.station,
        "from": found.span.start.isoformat(),
        "to": found.span.stop.isoformat(),
        "shadow": found.shadow,
        "shadows": dict(found.shadows),
        "active": dict(found.line_bundles),
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
        "only_scored_by": dict(zip(NAMES, found.alone, strict=True)),
        "malformed": found.refused,
        "cut": found.cut,
        "next": next_command(found),
    }


def active_digest(found: Comparison) -> str:
    """The bundle that judged most of the frames."""
    return next((digest for digest, _ in found.line_bundles.most_common(1)), "")


def _some(agreement: Agreement, count: int) -> str:
    rate = agreement.share(count)
    return share(rate) if rate else "none"


def _kept(rate: Rate, budget: float | None) -> str:
    if budget is None:
        return "its budget is unknown, since the store does not hold it"
    if rate.low > budget:
        return f"more than its budget of {percent(budget)} of good parts: parts are defective, or it calls good ones"
    return f"within its budget of {percent(budget)} of good parts"

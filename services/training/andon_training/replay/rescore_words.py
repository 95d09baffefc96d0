"""What a replay found, in sentences and as one JSON object."""

from collections.abc import Iterator

from andon.comparing.pairing import Agreement
from andon.rates.intervals import Rate
from andon.records import DEFECTIVE, Told
from andon_training.evaluate.report import percent
from andon_training.replay.answers import judges
from andon_training.replay.rescore import Rescoring
from andon_training.replay.words import Record, agreement_record, counted, rate_record, share

LINE, CANDIDATE = "line", "candidate"
NAMES = (LINE, CANDIDATE)


def answered(found: Rescoring) -> int:
    """How many frames that both scored people gave a firm answer on."""
    firm = found.answers.which(found.pairing.first.ids, Told.FALSE_CALL, *DEFECTIVE)
    return int((firm & found.pairing.both).sum())


def warnings(found: Rescoring) -> Iterator[str]:
    """What makes the figures say less than they seem to."""
    reach = found.reach
    if reach.cut:
        yield f"{reach.cut}."
    if reach.gone:
        yield f"{reach.gone} frames that the line scored in this time are gone from Kafka: they are in no figure."
    if reach.problems:
        yield f"{sum(reach.problems.values())} frames get no score by the candidate: {counted(reach.problems)}."
    if reach.dead:
        yield f"{sum(reach.dead.values())} frames were dead-lettered by the line: {counted(reach.dead)}."
    if reach.unjudged:
        yield f"{reach.unjudged} frames have no word of the line (not scored yet, or dead-lettered): not compared."
    unscorable = len(found.pairing) - int(found.pairing.both.sum())
    if unscorable:
        yield f"unscorable to the line, to the candidate or to both, so not compared: {unscorable} frames."
    if reach.other_products:
        yield f"frames of other products are left out: {counted(reach.other_products)}."
    if reach.refused:
        yield f"{reach.refused} records could not be read and were passed over."
    if len(found.line_bundles) > 1:
        some = ", ".join(f"{digest[:12]} ({n} frames)" for digest, n in found.line_bundles.most_common())
        yield f"{len(found.line_bundles)} bundles were active on the line in this time: {some}."


def said(found: Rescoring) -> Iterator[str]:
    """The finding in sentences, the most important first."""
    agreement = found.pairing.agreement()
    yield (
        f"{agreement.flips} of {agreement.frames} frames get the other verdict: {agreement.only_first} that the line "
        f"called anomalous pass, {agreement.only_second} that it passed are called."
    )
    if answered(found):
        yield from _by_answers(found, agreement)
    yield from _estimated(found, agreement)


def _by_answers(found: Rescoring, agreement: Agreement) -> Iterator[str]:
    line, candidate = judges(found.pairing, found.answers)
    yield f"People gave a firm answer on {answered(found)} of these frames."
    if line.false_calls and candidate.false_calls:
        yield (
            f"Of {line.false_calls.of} good ones the line called {line.false_calls.count}, "
            f"the candidate calls {share(candidate.false_calls)}."
        )
    if line.escapes and candidate.escapes:
        yield (
            f"Of {line.escapes.of} defective ones the line let {line.escapes.count} pass, "
            f"the candidate lets {share(candidate.escapes)} pass."
        )
    new = found.pairing.both & ~found.pairing.first.called & found.pairing.second.called
    unasked = new & ~found.answers.which(found.pairing.first.ids, *Told)
    if agreement.only_second:
        yield (
            f"People are mostly asked about what the line called: {int(unasked.sum())} of {agreement.only_second} "
            "new calls of the candidate have no answer."
        )


def _estimated(found: Rescoring, agreement: Agreement) -> Iterator[str]:
    line, candidate = agreement.called
    if line is None or candidate is None:
        yield "No frame has a score by both, so there is nothing to compare."
        return
    yield (
        f"Estimated from scores alone: the candidate calls {share(candidate)} anomalous, the line {share(line)}. "
        f"{against_budget(candidate, found.candidate.budget)}"
    )
    if agreement.only_first:
        yield (
            f"Each of the {agreement.only_first} frames that only the line called was a false call, "
            "or would be an escape: scores cannot tell, look at them."
        )


def against_budget(called: Rate, budget: float) -> str:
    """The share called, held against the share of good frames that may be."""
    if called.high < budget:
        return f"That is below its budget of {percent(budget)} of good frames."
    if called.low <= budget:
        return f"That agrees with its budget of {percent(budget)} of good frames."
    return (
        f"That is more than its budget of {percent(budget)} of good frames: "
        "parts are defective, or it calls good ones falsely."
    )


def record(found: Rescoring) -> Record:
    """All figures by name; shares with their 95 % intervals, null where there is nothing to count."""
    agreement, reach = found.pairing.agreement(), found.reach
    line, candidate = agreement.called
    people = dict(zip(NAMES, judges(found.pairing, found.answers), strict=True))
    return {
        "station": found.asked.station,
        "from": found.asked.span.start.isoformat(),
        "to": found.asked.span.stop.isoformat(),
        "bundle": found.candidate.bundle.digest,
        "threshold": found.candidate.threshold,
        "budget": found.candidate.budget,
        "runtime": found.runtime,
        "frames": reach.frames,
        "scored": reach.scored,
        "scored_before": reach.before,
        "gone": reach.gone,
        "cut": reach.cut,
        "no_score": dict(reach.problems),
        "dead_lettered": dict(reach.dead),
        "not_judged_by_line": reach.unjudged,
        "malformed": reach.refused,
        "line_bundles": dict(found.line_bundles),
        **agreement_record(agreement, "line", "candidate"),
        "called_line": rate_record(line),
        "called_candidate": rate_record(candidate),
        "estimated": True,
        "answers": answered(found),
        "false_calls": {name: rate_record(each.false_calls) for name, each in people.items()},
        "escapes": {name: rate_record(each.escapes) for name, each in people.items()},
    }

"""What a replay found, as a page with pictures."""

from collections.abc import Iterator

import numpy as np

from andon.comparing.pairing import Agreement, strengths
from andon.topics import SCORES
from andon_training.evaluate.report import percent
from andon_training.progress import Progress
from andon_training.replay.answers import judges
from andon_training.replay.distribution import distributions
from andon_training.replay.gallery import MOST, Pictured, Viewer, gallery
from andon_training.replay.page import Card, Gallery, Page, Table
from andon_training.replay.pictures import Opened, View
from andon_training.replay.rescore import Rescoring
from andon_training.replay.rescore_words import CANDIDATE, LINE, NAMES, answered, said, warnings
from andon_training.replay.words import count_of, counted, interval, truly, verdict_table

FEW = 6  # frames of the same verdict, where there is room


def page(found: Rescoring, viewer: Viewer, opened: Opened, progress: Progress) -> Page:
    """The page, its pictures fetched. `opened` is the candidate, with the threshold that is tried."""
    candidate, agreement = found.candidate, found.pairing.agreement()
    both = found.pairing.both
    firsts, seconds = strengths(found.pairing.first)[both], strengths(found.pairing.second)[both]
    return Page(
        title=f"{found.asked.station}, judged again",
        under=(
            f"{found.asked.span}",
            f"candidate {candidate.bundle.digest}" + (f", {candidate.tried}" if candidate.tried else ""),
            *(f"line {digest}: {n} frames" for digest, n in found.line_bundles.most_common()),
        ),
        cards=tuple(_cards(found, agreement)),
        warnings=tuple(warnings(found)),
        said=tuple(said(found)),
        tables=tuple(_tables(found, agreement)),
        charts=(distributions(firsts, seconds, NAMES),) if agreement.frames else (),
        names=NAMES,
        galleries=tuple(_galleries(found, viewer, opened, progress)),
        facts=(_facts(found),),
    )


def _cards(found: Rescoring, agreement: Agreement) -> Iterator[Card]:
    line, candidate = agreement.called
    yield Card("Frames compared", f"{agreement.frames:,}", f"of {found.reach.frames:,} that Kafka holds of this time")
    yield Card("Other verdict", str(agreement.flips), truly(agreement.share(agreement.flips)))
    yield Card("Only the line calls", str(agreement.only_first), truly(agreement.share(agreement.only_first)))
    yield Card("Only the candidate calls", str(agreement.only_second), truly(agreement.share(agreement.only_second)))
    yield Card(
        "Called by the candidate", percent(candidate), f"estimate from scores; budget {percent(found.candidate.budget)}"
    )
    yield Card("Called by the line", percent(line), "as it was recorded")


def _tables(found: Rescoring, agreement: Agreement) -> Iterator[Table]:
    yield verdict_table(agreement, LINE, CANDIDATE)
    if answered(found):
        rows = tuple(
            (
                name,
                count_of(each.false_calls),
                interval(each.false_calls),
                count_of(each.escapes),
                interval(each.escapes),
            )
            for name, each in zip(NAMES, judges(found.pairing, found.answers), strict=True)
        )
        columns = ("", "good ones called", "95 % interval", "defective ones passed", "95 % interval")
        told = (
            f"{answered(found)} frames with a firm answer. The line's own calls are what people are mostly asked about."
        )
        yield Table("By what people answered", columns, rows, told)


def _galleries(found: Rescoring, viewer: Viewer, opened: Opened, progress: Progress) -> Iterator[Gallery]:
    pairing, flips = found.pairing, found.pairing.agreement().flips

    def views(each: int) -> tuple[View, View]:
        return viewer.view(found.table, SCORES, int(pairing.first.rows[each])), opened

    def place(each: int) -> tuple[str, int, int]:
        return found.rescored[int(pairing.second.rows[each])].place

    shown = Pictured(pairing, NAMES, place, views, opened.bundle.manifest.preparation, found.answers)
    told = "the largest difference first, as multiples of the threshold: line → candidate"
    yield gallery("Other verdict", told, flips, pairing.worst(MOST), shown, viewer, progress)
    left = MOST - min(MOST, flips)
    if left:
        widest = pairing.widest(min(left, FEW))
        yield gallery("Same verdict, furthest apart", told, len(widest), widest, shown, viewer, progress)


def _facts(found: Rescoring) -> Table:
    candidate, reach = found.candidate, found.reach
    manifest = candidate.bundle.manifest
    rows = (
        ("candidate", candidate.bundle.digest),
        ("threshold", f"{candidate.threshold:.6g}" + (f" ({candidate.tried})" if candidate.tried else "")),
        ("budget", f"{percent(candidate.budget)} of good frames"),
        ("method", f"{manifest.training.method} on {manifest.training.extractor}"),
        ("runtime", found.runtime),
        (
            "frames held",
            f"{reach.frames:,}, {reach.scored:,} with a score; {reach.before:,} were scored by an earlier run",
        ),
        ("gone", f"{reach.gone:,} that the line scored"),
        ("no score", counted(reach.problems) or "none"),
        ("dead-lettered", counted(reach.dead) or "none"),
        ("median strength", _medians(found)),
    )
    return Table("What was done", (), rows, facts=True)


def _medians(found: Rescoring) -> str:
    both = found.pairing.both
    if not both.any():
        return "none"
    medians = (float(np.median(strengths(side)[both])) for side in (found.pairing.first, found.pairing.second))
    return " → ".join(f"{median:.3g}" for median in medians) + " of the threshold, line → candidate"

"""What a comparison found, as a page with pictures."""

from collections import Counter
from collections.abc import Iterator

from andon.comparing.pairing import Agreement, strengths
from andon.preparation import Preparation
from andon.topics import SCORES, SHADOW_SCORES
from andon_training.evaluate.report import percent
from andon_training.progress import Progress
from andon_training.replay.compare import Comparison
from andon_training.replay.compare_words import ACTIVE, active_digest, heading, names, next_command, said, warnings
from andon_training.replay.distribution import distributions
from andon_training.replay.gallery import MOST, Pictured, Viewer, gallery
from andon_training.replay.page import Card, Gallery, Page, Table
from andon_training.replay.pictures import Opened, View
from andon_training.replay.words import truly, verdict_table


def page(found: Comparison, viewer: Viewer, progress: Progress) -> Page:
    """The page, its pictures fetched."""
    agreement = found.pairing.agreement()
    both = found.pairing.both
    firsts, seconds = strengths(found.pairing.first)[both], strengths(found.pairing.second)[both]
    called, bundle = names(found), found.standing.bundle
    return Page(
        title=f"{found.station}: active bundle and {called[1] if found.standing.shadow_now else bundle[:12]}",
        under=(str(found.span), heading(found)),
        cards=tuple(_cards(found, agreement)),
        warnings=tuple(warnings(found)),
        said=(*said(found), f"To let the {called[1]} one serve: {next_command(found)}"),
        tables=(verdict_table(agreement, *called),),
        charts=(distributions(firsts, seconds, called),) if agreement.frames else (),
        names=called,
        galleries=tuple(_galleries(found, viewer, progress)),
        facts=(_facts(found),),
    )


def _cards(found: Comparison, agreement: Agreement) -> Iterator[Card]:
    active, other = agreement.called
    whole = len(found.pairing) + sum(each.frames for each in found.alone)
    yield Card("Frames both scored", f"{agreement.frames:,}", f"of {whole:,} that either did")
    yield Card("Other verdict", str(agreement.flips), truly(agreement.share(agreement.flips)))
    spared = found.pages
    yield Card("Pages spared, about", f"{spared.not_needed} of {spared.first}", f"and {spared.new} others sent")
    for name, count, rate, digest in (
        (ACTIVE, agreement.only_first, active, active_digest(found)),
        (names(found)[1], agreement.only_second, other, found.standing.bundle),
    ):
        told = f"{truly(agreement.share(count))}; it calls {percent(rate)} in all, budget {_budget(found, digest)}"
        yield Card(f"Only the {name} bundle calls", str(count), told)


def _galleries(found: Comparison, viewer: Viewer, progress: Progress) -> Iterator[Gallery]:
    pairing, heard = found.pairing, found.heard

    def view(row: int) -> View:
        return viewer.view(heard.table, SCORES if row < heard.live else SHADOW_SCORES, row)

    def views(each: int) -> tuple[View, View]:
        return view(int(pairing.first.rows[each])), view(int(pairing.second.rows[each]))

    def place(each: int) -> tuple[str, int, int]:
        return heard.table.frame_place(int(pairing.first.rows[each]))

    judged = viewer.bundle(found.standing.bundle)
    looks = judged.bundle.manifest.preparation if isinstance(judged, Opened) else Preparation()
    shown = Pictured(pairing, names(found), place, views, looks, found.answers)
    told = "the largest difference first, as multiples of the threshold: " + " → ".join(names(found))
    flips = pairing.agreement().flips
    yield gallery("Other verdict", told, flips, pairing.worst(MOST), shown, viewer, progress)


def _facts(found: Comparison) -> Table:
    """Every bundle of this page, with what it is now."""
    looked_at, active = found.standing.bundle, found.standing.active
    sides = found.judged | Counter({looked_at: len(found.pairing)})
    now = {active: "active now", looked_at: "shadow now" if found.standing.shadow_now else "not assigned now"}
    rows = (
        (now.get(digest, "neither now"), f"{sides.get(digest, 0):,} frames, budget {_budget(found, digest)}", digest)
        for digest in dict.fromkeys((*([active] if active else ()), looked_at, *found.judged))
    )
    return Table("Bundles", (), tuple(rows), facts=True)


def _budget(found: Comparison, digest: str) -> str:
    budget = found.budgets.get(digest)
    return "unknown: it is not in the store" if budget is None else percent(budget)

"""What a comparison found, as a page with pictures."""

from collections.abc import Iterator

from andon.preparation import Preparation
from andon.topics import SCORES, SHADOW_SCORES
from andon_training.evaluate.report import percent
from andon_training.progress import Progress
from andon_training.replay.compare import Comparison
from andon_training.replay.compare_words import ACTIVE, NAMES, SHADOW, active_digest, next_command, said, warnings
from andon_training.replay.distribution import distributions
from andon_training.replay.gallery import MOST, Pictured, Viewer, gallery
from andon_training.replay.page import Card, Gallery, Page, Table
from andon_training.replay.pairing import Agreement, strengths
from andon_training.replay.pictures import Opened, View
from andon_training.replay.words import interval, verdict_table


def page(found: Comparison, viewer: Viewer, progress: Progress) -> Page:
    """The page, its pictures fetched."""
    agreement = found.pairing.agreement()
    firsts, seconds = strengths(found.pairing.first), strengths(found.pairing.second)
    return Page(
        title=f"{found.station}: active bundle and shadow",
        under=(
            str(found.span),
            *(f"active {digest}: {n} frames" for digest, n in found.line_bundles.most_common()),
            f"shadow {found.shadow}",
        ),
        cards=tuple(_cards(found, agreement)),
        warnings=tuple(warnings(found)),
        said=(*said(found), f"To let the shadow take over: {next_command(found)}"),
        tables=(verdict_table(agreement, ACTIVE, SHADOW),),
        charts=(distributions(firsts, seconds, NAMES),) if agreement.frames else (),
        names=NAMES,
        galleries=tuple(_galleries(found, viewer, progress)),
        facts=(_facts(found),),
    )


def _cards(found: Comparison, agreement: Agreement) -> Iterator[Card]:
    active, shadow = agreement.called
    yield Card("Frames both scored", f"{agreement.frames:,}", f"of {len(found.pairing) + sum(found.alone):,}")
    yield Card("Other verdict", str(agreement.flips), interval(agreement.share(agreement.flips)))
    spared = found.pages
    yield Card("Pages spared, about", f"{spared.not_needed} of {spared.first}", f"and {spared.new} others sent")
    for name, count, rate, digest in (
        (ACTIVE, agreement.only_first, active, active_digest(found)),
        (SHADOW, agreement.only_second, shadow, found.shadow),
    ):
        told = f"{interval(agreement.share(count))}; it calls {percent(rate)} in all, budget {_budget(found, digest)}"
        yield Card(f"Only the {name} bundle calls", str(count), told)


def _galleries(found: Comparison, viewer: Viewer, progress: Progress) -> Iterator[Gallery]:
    pairing = found.pairing

    def views(each: int) -> tuple[View, View]:
        return (
            viewer.view(found.active, SCORES, int(pairing.first.rows[each])),
            viewer.view(found.other, SHADOW_SCORES, int(pairing.second.rows[each])),
        )

    def place(each: int) -> tuple[str, int, int]:
        return found.active.frame_place(int(pairing.first.rows[each]))

    judged = viewer.bundle(found.shadow)
    looks = judged.bundle.manifest.preparation if isinstance(judged, Opened) else Preparation()
    shown = Pictured(pairing, NAMES, place, views, looks, found.answers)
    told = "the largest difference first, as multiples of the threshold: active → shadow"
    flips = pairing.agreement().flips
    yield gallery("Other verdict", told, flips, pairing.worst(MOST), shown, viewer, progress)


def _facts(found: Comparison) -> Table:
    rows = (
        *(
            (f"active {digest}", f"{n} frames, budget {_budget(found, digest)}")
            for digest, n in found.line_bundles.items()
        ),
        *((f"shadow {digest}", f"{n} scores, budget {_budget(found, digest)}") for digest, n in found.shadows.items()),
    )
    return Table("Bundles", (), rows, facts=True)


def _budget(found: Comparison, digest: str) -> str:
    budget = found.budgets.get(digest)
    return "unknown: it is not in the store" if budget is None else percent(budget)

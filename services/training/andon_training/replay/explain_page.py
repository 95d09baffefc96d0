"""An explanation as a page, with the frame and what was found on it."""

from andon.records import Verdict
from andon_training.replay.explain import Check, Ending, Explanation, Same, where
from andon_training.replay.explain_letter import Refused
from andon_training.replay.explain_words import recorded, words
from andon_training.replay.find import Word
from andon_training.replay.page import Card, Gallery, Page, Row, Table
from andon_training.replay.pictures import Boxes, View, row
from andon_training.replay.span import told


def page(found: Explanation, others: tuple[Word, ...]) -> Page:
    """The page, with the frame, where something was found then, and what the bundle sees now."""
    score = found.score
    checks = tuple((each.what, each.same.value, each.told) for each in found.checks)
    warned = found.ending in (Ending.DIFFERS, Ending.CANNOT)
    rest = tuple(((each.score.bundle or "none")[:12], words(each.score)) for each in others)
    tables = [
        Table("Recorded", (), recorded(found), facts=True),
        Table("Then and now", (), checks, facts=True),
    ]
    return Page(
        title=f"Why {score.station} said {score.verdict}",
        under=(str(score.frame_id), told(score.captured_at)),
        cards=tuple(_cards(found)),
        warnings=(found.conclusion,) if warned else (),
        said=() if warned else (found.conclusion,),
        tables=(*tables, Table("Other bundles on the same frame", (), rest, facts=True)) if rest else tuple(tables),
        galleries=tuple(_gallery(found)),
        galleries_title="The frame",
        galleries_first=True,
    )


def letter_page(found: Refused) -> Page:
    """A dead letter's page."""
    return Page(
        title="Why a frame was refused",
        under=(found.frame_id,),
        warnings=(found.conclusion,),
        tables=(Table("Recorded", (), found.facts, facts=True),),
    )


def _cards(found: Explanation) -> list[Card]:
    score = found.score
    ratio = score.ratio
    return [
        Card("Verdict", str(score.verdict), words(score).removeprefix(f"{score.verdict}, ")),
        Card("Score over threshold", "\N{EN DASH}" if ratio is None else f"{ratio:.2f}", "above 1 is anomalous"),
        Card("Made again", found.ending.value.removeprefix("reproduced_").replace("_", " "), _summary(found.checks)),
    ]


def _summary(checks: tuple[Check, ...]) -> str:
    apart = [f"{each.what}: {each.same.value}" for each in checks if each.same is not Same.YES]
    return ", ".join(apart) or f"all {len(checks)} checks: the same"


def _gallery(found: Explanation) -> list[Gallery]:
    if found.image is None:
        return []
    score = found.score
    views: list[tuple[str, View]] = []
    if score.verdict is Verdict.ANOMALOUS:
        views.append(("then", Boxes(score.regions, score.width, score.height)))
    preparation = None
    if found.view is not None:
        views.append(("heat map now", found.view))
        preparation = found.view.bundle.manifest.preparation
    pictures = row(found.image, views, preparation)
    return [Gallery("", "", 1, (Row(str(score.frame_id), "", (where(score.frame),), pictures),))]

"""One bundle, whole: what it decides, how sure that is, what it was made of, and what it must say of known parts."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Path, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from andon.bundle import BundleError, Card
from andon.commands.bundles.show import Section, sections
from andon.commands.bundles.use import Uses
from andon.differences import differences
from andon.errors import Broken, Mistake
from andon.manifest import BundleManifest, DriftReference
from andon.store import Stored
from andon_console.models.histogram import Bar, bars
from andon_console.pages.paper import Seen, page
from andon_console.safe.asked import Viewer
from andon_console.safe.headers import IMAGE_POLICY
from andon_console.world import World

router = APIRouter()
T = TypeVar("T")
SIDE = 240
FOR_EVER = "private, max-age=31536000, immutable"

Digits = Annotated[str, Path(pattern=r"^[0-9a-f]{6,64}$")]
Hex = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Other = Annotated[str, Query(pattern=r"^([0-9a-f]{6,64})?$")]


@router.get("/models/{digest}")
def bundle(request: Request, world: Seen, _person: Viewer, digest: Digits, other: Other = "") -> Response:
    """A bundle by its digest, or the first digits of it; beside an `other`, with what differs between the two."""
    whole = meant(world, digest)
    if whole != digest:
        return RedirectResponse(f"/models/{whole}" + (f"?other={other}" if other else ""), 303)
    card, trouble = _or_why(lambda: world.bench.shelf.card(digest))
    if card is None:
        return page(
            request, "models_gone.html.j2", status=404, digest=digest, trouble=trouble, uses=_uses(world, digest)
        )
    return page(request, "models_bundle.html.j2", **about(world, card), **_beside(world, card, other))


@router.get("/models/{digest}/golden/{name}.jpg")
def golden(world: Seen, _person: Viewer, digest: Hex, name: Annotated[str, Path(max_length=120)]) -> Response:
    """The picture of one of its golden frames."""
    card, trouble = _or_why(lambda: world.bench.shelf.card(digest))
    frame = next((each for each in card.manifest.golden if each.name == f"golden/{name}"), None) if card else None
    if frame is None:
        raise HTTPException(404, trouble or "It has no golden frame of that name.")
    data = world.bench.shelf.golden(digest, frame, SIDE)
    return Response(
        data, media_type="image/jpeg", headers={"Cache-Control": FOR_EVER, "Content-Security-Policy": IMAGE_POLICY}
    )


def meant(world: World, text: str) -> str:
    """The digest that the text begins, where it is one alone; else itself."""
    found = [text] if len(text) == 64 else world.bench.shelf.listing().meant(text)
    if len(found) > 1:
        raise Mistake(f"{text}: {len(found)} bundles begin so; say more digits")
    if not found:
        raise HTTPException(404, f"The store knows no bundle that begins with {text}.")
    return found[0]


def about(world: World, card: Card) -> dict[str, Any]:
    """What the page says."""
    shelf, manifest = world.bench.shelf, card.manifest
    entry = shelf.listing().of(card.digest)
    stored = Stored(card.digest, entry.size, entry.at) if entry else None
    signed, trouble = _or_why(lambda: shelf.signed(card.digest))
    reference, _ = _or_why(lambda: shelf.reference(card.digest))
    sample, _ = _or_why(lambda: shelf.sample(card.digest))
    uses = _uses(world, card.digest)
    told = _joined(sections(card, stored, uses, signed or trouble, reference))
    return {
        "card": card,
        "manifest": manifest,
        "sections": told,
        "lineage": list(lineage(manifest)),
        "figures": list(figures(manifest)),
        "reference": list(healths(reference)) if reference else [],
        "bars": _bars(manifest, sample.scores) if sample else [],
        "uses": uses.of(card.digest),
        "where": [each for each in world.models.all() if _concerns(each.active, card.digest)],
    }


def lineage(manifest: BundleManifest) -> Iterator[tuple[str, str]]:
    """Which bundles it was made from: how, and the digest."""
    made = manifest.provenance
    told = (
        ("its threshold was moved", made.recalibrated_from),
        ("the same model in fewer bits", made.quantised_from),
        ("its memory was widened by confirmed false calls", made.remembered_from),
        ("the same model with what stations have learned", made.frozen_from),
    )
    yield from ((words, digest) for words, digest in told if digest)


def figures(manifest: BundleManifest) -> Iterator[tuple[str, str]]:
    """How well it was seen to do where it was made."""
    training = manifest.training
    for each in training.candidates:
        yield f"{each.plan}{' (chosen)' if each.chosen else ''}", f"AUROC {each.auroc:.4f} on drawn defects"
    if made := training.quantisation:
        after = "not finite" if made.auroc_after is None else f"{made.auroc_after:.4f}"
        used = "used" if made.used else f"not used: {made.reason}"
        yield f"{made.precision} beside float32", f"AUROC {made.auroc_float32:.4f} before, {after} after; {used}"
    if training.export:
        yield "ONNX beside PyTorch", f"{training.export.frames} frames, scores within {training.export.worst:.2g}"
    if training.remembered:
        yield (
            "remembered",
            f"{len(training.remembered.frames)} confirmed false calls, {sum(training.remembered.cells)} cells",
        )


def healths(reference: DriftReference) -> Iterator[tuple[str, float, float, float]]:
    """Name, least, mean and greatest of what was measured on its good frames."""
    for name, each in {**reference.health, "score": reference.score}.items():
        yield name.replace("_", " "), each.quantiles[0], each.mean, each.quantiles[-1]


def _joined(told: list[Section]) -> list[Section]:
    """What stands under no heading in one; golden frames and lineage have sections of their own."""
    first = [line for heading, lines in told if not heading for line in lines]
    rest = [(heading, _own(lines)) for heading, lines in told if heading not in ("", "golden frames")]
    return [("what it is", first), *rest]


def _own(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [line for line in lines if not line[0].endswith("_from")]


def _bars(manifest: BundleManifest, scores: tuple[float, ...]) -> list[Bar]:
    import numpy as np

    return bars(np.asarray(scores) / manifest.threshold) if manifest.threshold > 0 else []


def _beside(world: World, card: Card, other: str) -> dict[str, Any]:
    listing = world.bench.shelf.listing()
    others = [each for each in listing.entries if each.digest != card.digest and not each.problem][:200]
    if not other:
        return {"others": others, "other": None, "differences": [], "trouble": ""}
    digest = meant(world, other)
    found, trouble = _or_why(lambda: world.bench.shelf.card(digest))
    lines = differences(card.manifest, found.manifest) if found else []
    return {"others": others, "other": digest, "differences": lines, "trouble": trouble}


def _uses(world: World, digest: str) -> Uses:
    return Uses({digest: world.models.uses().of(digest)})


def _concerns(active: Any, digest: str) -> bool:
    return digest == active.bundle or digest in active.shadows


def _or_why(ask: Callable[[], T]) -> tuple[T | None, str]:
    """What was asked for, or why it cannot be had."""
    try:
        return ask(), ""
    except (BundleError, Broken, Mistake) as error:
        return None, str(error)

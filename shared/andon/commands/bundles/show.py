"""`andon bundles show`: one bundle, in the order people ask."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from andon.budget import budget_words
from andon.commands.shelf import meant_card, meant_reference, open_store, shelf_settings
from andon.commands.words import moment, paper, print_json, size_words, warn

if TYPE_CHECKING:
    from andon.bundle import Card
    from andon.commands.bundles.use import Uses
    from andon.manifest import BundleManifest, DriftReference
    from andon.store import BundleStore, Stored

Section = tuple[str, list[tuple[str, str]]]


def show(
    bundle: Annotated[str, typer.Argument(help="Digest, its first 6 digits or more, or a file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, the whole manifest in it.")] = False,
) -> None:
    """Show a bundle: what it decides, on which pixels, by which model, from what, and where it serves.

    Example: andon bundles show 4be1a3
    """
    from andon.commands.bundles.figures import record
    from andon.commands.bundles.use import uses_now

    settings = shelf_settings()
    store = open_store(settings)
    card = meant_card(store, bundle)
    stored = next((each for each in store.stored() if each.digest == card.digest), None)
    known = uses_now(settings)
    signed = _signed(store, card.digest) if stored else ""
    reference = meant_reference(store, bundle)
    if as_json:
        told = record(stored, card, known.of(card.digest))
        learned = [{"station": each.station, "product": each.product, "frames": each.frames,
                    "until": each.until.isoformat()} for each in reference.baselines]  # fmt: skip
        print_json(
            told | {"signatures": signed, "baselines": learned, "manifest": card.manifest.model_dump(mode="json")}
        )
    else:
        _print(card.digest, sections(card, stored, known, signed, reference))
    if known.unknown:
        warn(known.unknown)


def sections(
    card: "Card", stored: "Stored | None", known: "Uses", signed: str, reference: "DriftReference | None" = None
) -> list[Section]:
    """What there is to say, headed, each line a name and a value; what is not so is left out. `reference` is read for
    what stations learned and was frozen into it."""
    manifest = card.manifest
    place = "not in the store" if stored is None else f"{size_words(stored.size)}, put {moment(stored.at)}"
    use = known.of(card.digest).words.replace("\n", "; ") or ("" if known.unknown else "nowhere")
    told = [
        ("", [("product", manifest.product or "any"), ("made", moment(card.created_at)), ("stored", place)]),
        ("", [("serves", use), ("signed", signed)]),
        ("what it decides", list(_decides(manifest))),
        ("which pixels it looks at", list(_pixels(manifest))),
        ("the model", list(_model(manifest))),
        ("what it was made of", list(_made_of(manifest))),
        ("what stations learned", list(_learned(reference)) if reference else []),
        ("golden frames", [(each.name.removeprefix("golden/"), _golden(each)) for each in manifest.golden]),
        ("made with", [(name, str(value)) for name, value in manifest.provenance if value]),
    ]
    return [(heading, [line for line in lines if line[1]]) for heading, lines in told]


def _decides(manifest: "BundleManifest") -> Iterator[tuple[str, str]]:
    from andon.commands.bundles.figures import false_calls

    calibration = manifest.calibration
    yield "budget", f"{budget_words(calibration.budget)} good frames may be called anomalous"
    yield "threshold", f"{manifest.threshold:.7g} raw score, by {calibration.method}"
    if manifest.map_threshold is not None:
        yield "map threshold", f"{manifest.map_threshold:.7g} raw map value"
    yield "false calls", f"{false_calls(manifest)}, {calibration.interval.confidence:.0%} sure"
    yield "rests on", f"{calibration.good_frames} good frames, {calibration.source}, in {calibration.folds} folds"
    if calibration.good_frames_missing:
        yield "would be proven by", f"{calibration.good_frames_missing} more, all below the threshold"
    for warning in calibration.warnings:
        yield "warning", warning


def _pixels(manifest: "BundleManifest") -> Iterator[tuple[str, str]]:
    made = manifest.preparation
    yield "size", f"{made.width} x {made.height} pixels, {made.channels} channels"
    for name in ("crop", "masks", "depth_range"):
        value = getattr(made, name)
        if value:
            yield name.replace("_", " "), f"{len(value)} regions blanked" if name == "masks" else str(value)
    yield "preparation", made.digest[:12]


def _model(manifest: "BundleManifest") -> Iterator[tuple[str, str]]:
    from andon.commands.bundles.figures import auroc, method

    training = manifest.training
    yield "method", method(training)
    for member in manifest.members:
        if member.name.endswith(".onnx"):
            yield member.name, f"{size_words(member.size)}, sha256 {member.sha256[:12]}"
    if training.backbone:
        yield "backbone", f"{training.backbone.name}, {training.backbone.digest[:12]}"
    measured = auroc(training)
    yield "AUROC", f"{measured:.4f} on its trial frames" if measured is not None else "not measured"
    if training.quantisation:
        yield "quantised", _quantised(training.quantisation)
    if training.export:
        yield "export", f"{training.export.frames} frames as PyTorch, scores within {training.export.worst:.2g}"
    for name, value in training.settings.items():
        yield name, str(value)


def _quantised(made: Any) -> str:
    after = "not finite" if made.auroc_after is None else f"{made.auroc_after:.4f}"
    used = "used" if made.used else f"not used: {made.reason}"
    return f"{made.precision}, AUROC {made.auroc_float32:.4f} before, {after} after; {used}"


def _made_of(manifest: "BundleManifest") -> Iterator[tuple[str, str]]:
    training = manifest.training
    yield "frames", f"{training.frames} of {training.frames_offered} offered"
    for name in ("unreadable", "left_out", "worth_a_look"):
        found = getattr(training, name)
        if found:
            rest = f" and {len(found) - 3} more" if len(found) > 3 else ""
            yield name.replace("_", " "), f"{len(found)}: {'; '.join(found[:3])}{rest}"


def _learned(reference: "DriftReference") -> Iterator[tuple[str, str]]:
    for each in reference.baselines:
        product = f", product {each.product}" if each.product else ""
        until = moment(each.until)
        yield (
            f"{each.station}{product}",
            f"{each.frames:,} frames until {until} UTC, {len(each.watched)} numbers watched",
        )


def _golden(frame: Any) -> str:
    return f"{frame.verdict} at {frame.score:.7g}{', drawn' if frame.synthetic else ''}"


def _signed(store: "BundleStore", digest: str) -> str:
    """By whom it is signed, as far as keys are trusted here."""
    from andon.signing import signature_lines, signers

    text = store.signatures(digest)
    count = len(signature_lines(text))
    if store.trusted is None:
        return f"{count} signatures, none checked: ANDON_STORE__TRUSTED_KEYS is not set" if count else "no"
    found = signers(digest, text, store.trusted)
    return ", ".join(f"{key.name} ({key.fingerprint})" for key in found) or "by nobody trusted: it will not be served"


def _print(digest: str, told: list[Section]) -> None:
    console = paper()
    console.print(f"bundle {digest}", markup=False, style="bold")
    width = max((len(name) for _, lines in told for name, _ in lines), default=0)
    for heading, lines in told:
        if heading and lines:
            console.print(f"\n{heading}", markup=False, style="bold")
        for name, value in lines:
            console.print(f"  {name:<{width}}  {value}", markup=False, soft_wrap=True)

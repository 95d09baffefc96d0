"""What `andon fit` says of the bundle it made: to people, and as one JSON object."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from andon.bundle import Bundle
from andon.images.header import planes
from andon.manifest import Training
from andon.records.score import Verdict

BLIND = "it finds none of the defects drawn into a good frame; the good frames may differ too much from each other"
NAMED = 5  # frames named of each kind, before the rest is counted


def tell_fit(console: Console, bundle: Bundle, path: Path, seconds: float, store: str | None) -> None:
    """What was made of what, how, how sure the threshold is, what to look at, and what to do next."""
    manifest = bundle.manifest
    training, preparation = manifest.training, manifest.preparation
    console.print(f"[bold]{escape(str(path))}[/bold]  {path.stat().st_size / 1e6:.1f} MB  {seconds:.1f} s")
    console.print(f"bundle {bundle.digest}")
    console.print(
        f"{training.frames} of {training.frames_offered} frames, "
        f"{planes(preparation.channels)} {preparation.width}x{preparation.height}, "
        f"{len(manifest.golden)} golden frames, {training.precision}"
    )
    _tell_choice(console, training)
    _tell_threshold(console, bundle)
    _tell_frames(console, training)
    then = (
        f"andon assign STATION {bundle.digest}" if store else f"andon verify {path}, or fit with --store to assign it"
    )
    console.print(f"next: [bold]{escape(then)}[/bold]")


def fit_record(bundle: Bundle, path: Path, seconds: float) -> dict[str, object]:
    """The same for programs."""
    manifest, training = bundle.manifest, bundle.manifest.training
    return {
        "bundle": str(path),
        "digest": bundle.digest,
        "threshold": manifest.threshold,
        "calibration": manifest.calibration.model_dump(mode="json"),
        "training": training.model_dump(mode="json", include=RECORDED),
        "frames": training.frames,
        "unreadable": list(training.unreadable),
        "channels": manifest.preparation.channels,
        "size": manifest.preparation.width,
        "bytes": path.stat().st_size,
        "seconds": round(seconds, 2),
    }


RECORDED = {"method", "extractor", "candidates", "left_out", "worth_a_look", "precision", "quantisation"}


def _tell_choice(console: Console, training: Training) -> None:
    """What was tried on drawn defects, the chosen one first; and why not int8, where it was asked for."""
    for candidate in sorted(training.candidates, key=lambda tried: not tried.chosen):
        sign = "[green]chosen[/green]" if candidate.chosen else "[dim]tried [/dim]"
        console.print(f"{sign} {candidate.plan}: tells {candidate.auroc:.3f} of drawn defects from good (AUROC)")
    rounding = training.quantisation
    if rounding and rounding.used:
        console.print(
            f"int8: AUROC {rounding.auroc_after:.3f} against {rounding.auroc_float32:.3f} of float32; "
            f"no verdict changed further than {rounding.band:.1%} from the threshold"
        )
    elif rounding:
        console.print(f"[yellow]not int8[/yellow] {rounding.reason}; this bundle is float32")


def _tell_threshold(console: Console, bundle: Bundle) -> None:
    calibration, golden = bundle.manifest.calibration, bundle.manifest.golden
    interval = calibration.interval
    console.print(
        f"threshold {bundle.manifest.threshold:.4g} by {calibration.method}: {calibration.budget:.3g} of good frames "
        f"asked for, truly between {interval.low:.2g} and {interval.high:.2g} ({interval.confidence:.0%} sure)"
    )
    blind = [] if any(frame.verdict is Verdict.ANOMALOUS for frame in golden) else [BLIND]
    for warning in (*calibration.warnings, *blind):
        console.print(f"[yellow]warning[/yellow] {escape(warning)}")


def _tell_frames(console: Console, training: Training) -> None:
    told = (
        ("unreadable", training.unreadable, "andon curate shows them"),
        ("left out", training.left_out, "--keep-all learns from them"),
        ("look at", training.worth_a_look, "andon curate shows them"),
    )
    for what, sentences, then in told:
        for sentence in sentences[:NAMED]:
            console.print(f"[yellow]{what}[/yellow] {escape(sentence)}")
        if len(sentences) > NAMED:
            console.print(f"[yellow]{what}[/yellow] and {len(sentences) - NAMED} more; {then}")

"""An evaluation as one page: self-contained, without a script, to be read in ten years."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from andon.errors import Invalid, Mistake
from andon.rates.intervals import CONFIDENCE, Rate
from andon_training.evaluate import chart
from andon_training.evaluate.chart import Chart
from andon_training.evaluate.froc import RATES, Point
from andon_training.evaluate.pictures import HeatScale, Pair, heat_gradient, heat_scale, pair
from andon_training.evaluate.record import against_calibration, missing
from andon_training.evaluate.run import Evaluation
from andon_training.evaluate.score import Scored
from andon_training.evaluate.speed import THREADS
from andon_training.printable import printable
from andon_training.progress import Progress, silent

TEMPLATE = "report.html.j2"
SHOWN = 6  # pictures of a kind
NOTHING = "\N{EN DASH}"  # a figure that cannot be told


@dataclass(frozen=True)
class Shown:
    """A picture with its caption; `times` is the score over the threshold, None where the threshold is not positive."""

    name: str
    kind: str
    score: float
    times: float | None
    pair: Pair


@dataclass(frozen=True)
class Gallery:
    """Pictures of one kind, out of `of` frames of it."""

    title: str
    told: str
    of: int
    shown: tuple[Shown, ...]


def report(
    evaluation: Evaluation,
    *,
    name: str,
    made_at: datetime,
    andon_version: str,
    progress: Progress = silent,
) -> bytes:
    """The page, UTF-8. `name` is what the bundle's file is called. Raises Mistake when a frame has gone meanwhile."""
    page = (
        pages(str(__package__))
        .get_template(TEMPLATE)
        .render(
            evaluation=evaluation,
            name=printable(name),
            made_at=made_at,
            andon_version=andon_version,
            manifest=evaluation.bundle.manifest,
            charts=tuple(charts(evaluation)),
            galleries=tuple(galleries(evaluation, progress)),
            missing=dict(missing(evaluation)),
            calibration=against_calibration(evaluation.bundle.manifest.calibration, evaluation.image.false_calls),
            bundle_bytes=sum(map(len, evaluation.bundle.members.values())),
            froc=_froc_rows(evaluation),
            confidence=CONFIDENCE,
            threads=THREADS,
            heat_gradient=heat_gradient(),
            paper=chart,
        )
    )
    return page.lstrip().encode("utf-8") + b"\n"


def pages(package: str) -> Environment:
    """Templates of `package`, which may import `paper.html.j2`; what is put into them is escaped."""
    loader = ChoiceLoader([PackageLoader(package, ""), PackageLoader(str(__package__), "")])
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"percent": percent, "figure": figure, "printable": printable}
    return made


def charts(evaluation: Evaluation) -> Iterator[Chart]:
    """The charts that these frames allow."""
    good, defective = ([each.score for each in some] for some in (evaluation.good, evaluation.defective))
    threshold = evaluation.bundle.manifest.threshold
    yield chart.histogram(good, defective, threshold)
    if evaluation.image.separation:
        yield chart.roc(good, defective, threshold)
        yield chart.precision_recall(good, defective, threshold)
    if evaluation.pixels:
        here = evaluation.pixels.at_threshold
        yield chart.froc_chart(evaluation.pixels.froc, (here.false_blobs, here.found))


def galleries(evaluation: Evaluation, progress: Progress) -> Iterator[Gallery]:
    """The frames worth looking at: the worst misses, the worst false calls, the best catches."""
    threshold = evaluation.bundle.manifest.threshold
    by_score = sorted(evaluation.frames, key=lambda each: each.score)
    missed = [each for each in by_score if not each.frame.good and each.score <= threshold]
    called = [each for each in reversed(by_score) if each.frame.good and each.score > threshold]
    caught = [each for each in reversed(by_score) if not each.frame.good and each.score > threshold]
    kinds = (
        ("Worst misses", "defective frames that passed, those most like good ones first", missed),
        ("Worst false calls", "good frames called anomalous, the highest score first", called),
        ("Best catches", "defective frames found, the highest score first", caught),
    )
    scale = heat_scale(threshold, evaluation.frames)
    for done, (title, told, frames) in enumerate(kinds):
        shown = tuple(_shown(each, evaluation, scale) for each in frames[:SHOWN])
        yield Gallery(title, told, len(frames), shown)
        progress("pictures", done + 1, len(kinds))


def _shown(each: Scored, evaluation: Evaluation, scale: HeatScale) -> Shown:
    manifest = evaluation.bundle.manifest
    try:
        pictures = pair(each, manifest.preparation, scale)
    except (OSError, Invalid) as error:
        raise Mistake(f"{each.frame.path}: was readable a moment ago: {error}; leave the frames alone") from error
    times = each.score / manifest.threshold if manifest.threshold > 0 else None
    return Shown(each.frame.name, printable(each.frame.kind), each.score, times, pictures)


def _froc_rows(evaluation: Evaluation) -> Sequence[tuple[float, Point]]:
    """False blobs allowed a frame, and the point of the curve that allows them."""
    pixels = evaluation.pixels
    return [(rate, pixels.froc.at(rate)) for rate in RATES] if pixels else []


def percent(share: float | Rate | None) -> str:
    """A share for people, in as many digits as say something."""
    if share is None:
        return NOTHING
    value = (share.value if isinstance(share, Rate) else share) * 100
    digits = f"{value:.0f}" if value in (0, 100) else f"{value:.2g}" if value < 1 else f"{value:.1f}"
    return f"{digits}\N{NO-BREAK SPACE}%"


def figure(value: float | None) -> str:
    """A figure between 0 and 1, to three digits."""
    return NOTHING if value is None else f"{value:.3f}"

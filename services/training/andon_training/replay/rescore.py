"""`andon rescore`: the frames that Kafka still holds of a station, judged by a candidate, beside what the line said."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from andon.comparing.pairing import ANOMALOUS, OK, UNSCORABLE, Pairing, Side, of_table, paired
from andon.comparing.table import ID, ScoreTable
from andon.cpu import cpu_limit
from andon.errors import Mistake
from andon.inference import Model
from andon.kafka.at import Blobs
from andon.settings import KafkaSettings
from andon.topics import DEAD_LETTERS, FRAME_PATTERN, SCORES
from andon_training.progress import Progress, silent
from andon_training.replay.answers import Answers
from andon_training.replay.candidate import Candidate
from andon_training.replay.frames import Frames, Held
from andon_training.replay.held import Stretch, all_places, cut, own_places, records_in, stretches
from andon_training.replay.line import (
    Letters,
    letters_of,
    read_people,
    read_scores,
    station_stretches,
)
from andon_training.replay.score import Rescored, rescored
from andon_training.replay.span import Span
from andon_training.replay.work import WorkFile

STEPS = ("scores", "frames")
LATER = timedelta(days=3650)


@dataclass(frozen=True)
class Asked:
    """What to replay. `product`: only its frames; `limit`: only so many, oldest first."""

    station: str
    span: Span
    product: str | None = None
    limit: int | None = None
    everywhere: bool = False


@dataclass(frozen=True)
class Reach:
    """What of the time asked for could be had, and what became of every frame in it.

    `gone` frames the line scored in that time and Kafka holds no more; `cut` says so in a sentence. `problems` counts
    frames without a score by the candidate, by reason; `dead` those that the line dead-lettered. `unjudged` frames
    have a score by the candidate, and no word of the line. `before` were scored by an earlier run.
    """

    frames: int
    scored: int
    before: int
    gone: int
    cut: str | None
    problems: Counter[str]
    dead: Counter[str]
    unjudged: int
    refused: int
    others: Counter[str]
    other_products: Counter[str]


@dataclass(frozen=True)
class Rescoring:
    """What was found. `pairing` holds the line first; `answers` are people's; `line_bundles` counts its frames."""

    asked: Asked
    candidate: Candidate
    runtime: str
    reach: Reach
    table: ScoreTable
    pairing: Pairing
    rescored: Sequence[Rescored]
    answers: Answers
    line_bundles: Counter[str]


@dataclass(frozen=True)
class _Plan:
    """What is read: the frame partitions, and the line's own words on their frames."""

    table: ScoreTable
    letters: Letters
    held: list[Stretch]


def rescore(
    kafka: KafkaSettings,
    store: Blobs,
    asked: Asked,
    candidate: Candidate,
    model: Model,
    work: WorkFile,
    progress: Progress = silent,
) -> Rescoring:
    """Reads, scores and compares. Answers of earlier runs are taken from `work`, new ones are added.

    Raises Mistake when Kafka holds no frame of the station in that time, Broken when Kafka, the store or the device
    fails.
    """
    plan = _plan(kafka, asked, progress)
    product = asked.product or candidate.bundle.manifest.product
    frames = Frames(asked.station, product, asked.limit)
    known = len(work.known)
    answers = tuple(_answers(kafka, store, plan, frames, candidate, model, work, progress))
    if not answers:
        raise Mistake(nothing(asked, plan.held, frames))
    first, second = of_table(plan.table), candidate_side(answers, candidate.threshold)
    pairing = paired(first, second)
    people = read_people(kafka, asked.station, asked.span.start)
    new = len(work.known) - known
    return Rescoring(
        asked=asked,
        candidate=candidate,
        runtime=model.runtime,
        reach=_reach(asked, plan, frames, answers, len(second) - len(pairing), new),
        table=plan.table,
        pairing=pairing,
        rescored=answers,
        answers=people,
        line_bundles=bundles_of(plan.table, pairing.first),
    )


def candidate_side(answers: Sequence[Rescored], threshold: float) -> Side:
    """The answers as a side, ordered by frame id; `rows` are their places in `answers`."""
    ids = np.array([each.frame_id.bytes for each in answers], ID)
    order = np.argsort(ids, kind="stable")
    scores = np.array([np.nan if each.score is None else each.score for each in answers])[order]
    verdicts = np.where(np.isnan(scores), UNSCORABLE, np.where(scores > threshold, ANOMALOUS, OK)).astype(np.int8)
    return Side(ids[order], verdicts, scores, np.full(len(answers), threshold), order)


def bundles_of(table: ScoreTable, side: Side) -> Counter[str]:
    """How many of the side's frames each bundle of the table judged."""
    codes, counts = np.unique(table.bundle_codes[side.rows], return_counts=True)
    return Counter({table.bundles[c]: n for c, n in zip(codes.tolist(), counts.tolist(), strict=True) if c >= 0})


def nothing(asked: Asked, held: Sequence[Stretch], frames: Frames) -> str:
    """That there is no frame, what there is instead, and what to do."""
    seen = f"{frames.read} records lie there" if frames.read else "no record lies there"
    others = ", ".join(name for name, _ in frames.others.most_common(5))
    instead = f"; other stations seen: {others}" if others else ""
    products = ", ".join(f"{name} ({n})" for name, n in frames.other_products.most_common(5))
    kinds = f"; frames of other products: {products}" if products else ""
    gone = f". {said}" if (said := cut(held, asked.span, f"frames of {asked.station}")) else ""
    return (
        f"station {asked.station}: Kafka holds no frame of it from {asked.span}: {seen}{instead}{kinds}{gone}. "
        "Go further back with --from, check the station's name, or look in every partition with --everywhere"
    )


def _plan(kafka: KafkaSettings, asked: Asked, progress: Progress) -> _Plan:
    """Reads what the line said from the beginning of that time on: it may have said it much later."""
    progress("scores", 0, 1)
    on = Span(asked.span.start, asked.span.stop + LATER)
    table = read_scores(kafka, SCORES, asked.station, on, everywhere=asked.everywhere)
    dead = station_stretches(kafka, DEAD_LETTERS, asked.station, on, everywhere=asked.everywhere)
    letters = letters_of(asked.station, records_in(kafka, dead), asked.span)
    places = all_places(kafka, lambda name: re.search(FRAME_PATTERN, name) is not None)
    if not asked.everywhere:
        places = own_places(places, asked.station, table.frame_places() | letters.places)
    progress("scores", 1, 1)
    return _Plan(table, letters, stretches(kafka, places, asked.span))


def _answers(
    kafka: KafkaSettings,
    store: Blobs,
    plan: _Plan,
    frames: Frames,
    candidate: Candidate,
    model: Model,
    work: WorkFile,
    progress: Progress,
) -> Iterator[Rescored]:
    """One answer a frame; those that `work` knows are not asked for again."""
    of = sum(each.records for each in plan.held)
    known: list[Rescored] = []

    def unknown() -> Iterator[Held]:
        for held in frames.of(records_in(kafka, plan.held)):
            answer = work.known.get(held.frame.frame_id)
            if answer is None:
                yield held
            else:
                known.append(answer)
            progress("frames", frames.read, of)

    with ThreadPoolExecutor(cpu_limit(), "decode") as pool:
        for answer in rescored(unknown(), model, candidate.bundle.manifest.preparation, store, pool):
            work.add(answer)
            yield answer
    yield from known


def _reach(asked: Asked, plan: _Plan, frames: Frames, answers: Sequence[Rescored], unjudged: int, new: int) -> Reach:
    asked_for = (plan.table.captured >= asked.span.start.timestamp()) & (
        plan.table.captured < asked.span.stop.timestamp()
    )
    lows = {each.place: each.low for each in plan.held}
    rows = plan.table.last()
    return Reach(
        frames=frames.taken,
        scored=sum(each.score is not None for each in answers),
        before=len(answers) - new,
        gone=int((asked_for & plan.table.before(lows))[rows].sum()),
        cut=cut(plan.held, asked.span, f"frames of {asked.station}"),
        problems=Counter((each.problem or "").partition(":")[0] for each in answers if each.problem),
        dead=plan.letters.counts(),
        unjudged=unjudged,
        refused=frames.refused + plan.table.refused,
        others=frames.others,
        other_products=frames.other_products,
    )

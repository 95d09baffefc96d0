"""`andon drift`'s own watcher over measured rows: learns a reference from clean ones, then says what it would say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from images_measure import Rows

from andon.baselines import Known
from andon.charts import Sample, TooFew, learn
from andon.embedding import write_embedding
from andon.ids import frame_id
from andon.records import Baseline, Evidence, Finding, FramePlace
from andon_drift.numbers import NAMES, Scale
from andon_drift.watch.place import Watched
from andon_drift.watch.rows import Row
from andon_drift.watch.rules import Rules
from andon_drift.watch.telling import FrameTeller
from andon_drift.watch.watcher import Watcher

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
STATION, BUNDLE = "weld-07", "0" * 64
PERIOD_S = 1.0
MONTH_S = 30 * 86_400.0
CHARTS = 2 * len(NAMES) + 4
RUN_LENGTH = MONTH_S / PERIOD_S * CHARTS
"""What `andon drift` asks for at a frame a second: one false ticket in 30 days, spread over all charts."""


@dataclass(frozen=True)
class Flag:
    """The first finding: told at which frame, of which charts; what it is called, and its sentence."""

    frame: int
    charts: tuple[tuple[str, str], ...]
    finding: Finding


def learned(reference: Rows, scale: Scale) -> Baseline:
    """Learned and frozen. Raises ValueError where these are too few frames."""
    values, anomalous = known_scores(reference, scale)
    wide = reference.embedding.shape[1]
    sample = Sample(values, NAMES, anomalous, reference.embedding if wide else None, reference.cells)
    found = learn(sample, run_length=RUN_LENGTH)
    if isinstance(found, TooFew):
        raise ValueError(f"{found.frames} frames, and {found.wanted} are wanted")  # noqa: TRY004
    return Baseline(
        station=STATION,
        bundle=BUNDLE,
        since=START - timedelta(seconds=PERIOD_S * len(reference)),
        until=START,
        frames=len(reference),
        period_s=PERIOD_S,
        run_length=RUN_LENGTH,
        tickets=1.0,
        watched=found.watched,
        embedding=found.embedding,
        rejects=found.rejects,
        places=found.places,
    )


def known_scores(rows: Rows, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """The values, scores only of frames that are not anomalous; and which are."""
    assert scale.threshold is not None
    values, anomalous = rows.values.copy(), rows.values[:, -1] > scale.threshold
    values[anomalous, -1] = np.nan
    return values, anomalous


def findings(baseline: Baseline, scale: Scale, chunks: Iterator[Rows]) -> Iterator[Flag]:
    """Whatever begins, as the frames come."""
    watcher = Watcher(Rules(), lambda *_: Known(baseline), FrameTeller(Rules()))
    watched, frame = Watched(), 0
    for chunk in chunks:
        values, anomalous = known_scores(chunk, scale)
        for i in range(len(chunk)):
            at = START + timedelta(seconds=PERIOD_S * frame)
            embedding = write_embedding(chunk.embedding[i]) if chunk.embedding.shape[1] else None
            row = Row(at, tuple(values[i].tolist()), bool(anomalous[i]), embedding, int(chunk.cells[i]))
            place = watcher.place(watched, None, BUNDLE, NAMES)
            for told in watcher.take(STATION, watched, place, row, picture(frame, at, scale), scale):
                yield Flag(frame, told.charts, told.finding)
            frame += 1


def picture(frame: int, at: datetime, scale: Scale) -> Evidence:
    """The frame, as evidence."""
    where = FramePlace(topic="camera.frames", partition=0, offset=frame)
    return Evidence(
        frame_id=frame_id(STATION, 1, frame), frame=where, captured_at=at, width=scale.width, height=scale.height
    )

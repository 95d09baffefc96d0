"""Streams for the tests of charts: normal processes of the first order, brought to four marginals."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import beta, gamma, norm

from andon.charts import BASE, Alarm, Charts, Learned, Sample, learn
from andon.records.baseline import Baseline
from andon.records.drift import Chart

Doubles = NDArray[np.float64]
NOW = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


def stable(random: np.random.Generator, frames: int, numbers: int, correlation: float = 0.0) -> Doubles:
    """Standard normal values, float64 [frames, numbers], each column with this correlation to the next frame."""
    noise = random.standard_normal((frames, numbers))
    noise[1:] *= (1 - correlation**2) ** 0.5
    return np.asarray(lfilter([1.0], [1.0, -correlation], noise, axis=0))


def of_four_kinds(values: Doubles) -> Doubles:
    """Columns in turn as they are, skewed as anomaly scores are, gamma, and with two modes; sd about 1 each."""
    found = values.copy()
    below = norm.cdf(values)
    found[:, 1::4] = beta(2, 20).ppf(below[:, 1::4]) / beta(2, 20).std()
    found[:, 2::4] = gamma(2).ppf(below[:, 2::4]) / gamma(2).std()
    found[:, 3::4] = values[:, 3::4] / 4 + np.sign(values[:, 3::4])
    return found


def sample(values: Doubles, **more: object) -> Sample:
    """Numbers n0, n1 ...; none of the frames anomalous."""
    told = {"anomalous": np.zeros(len(values), dtype=np.bool_), **more}
    return Sample(values, tuple(f"n{at}" for at in range(values.shape[1])), **told)  # type: ignore[arg-type]


def learned(values: Doubles, run_length: float, **more: object) -> Learned:
    """The reference, which must be one."""
    found = learn(sample(values, **more), run_length=run_length, ewma=[f"n{at}" for at in range(values.shape[1])])
    assert isinstance(found, Learned)
    return found


def baseline(found: Learned, frames: int = 5000) -> Baseline:
    """As a record."""
    return Baseline(
        station="weld-07",
        bundle="b",
        since=NOW,
        until=NOW,
        frames=frames,
        period_s=1.0,
        run_length=1.0,
        tickets=1.0,
        watched=found.watched,
        embedding=found.embedding,
        together=found.together,
        rejects=found.rejects,
        places=found.places,
    )


def blocks(whole: Sample) -> list[Sample]:
    """Base blocks of it."""
    rows = [slice(begin, begin + BASE) for begin in range(0, len(whole) - BASE + 1, BASE)]
    return [
        Sample(
            whole.values[row],
            whole.names,
            whole.anomalous[row],
            None if whole.embedding is None else whole.embedding[row],
            None if whole.peak is None else whole.peak[row],
        )
        for row in rows
    ]


def alarms(charts: Charts, whole: Sample) -> list[tuple[int, Alarm]]:
    """Each alarm, with the number of frames after which it came."""
    return [(BASE * at, alarm) for at, one in enumerate(blocks(whole), 1) for alarm in charts.advance(one).alarms]


def delays(charts: Charts, whole: Sample, chart: Chart, begin: int) -> list[float]:
    """Frames from `begin` to the first alarm of `chart`, inf without one, of each number that had none before."""
    found = [(at, alarm.name) for at, alarm in alarms(charts, whole) if alarm.chart is chart]
    early = {name for at, name in found if at <= begin}
    first = {name: at - begin for at, name in reversed(found)}
    return [float(first.get(name, np.inf)) for name in charts.names if name not in early]

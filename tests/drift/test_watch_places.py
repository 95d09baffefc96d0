"""Dust is told where the maps of a station gather, once, and its end too."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from drift_service import Service
from drift_stream import BUNDLE, START, USUAL, frames

from andon.charts import Sample, TooFew, cell, learn
from andon.records import Baseline, Chart, DriftCause, FindingKind, Score, write_event
from andon.stage import Message
from andon.topics import BASELINES
from andon_drift.limits import Limits
from andon_drift.numbers import NAMES
from andon_drift.watch.collecting import Enough
from andon_drift.watch.rules import Rules

LIMITS = Limits(brightness=0.4, sharpness=5, dark=0.2, bright=0.6, white=0.3, blurred=3)
RULES = Rules(enough=Enough(1500, 0), rest=10)
RUN_LENGTH = 30 * 86_400 * 20.0
DUST = (100, 400)


Places = list[tuple[int, int]]


def usually(rng: np.random.Generator, count: int) -> Places:
    """Anywhere in the right half of a picture of 640 by 480."""
    return [(x, y) for x, y in rng.integers((320, 0), (640, 480), (count, 2)).tolist()]


def dusty(rng: np.random.Generator, count: int) -> Places:
    """Two in five of them at DUST."""
    return [DUST if there else at for there, at in zip(rng.random(count) < 0.4, usually(rng, count), strict=True)]


def hardly_dusty(rng: np.random.Generator, count: int) -> Places:
    """One in fifteen of them at DUST."""
    return [at if i % 15 else DUST for i, at in enumerate(usually(rng, count))]


def shown(count: int, first: int = 0, peaks: Callable[[np.random.Generator, int], Places] = usually) -> list[Score]:
    """Frames as usual, but for where their maps are highest."""
    given = peaks(np.random.default_rng(first), count)
    return [frame.model_copy(update={"peak": peak}) for frame, peak in zip(frames(count, first), given, strict=True)]


@pytest.fixture(scope="module")
def usual() -> Baseline:
    rng = np.random.default_rng(7)
    means, spreads = (np.array([each[way] for each in USUAL.values()]) for way in (0, 1))
    shifts = np.full((5000, 2), np.nan)
    values = np.column_stack([rng.normal(means, spreads, (5000, 8)), shifts, rng.normal(0.05, 0.005, 5000)])
    cells = np.array([cell(x / 640, y / 480) for x, y in usually(rng, 5000)], np.int16)
    learned = learn(Sample(values.clip(min=0), NAMES, np.zeros(5000, np.bool_), peak=cells), run_length=RUN_LENGTH)
    assert not isinstance(learned, TooFew)
    return Baseline(
        station="weld-07",
        bundle=BUNDLE,
        since=START - timedelta(hours=2),
        until=START - timedelta(seconds=1),
        frames=5000,
        period_s=1,
        run_length=RUN_LENGTH,
        tickets=1,
        watched=learned.watched,
        places=learned.places,
    )


@pytest.fixture
def service(usual: Baseline) -> Service:
    made = Service(LIMITS, RULES)
    made.kafka.append(Message(BASELINES, usual.key.encode(), write_event(usual)))
    return made


def test_dust_is_one_finding_that_says_where_and_is_over_when_it_is_wiped_away(service: Service) -> None:
    service.send([*shown(600), *shown(300, 600, dusty), *shown(600, 900)])
    service.run(batch=64)
    began, ended = service.findings
    assert (began.kind, ended.kind, began.finding_id) == (FindingKind.BEGAN, FindingKind.ENDED, ended.finding_id)
    drift = began.drift
    assert drift is not None
    assert drift.named is DriftCause.SPOT
    assert [(each.name, each.chart) for each in drift.moved] == [("places", Chart.PLACES)]
    assert drift.where is not None
    assert drift.where.x <= DUST[0] <= drift.where.x + drift.where.width
    assert drift.where.y <= DUST[1] <= drift.where.y + drift.where.height
    assert abs((began.since - START).total_seconds() - 600) <= 60
    assert (began.at - START).total_seconds() <= 720
    assert 900 < (ended.at - START).total_seconds() < 1200


def test_few_maps_more_at_one_place_matter_to_nobody(service: Service) -> None:
    service.send([*shown(600), *shown(3000, 600, hardly_dusty)])
    service.run(batch=64)
    labels = {"station": "weld-07", "feature": "places", "chart": "places"}
    assert service.shows("andon_drift_active", **labels) == 1
    assert service.findings == []


def test_where_maps_are_highest_is_learned_and_its_chart_shares_the_false_tickets() -> None:
    with_places, without = Service(LIMITS, RULES), Service(LIMITS, RULES)
    with_places.send(shown(1600))
    without.send(frames(1600))
    for each in (with_places, without):
        each.run(batch=64)
    (told,), (other,) = with_places.baselines, without.baselines
    assert told.places is not None
    assert told.places.limit is not None
    assert other.places is None
    assert told.run_length > other.run_length

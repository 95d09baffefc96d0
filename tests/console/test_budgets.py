"""Where the line file gives no false-call budget, the bundle that serves has one."""

from datetime import UTC, datetime

import pytest
import structlog

from andon.errors import Broken
from andon.line.line import Line
from andon.line.parse import parse
from andon.records import Assignment, write_event
from andon.stage import Record
from andon_console.live.serving import Models
from andon_console.rates.budgets import RETRY_S, Budgets

AT = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
FIRST, SECOND = "4be1" * 16, "90ab" * 16


class Store:
    """Budgets by digest; counts how often it is asked."""

    def __init__(self, **budgets: float) -> None:
        self.budgets = budgets
        self.asked: list[str] = []

    def __call__(self, digest: str) -> float:
        self.asked.append(digest)
        if digest[:4] not in self.budgets:
            raise Broken("the bundle store does not answer")
        return self.budgets[digest[:4]]


def models(**assigned: str) -> Models:
    made = Models()
    for n, (station, bundle) in enumerate(assigned.items()):
        given = Assignment(station=station, bundle=bundle, at=AT)
        made.take([Record("models", 0, n, given.key, write_event(given))])
    return made


def test_the_bundles_budget_holds_where_the_line_file_says_nothing():
    budgets = Budgets(Line(), models(press=FIRST), Store(**{"4be1": 0.002}))
    assert budgets.of("press").budget is None, "nothing is read while a page waits"
    budgets.learn()
    assert budgets.of("press").budget_of("bracket") == 0.002
    assert budgets.of("weld").budget is None


def test_the_line_file_goes_before_the_bundle():
    line = parse(b"stations:\n  press:\n    budget: 5 per 1000\n", "line.yaml")
    budgets = Budgets(line, models(press=FIRST), Store(**{"4be1": 0.002}))
    budgets.learn()
    assert budgets.of("press").budget == 0.005


def test_each_bundle_is_read_once_and_one_that_no_longer_serves_is_forgotten():
    table, store = models(press=FIRST, weld=FIRST), Store(**{"4be1": 0.002, "90ab": 0.01})
    budgets = Budgets(Line(), table, store)
    for _ in range(3):
        budgets.learn()
    assert store.asked == [FIRST]
    given = Assignment(station="press", bundle=SECOND, at=AT)
    table.take([Record("models", 0, 9, given.key, write_event(given))])
    budgets.learn()
    assert (budgets.of("press").budget, budgets.of("weld").budget) == (0.01, 0.002)
    assert budgets.of("press") is budgets.of("press"), "made once"


def test_a_store_that_is_away_is_asked_again_after_a_while():
    now, store = [0.0], Store()
    budgets = Budgets(Line(), models(press=FIRST), store, clock=lambda: now[0])
    with structlog.testing.capture_logs() as logs:
        budgets.learn()
        budgets.learn()
    assert store.asked == [FIRST]
    assert [each["event"] for each in logs] == ["budget_unknown"]
    store.budgets["4be1"], now[0] = 0.002, RETRY_S
    budgets.learn()
    assert budgets.of("press").budget == pytest.approx(0.002)

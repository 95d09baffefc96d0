"""Rates, live: answers move them at once, the last word counts, whatever order words come in, and memory is bounded."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from andon.errors import Invalid
from andon.line.line import Line
from andon.line.parse import parse
from andon.metrics import Metrics
from andon.rates import Counted, Rates, Span, heard, last_day, quarter_of, this_shift
from andon.rates.gauges import RateGauges
from andon.records import Answer, Told, Verdict
from andon.records.assignment import EVERY

NOW = datetime(2026, 7, 1, 10, 7, tzinfo=UTC)
DAY = last_day(NOW)
CALLED, OK = Verdict.ANOMALOUS, Verdict.OK


def answer(frame: int, told: Told = Told.FALSE_CALL, *, at: datetime = NOW, **other: object) -> Answer:
    said = {"station": "weld-07", "verdict": CALLED, "captured_at": NOW - timedelta(minutes=5), **other}
    return Answer.model_validate({"frame_id": UUID(int=frame), "answer": told, "at": at, "by": "Mira", **said})


def heard_all(*answers: Answer) -> Rates:
    rates = Rates()
    for each in answers:
        rates.hear(each)
    return rates


def known(*answers: Answer, station: str = "weld-07", product: str | None = None, span: Span = DAY) -> Counted:
    return heard_all(*answers).counted(station, product, span)


# What an answer is


@pytest.mark.parametrize(
    ("told", "verdict", "audit", "counted"),
    [
        (Told.REAL, CALLED, False, Counted(real=1)),
        (Told.FALSE_CALL, CALLED, False, Counted(false_call=1)),
        (Told.UNSURE, CALLED, False, Counted(unsure=1)),
        (Told.MISSED, OK, False, Counted(missed=1)),
        (Told.GOOD, OK, False, Counted()),
        (Told.UNSURE, OK, False, Counted()),
        (Told.MISSED, OK, True, Counted(audited_missed=1)),
        (Told.GOOD, OK, True, Counted(audited_good=1)),
        (Told.UNSURE, OK, True, Counted(audited_unsure=1)),
        (Told.WITHDRAWN, CALLED, False, Counted()),
        (Told.WITHDRAWN, OK, True, Counted()),
        (Told.REAL, Verdict.UNSCORABLE, False, Counted()),
        (Told.REAL, OK, False, Counted(missed=1)),
        (Told.GOOD, CALLED, True, Counted(false_call=1)),
    ],
)
def test_an_answer_counts_by_the_verdict_it_is_about(
    told: Told, verdict: Verdict, audit: bool, counted: Counted
) -> None:
    assert known(answer(1, told, verdict=verdict, audit=audit)) == counted


@pytest.mark.parametrize(
    ("told", "audit", "counted"),
    [
        (Told.REAL, False, Counted(real=1)),
        (Told.FALSE_CALL, False, Counted(false_call=1)),
        (Told.MISSED, False, Counted(missed=1)),
        (Told.GOOD, True, Counted(audited_good=1)),
        (Told.UNSURE, True, Counted(audited_unsure=1)),
        (Told.UNSURE, False, Counted()),
    ],
)
def test_an_old_answer_without_a_verdict_is_taken_by_its_word_and_its_own_time(
    told: Told, audit: bool, counted: Counted
) -> None:
    old = answer(1, told, verdict=None, captured_at=None, audit=audit, at=NOW - timedelta(hours=2))
    assert known(old) == counted
    assert known(old, span=Span("then", *(quarter_of(NOW - timedelta(hours=each)) for each in (2, 1)))) == counted
    assert known(old, span=Span("now", *(quarter_of(NOW + timedelta(hours=each)) for each in (-1, 1)))) == Counted()


def test_the_last_word_on_a_frame_counts_whenever_it_comes() -> None:
    first, second = answer(1, at=NOW - timedelta(minutes=2)), answer(1, Told.REAL)
    assert known(first, second) == known(second, first) == Counted(real=1)


def test_of_two_words_at_once_the_one_that_came_later_counts() -> None:
    assert known(answer(1), answer(1, Told.REAL)) == Counted(real=1)


def test_a_withdrawn_answer_is_as_if_nobody_had_said_anything_also_when_it_comes_first() -> None:
    said, withdrawn = answer(1, at=NOW - timedelta(minutes=2)), answer(1, Told.WITHDRAWN)
    assert known(said, withdrawn) == known(withdrawn, said) == Counted()


def test_a_frame_of_the_audit_sample_stays_one_whoever_finds_it_again() -> None:
    asked = answer(1, Told.GOOD, verdict=OK, audit=True, at=NOW - timedelta(hours=1))
    found = answer(1, Told.MISSED, verdict=OK)
    assert known(asked, found) == known(found, asked) == Counted(audited_missed=1)


def test_stations_and_products_are_told_apart_and_may_be_told_together() -> None:
    rates = heard_all(
        answer(1, product="hinge"), answer(2, product="bracket"), answer(3), answer(4, station="weld-08"), answer(5)
    )
    assert rates.stations() == ["weld-07", "weld-08"]
    assert rates.products("weld-07") == [None, "bracket", "hinge"]
    assert [rates.counted("weld-07", each, DAY).false_call for each in (None, "hinge", "roof", EVERY)] == [2, 1, 0, 4]
    assert rates.of("weld-09", None, DAY) == (None, None)


def test_drills_never_count() -> None:
    rates = heard_all(answer(1, station="drill.weld-07"))
    rates.tally({("drill.weld-07", None, quarter_of(NOW)): (9, 9)}, NOW)
    assert rates.stations() == []


def test_a_time_without_a_zone_is_refused_and_nothing_is_taken_in() -> None:
    rates = Rates()
    for wrong in (answer(1, at=datetime(2026, 7, 1)), answer(1, captured_at=datetime(2026, 7, 1))):  # noqa: DTZ001
        with pytest.raises(Invalid, match="time zone"):
            rates.hear(wrong)
    assert rates.stations() == []


answers = st.lists(
    st.builds(
        answer,
        st.integers(0, 5),
        st.sampled_from(Told),
        at=st.integers(0, 10**6).map(lambda each: NOW + timedelta(seconds=each)),
        station=st.sampled_from(["weld-07", "weld-08"]),
        verdict=st.sampled_from([None, *Verdict]),
        audit=st.booleans(),
        product=st.sampled_from([None, "hinge"]),
        captured_at=st.sampled_from([None, NOW, NOW - timedelta(hours=20)]),
    ),
    max_size=12,
    unique_by=lambda each: each.at,
)


def all_of(rates: Rates) -> list[Counted]:
    spans = (DAY, Span("later", DAY.until, DAY.until + timedelta(days=20)))
    return [
        rates.counted(*each)
        for each in ((s, p, t) for s in ("weld-07", "weld-08") for p in (None, "hinge") for t in spans)
    ]


@given(given=answers, seed=st.integers(0, 99))
def test_the_order_of_answers_does_not_matter_nor_that_one_comes_again(given: list[Answer], seed: int) -> None:
    again = Random(seed).sample([*given, *given], 2 * len(given))
    assert all_of(heard_all(*given)) == all_of(heard_all(*again))


@given(given=answers)
def test_no_frame_counts_more_than_once(given: list[Answer]) -> None:
    every = sum(all_of(heard_all(*given)), Counted())
    said = {each.frame_id for each in given}
    assert every.real + every.false_call + every.unsure + every.missed + every.audited_good + every.audited_missed + (
        every.audited_unsure
    ) <= len(said)


# Live


def tallied(rates: Rates, scored: int = 1000, called: int = 10, product: str | None = None) -> Rates:
    rates.tally({("weld-07", product, quarter_of(NOW) - timedelta(minutes=15)): (scored, called)}, NOW)
    return rates


def test_an_answer_moves_the_rate_at_once() -> None:
    rates = tallied(heard_all(answer(1, Told.REAL)))
    before, _ = rates.of("weld-07", None, DAY)
    rates.hear(answer(2))
    after, _ = rates.of("weld-07", None, DAY)
    assert before is not None
    assert after is not None
    assert (before.value, after.value) == (0, 0.005)


def test_new_tallies_stand_instead_of_the_old_ones() -> None:
    rates = tallied(tallied(Rates(), 5, 1), 7, 2)
    assert rates.counted("weld-07", None, DAY) == Counted(scored=7, called=2)
    rates.tally({}, NOW)
    assert rates.stations() == []


def test_only_the_quarter_hours_of_the_span_count() -> None:
    rates, edges = Rates(), (DAY.since - timedelta(minutes=15), DAY.since, DAY.until - timedelta(minutes=15), DAY.until)
    rates.tally({("weld-07", None, each): (10**place, 0) for place, each in enumerate(edges)}, NOW)
    assert rates.counted("weld-07", None, DAY).scored == 110


def test_the_last_24_hours_are_whole_quarter_hours_that_hold_them() -> None:
    assert (DAY.since, DAY.until) == (
        datetime(2026, 6, 30, 10, 0, tzinfo=UTC),
        datetime(2026, 7, 1, 10, 15, tzinfo=UTC),
    )


def test_the_shift_is_the_one_that_is_on() -> None:
    line = parse(b"time zone: Europe/Berlin\nshifts: {early: 06:00, late: 14:00, night: 22:00}", "line.yaml")
    span = this_shift(line.of("weld-07"), NOW)
    assert (span.name, span.since, span.until) == (
        "early",
        datetime(2026, 7, 1, 4, tzinfo=UTC),
        datetime(2026, 7, 1, 12, tzinfo=UTC),
    )


def test_answers_on_frames_of_more_than_eight_days_ago_are_forgotten() -> None:
    long_ago = Span("long ago", quarter_of(NOW - timedelta(days=20)), quarter_of(NOW - timedelta(days=6)))
    rates = heard_all(*(answer(each, captured_at=NOW - timedelta(days=each)) for each in (7, 9)))
    assert rates.counted("weld-07", None, long_ago).false_call == 2
    rates.tally({}, NOW)
    assert rates.counted("weld-07", None, long_ago).false_call == 1
    rates.tally({}, NOW + timedelta(days=2))
    assert rates.stations() == []


def test_memory_is_bounded_however_much_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "MOST_ANSWERS", 50)
    known = heard.Heard()
    for each in range(500):
        known.hear(answer(each, captured_at=NOW + timedelta(minutes=5 * each)))
    assert 45 <= len(known) <= 50
    span = range(heard.quarters_since_1970(NOW), heard.quarters_since_1970(NOW + timedelta(days=3)))
    assert sum(known.of("weld-07", None, span)) == len(known), "the newest are kept"


# Gauges


class Board:
    """Gauges of one station, as Prometheus would read them."""

    def __init__(self, text: str = "") -> None:
        self.metrics = Metrics(CollectorRegistry())
        self.show = RateGauges(self.metrics)
        self.plans = parse(text.encode(), "line.yaml") if text else Line()

    def read(self, rates: Rates, now: datetime = NOW) -> dict[tuple[str, str, str, str], float]:
        self.show(rates, self.plans, now)
        families = [
            each for each in self.metrics.registry.collect() if "false_call" in each.name or "escape" in each.name
        ]
        samples = [sample for family in families for sample in family.samples]
        return {
            (
                each.name.removeprefix("andon_"),
                *(each.labels[name] for name in ("station", "product", "shift")),
            ): each.value
            for each in samples
        }


LINE = "time zone: Europe/Berlin\nshifts: {early: 06:00, late: 14:00}\ndefaults: {budget: 2 per 1000}\n"


def full(answers: Sequence[Answer] = (), product: str | None = "hinge") -> Rates:
    audited = answer(90, Told.MISSED, verdict=OK, audit=True, product=product)
    return tallied(heard_all(answer(1, product=product), audited, *answers), product=product)


def test_the_gauges_say_both_rates_with_their_bounds_and_the_budget_by_shift() -> None:
    shown = Board(LINE).read(full())
    names = {name for name, *labels in shown if labels == ["weld-07", "hinge", "early"]}
    assert names == {
        *("false_call_rate", "false_call_rate_low", "false_call_rate_high", "false_call_budget"),
        *("escape_rate", "escape_rate_low", "escape_rate_high"),
    }
    assert shown["false_call_rate", "weld-07", "hinge", "early"] == 0.01
    assert shown["false_call_rate", "weld-07", "hinge", "24h"] == 0.01
    assert shown["false_call_budget", "weld-07", "hinge", "24h"] == 0.002
    assert shown["escape_rate", "weld-07", "hinge", "24h"] == 1.0


def test_when_a_shift_is_over_its_series_goes_and_the_next_one_comes() -> None:
    board, rates = Board(LINE), full()
    assert {each[3] for each in board.read(rates)} == {"early", "24h"}
    rates.tally({("weld-07", "hinge", quarter_of(NOW) + timedelta(hours=3)): (5, 0)}, NOW)
    assert {each[3] for each in board.read(rates, NOW + timedelta(hours=3))} == {"late", "24h"}


def test_a_station_that_is_gone_is_removed() -> None:
    board, rates = Board(LINE), full()
    assert board.read(rates)
    rates.tally({}, NOW + timedelta(days=9))
    assert board.read(rates, NOW + timedelta(days=9)) == {}


def test_what_is_not_known_has_no_series() -> None:
    shown = Board().read(tallied(Rates()))
    assert {each[0] for each in shown} == {"false_call_rate_low", "false_call_rate_high"}, (
        "no answer, no budget, no audit"
    )
    assert {each[2] for each in shown} == {""}

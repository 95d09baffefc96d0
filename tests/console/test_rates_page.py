"""Both rates on a page, and the thread that reads what alerting counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from redis.exceptions import ConnectionError as Away
from worlds import PAGE, House, TestClient, house

from andon.ids import frame_id
from andon.line import LineFile
from andon.metrics import Metrics
from andon.rates import quarter_of, this_shift
from andon.rates.gauges import RateGauges
from andon.rates.tallies import tally_field, tally_key
from andon.records import Answer, Told, Verdict
from andon_console.live.serving import Models
from andon_console.pages.rates import thousandths
from andon_console.rates.budgets import Budgets
from andon_console.rates.tally import LiveRates, Tallying, last_shift, since
from andon_console.safe.people import Role

NOW = datetime.now(UTC)
LINE = LineFile(None)


def answer(
    number: int, told: Told, verdict: Verdict = Verdict.ANOMALOUS, station: str = "weld-07", **other: Any
) -> Answer:
    return Answer(
        frame_id=frame_id(station, 1, number), station=station, answer=told, at=NOW, by="rosa", verdict=verdict,
        captured_at=NOW, **other,
    )  # fmt: skip


class Redis:
    """What alerting counted, by key; `away`: it does not answer."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[str, str]] = {}
        self.away = False
        self.asked: list[str] = []

    def count(self, station: str, scored: int, called: int, at: datetime = NOW) -> None:
        row = self.hashes.setdefault(tally_key("andon:", station, at), {})
        row[tally_field(None, quarter_of(at))] = f"{scored} {called}"

    def pipeline(self, transaction: bool) -> "Redis":
        self.asked = []
        return self

    def hgetall(self, key: str) -> None:
        self.asked.append(key)

    def execute(self) -> list[dict[str, str]]:
        if self.away:
            raise Away("refused")
        return [self.hashes.get(each, {}) for each in self.asked]


def tallying(
    redis: Redis, rates: LiveRates, registry: CollectorRegistry, stations: tuple[str, ...] = ("weld-07",)
) -> Tallying:
    gauges = RateGauges(Metrics(registry))
    budgets = Budgets(LINE, Models(), lambda _digest: 0.002)
    return Tallying(rates, redis, "andon:", budgets, lambda: [*stations], gauges)


def gauge(registry: CollectorRegistry, name: str, station: str = "weld-07") -> float | None:
    return registry.get_sample_value(name, {"station": station, "product": "", "shift": "24h"})


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


# -- the thread ------------------------------------------------------------------------------------------------------


def test_what_was_counted_and_what_was_answered_make_the_gauge(registry: CollectorRegistry):
    redis, rates = Redis(), LiveRates()
    redis.count("weld-07", 1000, 4)
    turn = tallying(redis, rates, registry)
    turn.turn(NOW)
    assert gauge(registry, "andon_false_call_rate") is None
    rates.hear(answer(1, Told.FALSE_CALL))
    assert rates.heard.is_set()
    turn.turn(NOW)
    assert gauge(registry, "andon_false_call_rate") == pytest.approx(4 / 1000)
    rates.hear(answer(2, Told.REAL))
    turn.turn(NOW)
    assert gauge(registry, "andon_false_call_rate") == pytest.approx(2 / 1000)


def test_answers_alone_say_nothing_of_how_often_it_happens(registry: CollectorRegistry):
    redis, rates = Redis(), LiveRates()
    rates.hear(answer(1, Told.FALSE_CALL))
    tallying(redis, rates, registry).turn(NOW)
    assert b"andon_false_call_rate{" not in generate_latest(registry)


def test_a_station_that_is_gone_has_no_gauge(registry: CollectorRegistry):
    redis, rates = Redis(), LiveRates()
    redis.count("weld-07", 1000, 4)
    turn = tallying(redis, rates, registry)
    turn.turn(NOW)
    assert gauge(registry, "andon_false_call_rate_high") is not None
    rates.tally({}, NOW)
    rates.show(turn._gauges, LINE, NOW)  # type: ignore[arg-type]
    assert gauge(registry, "andon_false_call_rate_high") is None


def test_while_redis_is_away_that_is_known_and_what_was_counted_stays(registry: CollectorRegistry):
    redis, rates = Redis(), LiveRates()
    redis.count("weld-07", 1000, 4)
    turn = tallying(redis, rates, registry)
    turn.turn(NOW)
    redis.away = True
    turn._next = 0.0
    turn.turn(NOW)
    assert rates.away_since == NOW
    assert rates.counted("weld-07", None, this_shift(LINE.of("weld-07"), NOW)).scored == 1000
    redis.away, turn._next = False, 0.0
    turn.turn(NOW)
    assert rates.away_since is None


def test_the_shift_before_is_read_too():
    plan = LINE.of("weld-07")
    now = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
    shift = last_shift(plan, now)
    assert (shift.since, shift.until) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    assert since(LINE, ["weld-07"], now) == shift.since
    assert since(LINE, [], now) == now - timedelta(hours=24)


def test_an_answer_whose_times_have_no_zone_is_no_end_of_it():
    rates = LiveRates()
    rates.hear(answer(1, Told.REAL).model_copy(update={"captured_at": datetime(2026, 3, 2)}))  # noqa: DTZ001
    assert rates.stations() == []


# -- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def home() -> House:
    home = house()
    home.world.rates.tally(
        {("weld-07", None, quarter_of(NOW)): (4000, 12), ("weld-08", "lid", quarter_of(NOW)): (10, 0)}, NOW
    )
    return home


@pytest.fixture
def vera(home: House) -> TestClient:
    return home.signed_in(Role.VIEWER, headers=PAGE)


def test_each_station_and_product_has_this_shift_the_last_and_24_hours(vera: TestClient):
    text = vera.get("/rates").text
    assert text.count('scope="rowgroup"') == 2
    for each in ("this: day", "last: day", "24h", "weld-07", "lid", "4,000"):
        assert each in text


def test_the_rate_stands_with_where_the_truth_lies(home: House, vera: TestClient):
    for number in range(6):
        home.world.rates.hear(answer(number, Told.FALSE_CALL if number < 2 else Told.REAL))
    text = vera.get("/rates?q=weld-07").text
    assert ">1.0<" in text  # docs/rates.md's example
    assert "0.1 to 3.6" in text
    assert "6 answered" in text


def test_the_escape_estimate_says_on_how_many_audits_it_rests(home: House, vera: TestClient):
    assert "not known" in vera.get("/rates").text
    for number in range(38):
        home.world.rates.hear(answer(number, Told.GOOD, Verdict.OK, audit=True))
    home.world.rates.hear(answer(99, Told.MISSED, Verdict.OK))
    text = vera.get("/rates?q=weld-07").text
    assert "0.0 to 92.5" in text
    assert "38 audits" in text
    assert "1 missed defect is known" in text


def test_programs_get_the_same_as_json(home: House, vera: TestClient):
    home.world.rates.hear(answer(1, Told.FALSE_CALL))
    found = vera.get("/rates.json?q=weld-07").json()
    assert found["tallied_at"] == NOW.isoformat()
    shift, last, day = found["rates"]
    assert (shift["station"], shift["scored"], shift["called"], shift["false_calls"]) == ("weld-07", 4000, 12, 1)
    assert shift["false_call_rate"]["value"] == pytest.approx(12 / 4000)
    assert last["false_call_rate"] is None
    assert day["shift"] == "24h"


def test_while_redis_is_away_the_page_says_so(home: House, vera: TestClient):
    home.world.rates.away_since = NOW
    assert "Redis has not answered since" in vera.get("/rates").text


def test_nothing_counted_is_said_and_so_is_a_filter_that_finds_nothing(vera: TestClient):
    assert "No station and no product like that." in vera.get("/rates?q=nowhere").text
    assert "Nothing was counted" in house().signed_in(Role.VIEWER, headers=PAGE).get("/rates").text


@pytest.mark.parametrize(("share", "text"), [(0.0, "0.0"), (0.0012, "1.2"), (0.0925, "92.5"), (1.0, "1,000")])
def test_shares_are_told_in_parts_of_a_thousand(share: float, text: str):
    assert thousandths(share) == text

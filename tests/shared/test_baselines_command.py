"""`andon baselines`, its `show` and `freeze`, and `andon relearn`."""

import fnmatch
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as Unreachable
from typer.testing import CliRunner, Result

from andon import redis_client
from andon.bundle import Bundle, BundleError
from andon.cli import build
from andon.commands.baselines import desk as desks
from andon.drift_state import PlaceState, ShownChart, ShownPlace, StationDrift, drift_key, write_station_drift
from andon.errors import Broken, Mistake
from andon.memory import MemoryKafka
from andon.records import Assignment, Baseline, Chart, Deed, Did, Event, Relearn, read_event, write_event
from andon.records.baseline import SIGNALS
from andon.settings import KafkaSettings
from andon.stage import Message, Record
from andon.store import BundleStore
from andon.testing.baselines import UNTIL, small_baseline
from andon.testing.models import proven_bundle
from andon.topics import AUDIT, BASELINES, MODELS

OLD, NEW = (proven_bundle(threshold=level) for level in (100.0, 110.0))


class Redis:
    """Keys and texts; `away`: it does not answer."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.away = False

    def scan_iter(self, match: str, count: int) -> Iterator[str]:
        if self.away:
            raise Unreachable("nobody is there")
        return iter(fnmatch.filter(self.texts, match))

    def mget(self, keys: Sequence[str]) -> list[str | None]:
        return [self.texts.get(each) for each in keys]


@dataclass
class Line:
    """`run` runs a command over a Kafka in memory, a store in a folder and a Redis of a dict."""

    folder: Path
    kafka: MemoryKafka = field(default_factory=lambda: MemoryKafka(partitions=1))
    redis: Redis = field(default_factory=Redis)
    down: bool = False

    def table(self, topic: str) -> Iterable[Record]:
        return self.kafka.records(topic)

    def write(self, messages: Sequence[Message]) -> None:
        for each in messages:
            self.kafka.append(each)

    def log(self, _: KafkaSettings) -> "Line":
        if self.down:
            raise Broken("cannot reach Kafka: nobody is there")
        return self

    def learned(self, *said: Baseline | Relearn) -> None:
        self.write([Message(BASELINES, each.key.encode(), write_event(each)) for each in said])

    def assigned(self, station: str, bundle: Bundle, product: str | None = None) -> None:
        given = Assignment(station=station, product=product, bundle=bundle.digest, at=UNTIL)
        self.write([Message(MODELS, given.key, write_event(given))])

    def shows(self, *places: ShownPlace, station: str = "weld-07", ago_s: float = 1) -> None:
        shown = StationDrift(station=station, updated=now() - timedelta(seconds=ago_s), places=places)
        self.redis.texts[drift_key("andon:", station)] = write_station_drift(shown)

    def run(self, *words: str) -> Result:
        return CliRunner(env={"COLUMNS": "300"}).invoke(build(words[0]), list(words))

    def rows(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("baselines", *words, "--json").stdout)
        return found

    def said(self, model: type[Event], topic: str) -> list[Any]:
        return [read_event(model, each.value) for each in self.kafka.records(topic)]

    def relearns(self) -> list[Relearn]:
        records = (each for each in self.kafka.records(BASELINES) if b'"record":"relearn"' in each.value)
        return [read_event(Relearn, each.value) for each in records]

    def deeds(self) -> list[Deed]:
        return self.said(Deed, AUDIT)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    made = Line(tmp_path / "bundles")
    monkeypatch.setenv("ANDON_STORE__BUNDLES", str(made.folder))
    monkeypatch.setattr(desks, "open_log", made.log)
    monkeypatch.setattr(redis_client, "connect", lambda _: made.redis)
    return made


def place(state: PlaceState = PlaceState.ACTIVE, bundle: str | None = NEW.digest, **other: Any) -> ShownPlace:
    given: dict[str, Any] = {"bundle": bundle, "state": state, "last": now(), "frames": 9600, "until": UNTIL}
    return ShownPlace.model_validate(given | other)


def learning() -> ShownPlace:
    return place(
        PlaceState.LEARNING, frames=3100, wanted=5000, ratio=0.62, seconds=3100, wanted_s=3600, period_s=1.0, until=None
    )


# andon baselines


def test_every_place_is_listed_with_its_state_frames_and_age(line: Line) -> None:
    line.learned(small_baseline(bundle=NEW.digest), small_baseline("cast-1", bundle=SIGNALS))
    line.shows(place())
    one, two = line.rows()
    assert (one["station"], one["bundle"], one["state"]) == ("cast-1", SIGNALS, "learned")
    assert (two["station"], two["state"], two["frames"], two["by"]) == ("weld-07", "active", 9600, "drift")
    assert two["age_s"] == pytest.approx((now() - UNTIL).total_seconds(), abs=60)
    shown = line.run("baselines").stdout
    assert "9,600" in shown
    assert NEW.digest[:12] in shown


def test_what_still_learns_says_how_far_it_is_and_how_long_it_takes(line: Line) -> None:
    line.shows(learning())
    shown = line.run("baselines").stdout
    assert "learning 62%, about 31 min to go" in shown
    assert "3,100 of 5,000" in shown


def test_the_number_nearest_to_its_limit_is_named(line: Line) -> None:
    near = ShownChart(name="sharpness", chart=Chart.CUSUM, statistic=7.1, limit=8.4)
    over = ShownChart(name="noise", chart=Chart.WASSERSTEIN, statistic=0.1, limit=0.6, active=True)
    line.shows(place(charts=(near,)))
    line.shows(place(charts=(near, over)), station="weld-08")
    shown = line.run("baselines").stdout
    assert "sharpness 85% (cusum)" in shown
    assert "noise alarms (wasserstein)" in shown


def test_a_stale_or_silent_place_says_why(line: Line) -> None:
    line.shows(
        place(PlaceState.STALE, why="the reference is 200 days old", last=now() - timedelta(hours=2)), ago_s=7200
    )
    assert "stale: the reference is 200 days old (last heard 2 h ago)" in line.run("baselines").stdout


def test_without_redis_what_kafka_tells_is_listed_and_it_is_said_so(line: Line) -> None:
    line.learned(small_baseline())
    line.redis.away = True
    told = line.run("baselines", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout)[0]["state"] == "learned"
    assert "how far each has learned is not shown: Redis does not answer" in told.stderr


def test_where_no_redis_client_is_installed_it_is_said_so(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.exceptions", None)
    told = line.run("baselines")
    assert told.exit_code == 0
    assert "the package redis is not installed here" in told.stderr


def test_without_kafka_it_is_broken(line: Line) -> None:
    line.down = True
    for words in (["baselines"], ["baselines", "show", "weld-07"], ["relearn", "weld-07", "--why", "x"]):
        assert isinstance(line.run(*words).exception, Broken)


def test_an_empty_line_says_who_learns(line: Line) -> None:
    assert "nothing is learned yet" in line.run("baselines").stderr
    assert line.rows() == []


def test_one_station_is_shown_number_by_number(line: Line) -> None:
    charts = (ShownChart(name="sharpness", chart=Chart.CUSUM, statistic=7.1, limit=8.4, value=4.4, usual=4.6),)
    line.learned(small_baseline(bundle=NEW.digest), small_baseline("weld-08"))
    line.shows(place(charts=charts, false_alarm_days=30.0))
    shown = line.run("baselines", "show", "weld-07").stdout
    for said in ("weld-07", "active", "9,600", "a frame every 3 s", "1 false ticket in 30 days", "4.4", "4.6", "7.1",
                 "85%", "one false ticket in 30 days"):  # fmt: skip
        assert said in shown
    assert "weld-08" not in shown
    (row,) = line.rows("show", "weld-07")
    assert [each["name"] for each in row["watched"]] == ["luminance", "sharpness"]


def test_a_station_nobody_knows_is_a_mistake_that_says_which_may_be_meant(line: Line) -> None:
    line.shows(learning())
    told = line.run("baselines", "show", "weld-70")
    assert isinstance(told.exception, Mistake)
    assert "did you mean weld-07?" in str(told.exception)
    told = line.run("relearn", "press", "--why", "x")
    assert "there are: weld-07" in str(told.exception)


# andon relearn


def test_what_serves_now_is_learned_anew_by_whom_and_why(line: Line) -> None:
    line.assigned("weld-07", NEW)
    line.learned(small_baseline(bundle=NEW.digest), small_baseline(bundle=OLD.digest), small_baseline(bundle=SIGNALS))
    told = line.run("relearn", "weld-07", "--why", "new lamp", "--by", "mira", "--json")
    assert told.exit_code == 0
    (said,) = line.relearns()
    assert (said.bundle, said.by, said.why) == (NEW.digest, "mira", "new lamp")
    assert "learned from 9,600 frames until 2026-03-02 14:00 UTC; it learns anew" in told.stderr
    assert json.loads(told.stdout)[0]["bundle"] == NEW.digest
    (deed,) = line.deeds()
    assert (deed.did, deed.by, deed.station, deed.detail) == (Did.RELEARNED, "mira", "weld-07", "new lamp")
    assert deed.before == "learned from 9,600 frames until 2026-03-02 14:00 UTC"


def test_it_is_then_listed_as_to_be_learned_anew(line: Line) -> None:
    line.learned(small_baseline(bundle=NEW.digest))
    line.shows(place())
    line.run("relearn", "weld-07", "--why", "new lamp")
    (row,) = line.rows()
    assert (row["state"], row["relearn"]["why"]) == ("to_be_learned_anew", "new lamp")


def test_one_product_one_bundle_or_the_sensors_may_be_named(line: Line) -> None:
    line.assigned("weld-07", NEW)
    line.learned(
        small_baseline(product="lid", bundle=NEW.digest),
        small_baseline(product="cup", bundle=NEW.digest),
        small_baseline(product="lid", bundle=OLD.digest),
        small_baseline(bundle=SIGNALS),
    )
    line.run("relearn", "weld-07", "--product", "lid", "--why", "x")
    line.run("relearn", "weld-07", "--bundle", OLD.digest[:6], "--why", "x")
    line.run("relearn", "weld-07", "--bundle", SIGNALS, "--why", "x")
    assert [(each.product, each.bundle) for each in line.relearns()] == [
        ("lid", NEW.digest),
        ("lid", OLD.digest),
        (None, SIGNALS),
    ]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--product", "plate"], "nothing of product 'plate'"),
        (["--bundle", "0" * 12], "nothing under bundle '000000000000'; there is: weld-07, bundle"),
        (["--bundle", "0"], "say 6 digits of its digest or more"),
    ],
)
def test_what_was_never_learned_is_a_mistake(line: Line, words: list[str], why: str) -> None:
    line.learned(small_baseline(bundle=NEW.digest))
    told = line.run("relearn", "weld-07", *words, "--why", "x")
    assert isinstance(told.exception, Mistake)
    assert why in str(told.exception)
    assert line.relearns() == []


def test_only_sensors_are_a_place_to_be_named(line: Line) -> None:
    line.learned(small_baseline(bundle=SIGNALS))
    told = line.run("relearn", "weld-07", "--why", "x")
    assert "for its sensors say --bundle signals" in str(told.exception)


def test_a_place_that_learns_begins_again(line: Line) -> None:
    line.shows(learning())
    assert line.run("relearn", "weld-07", "--why", "the lens was dirty").exit_code == 0
    assert [each.bundle for each in line.relearns()] == [NEW.digest]


def test_nobody_learns_anew_without_a_reason(line: Line) -> None:
    line.learned(small_baseline())
    told = line.run("relearn", "weld-07")
    assert isinstance(told.exception, Mistake)
    assert "--why" in str(told.exception)
    assert line.relearns() == []


def test_every_station_at_once_is_asked_for_twice(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.learned(small_baseline(), small_baseline("weld-08"))
    told = line.run("relearn", "*", "--why", "new lamps")
    assert isinstance(told.exception, Mistake)
    assert "no drift is watched at 2 stations until each has learned anew" in str(told.exception)
    assert line.relearns() == []
    monkeypatch.setattr(sys.modules["andon.commands.baselines.relearn"], "at_a_terminal", lambda: True)
    told = CliRunner().invoke(build("relearn"), ["relearn", "*", "--why", "new lamps"], input="n\n")
    assert told.exit_code == 1
    assert line.relearns() == []
    assert line.run("relearn", "*", "--why", "new lamps", "--yes").exit_code == 0
    assert {each.station for each in line.relearns()} == {"weld-07", "weld-08"}
    assert line.deeds()[-1].station == "*"


# andon baselines freeze


@pytest.fixture
def stored(line: Line) -> Line:
    store = BundleStore(str(line.folder))
    for each in (OLD, NEW):
        store.put(each)
    line.assigned("weld-07", NEW)
    return line


def test_what_a_station_learned_travels_in_a_new_bundle(stored: Line) -> None:
    stored.learned(small_baseline(product="lid", bundle=NEW.digest), small_baseline(product="cup", bundle=NEW.digest))
    told = stored.run("baselines", "freeze", "weld-07", "--by", "mira", "--json")
    assert told.exit_code == 0
    record = json.loads(told.stdout)
    made = BundleStore(str(stored.folder)).get(record["digest"])
    assert [each.product for each in made.reference.baselines] == ["cup", "lid"]
    assert made.manifest.provenance.frozen_from == NEW.digest
    assert record["frozen_from"] == NEW.digest
    (deed,) = stored.deeds()
    assert (deed.did, deed.by, deed.before, deed.after) == (Did.FROZEN, "mira", NEW.digest, made.digest)
    assert f"next: andon assign weld-07 {made.digest[:12]}" in told.stderr


def test_one_product_may_be_frozen_alone(stored: Line) -> None:
    stored.learned(small_baseline(product="lid", bundle=NEW.digest), small_baseline(product="cup", bundle=NEW.digest))
    told = stored.run("baselines", "freeze", "weld-07", "--product", "cup", "--json")
    made = BundleStore(str(stored.folder)).get(json.loads(told.stdout)["digest"])
    assert [each.product for each in made.reference.baselines] == ["cup"]
    assert f"next: andon assign weld-07 {made.digest[:12]}" in told.stderr


def test_what_is_assigned_for_one_product_is_to_be_assigned_for_that_again(stored: Line) -> None:
    stored.assigned("weld-07", OLD, "cup")
    stored.learned(small_baseline(product="cup", bundle=OLD.digest))
    assert "next: andon assign weld-07 --product cup" in stored.run("baselines", "freeze", "weld-07").stderr


def test_show_tells_what_a_bundle_carries(stored: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    from andon.commands.bundles import use

    monkeypatch.setattr(use, "uses_now", lambda _: use.Uses({}))
    stored.learned(small_baseline(bundle=NEW.digest))
    digest = json.loads(stored.run("baselines", "freeze", "weld-07", "--json").stdout)["digest"]
    shown = stored.run("bundles", "show", digest).stdout
    assert "what stations learned" in shown
    assert "9,600 frames until 2026-03-02 14:00 UTC, 2 numbers watched" in shown
    told = json.loads(stored.run("bundles", "show", digest, "--json").stdout)
    assert told["baselines"] == [
        {"station": "weld-07", "product": None, "frames": 9600, "until": "2026-03-02T14:00:00+00:00"}
    ]
    assert "what stations learned" not in stored.run("bundles", "show", NEW.digest).stdout


def test_what_is_not_learned_yet_cannot_be_frozen(stored: Line) -> None:
    stored.shows(learning())
    told = stored.run("baselines", "freeze", "weld-07")
    assert isinstance(told.exception, Mistake)
    assert "learning, so there is no reference yet" in str(told.exception)


def test_a_reference_that_came_inside_the_bundle_is_in_it_already(stored: Line) -> None:
    stored.shows(place())
    assert "which carries it already" in str(stored.run("baselines", "freeze", "weld-07").exception)


def test_a_reference_whose_bundle_is_gone_is_told_so(stored: Line) -> None:
    stored.learned(small_baseline("weld-09", bundle="cd" * 32))
    told = stored.run("baselines", "freeze", "weld-09")
    assert isinstance(told.exception, BundleError)
    assert "weld-09 has learned under a bundle that is not to be had: bundle cdcdcdcdcdcd" in str(told.exception)
    assert stored.deeds() == []


def test_products_with_bundles_of_their_own_are_frozen_one_by_one(stored: Line) -> None:
    stored.assigned("weld-07", OLD, "cup")
    stored.learned(small_baseline(product="lid", bundle=NEW.digest), small_baseline(product="cup", bundle=OLD.digest))
    told = stored.run("baselines", "freeze", "weld-07")
    assert isinstance(told.exception, Mistake)
    assert "2 bundles" in str(told.exception)


def test_what_sensors_read_belongs_to_no_bundle(stored: Line) -> None:
    stored.learned(small_baseline(bundle=SIGNALS))
    told = stored.run("baselines", "freeze", "weld-07", "--bundle", SIGNALS)
    assert "belongs to no bundle" in str(told.exception)


def test_where_only_signed_bundles_serve_it_says_to_sign_it(stored: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    stored.learned(small_baseline(bundle=NEW.digest))
    unsigned = BundleStore(str(stored.folder))
    monkeypatch.setattr(sys.modules["andon.commands.baselines.freeze"], "open_store", lambda _: unsigned)
    keys = stored.folder.parent / "keys.pem"
    keys.write_text("")
    monkeypatch.setenv("ANDON_STORE__TRUSTED_KEYS", str(keys))
    assert "andon bundles sign" in stored.run("baselines", "freeze", "weld-07").stderr

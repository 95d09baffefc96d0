"""`andon ledger`: what it prints, and what its exit status says."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ledger_room import BEGAN, EPOCH, FORGET_S, SETTLE_S, Room
from redis.exceptions import ConnectionError as Unreachable
from typer.testing import CliRunner, Result

from andon.cli import build
from andon.errors import Broken, Mistake
from andon.ids import foreign_frame_id, frame_id
from andon.passing import Which
from andon_alerting.ledger import command
from andon_alerting.ledger.command import unwatched
from andon_alerting.ledger.memory import Watched
from andon_alerting.ledger.rows import by_reason, frame_of
from andon_alerting.ledger.station import Station


class Store:
    """Redis, as the command reads it."""

    def __init__(self, *stations: Station, looked_s: float | None = 0, began: int | None = BEGAN) -> None:
        now = int(datetime.now(UTC).timestamp() * 1000)
        self.stations = {each.name: each for each in stations}
        self.seen = Watched(began, {} if looked_s is None else {0: now - int(looked_s * 1000)})

    def watched(self) -> Watched:
        return self.seen

    def names(self) -> list[str]:
        return list(self.stations)

    def load(self, names: list[str], began: int | None = None) -> dict[str, Station]:
        return {name: self.stations[name] for name in names if name in self.stations}


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    def run(store: Any, *arguments: str) -> Result:
        monkeypatch.setattr(command, "RedisLedger", lambda *_: store)
        monkeypatch.setenv("COLUMNS", "240")
        return CliRunner().invoke(build("ledger"), ["ledger", *arguments])

    return run


@pytest.fixture
def even() -> Station:
    """Where all is well."""
    room = Room(station=Station("weld-07", 0, Room().station.totals))
    room.which = Which("weld-07", EPOCH)
    room.scored(range(12_000))
    room.refused(12_000, why="empty")
    room.refused(12_001, 12_002)
    room.station.account(room.which, room.ms, BEGAN).skip({"busy": 2}, room.station.totals)
    return room.station


@pytest.fixture
def short() -> Station:
    """Where frames are missing."""
    room = Room()
    room.passed("reached_preprocess", (0, 1299))
    room.scored(range(1201), range(1204, 1300))
    room.look()
    room.look(SETTLE_S)
    room.passed("captured", (1300, 1301))
    return room.station


def row_of(told: Result, station: str) -> list[str]:
    (line,) = [line for line in told.stdout.splitlines() if line.startswith(station)][:1]
    return [cell for cell in line.split("  ") if cell.strip()]


def test_a_balanced_ledger_says_so_and_exits_0(ledger: Callable[..., Result], even: Station):
    told = ledger(Store(even))
    assert told.exit_code == 0
    cells = [each.strip() for each in row_of(told, "weld-07")]
    assert cells == ["weld-07", "12,003", "12,000", "2 truncated, 1 empty", "2 busy", "0", "0", "0"]
    assert "nothing is missing (as of 0 s ago, kept since " in told.stderr


def test_what_is_missing_is_named_with_its_hop_and_how_to_look_further(
    ledger: Callable[..., Result], short: Station, even: Station
):
    told = ledger(Store(short, even))
    assert told.exit_code == 1
    (gone,) = [line for line in told.stdout.splitlines() if "andon trace" in line]
    assert "1,201 to 1,203" in gone
    assert "preprocess" in gone
    assert f"andon trace {frame_id('press-1', EPOCH, 1201)}" in gone
    assert "3 missing" in told.stderr


def test_only_what_is_missing_can_be_asked_for(ledger: Callable[..., Result], short: Station, even: Station):
    assert "weld-07" not in ledger(Store(short, even), "--missing").stdout
    alone = ledger(Store(even), "--missing")
    assert (alone.exit_code, alone.stdout) == (0, "")
    assert "nothing is missing" in alone.stderr


def test_one_station_is_judged_by_itself(ledger: Callable[..., Result], short: Station, even: Station):
    assert ledger(Store(short, even), "weld-07").exit_code == 0
    assert ledger(Store(short, even), "press-1").exit_code == 1


def test_json_has_all_figures_and_they_add_up(ledger: Callable[..., Result], short: Station, even: Station):
    told = ledger(Store(short, even), "--json")
    whole = json.loads(told.stdout)
    assert (whole["balanced"], whole["watched"], told.exit_code) == (False, True, 1)
    for row in whole["stations"]:
        ends = row["scored"] + sum(row["dead_lettered"].values())
        assert row["captured"] == ends + row["waiting"] + row["missing"] + row["lost"]
    (gone,) = whole["stations"][0]["gone"]
    assert (gone["first"], gone["last"], gone["frames"], gone["vanished_in"]) == (1201, 1203, 3, "preprocess")
    assert (gone["epoch"], gone["lost"]) == (EPOCH, False)
    assert whole["stations"][0]["waiting"] == 2


def test_what_was_given_up_stands_there_and_is_no_alarm(ledger: Callable[..., Result]):
    room = Room()
    room.scored(0, 2)
    room.look()
    room.look(SETTLE_S)
    room.look(FORGET_S)
    told = ledger(Store(room.station))
    assert told.exit_code == 0
    assert " lost " in told.stdout
    assert json.loads(ledger(Store(room.station), "--json").stdout)["stations"][0]["lost"] == 1


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ({"looked_s": None, "began": None}, "no ledger is kept here; start: andon ledger-watch"),
        ({"looked_s": 3600}, "nobody watches since "),
    ],
)
def test_what_nobody_watches_is_not_balanced(
    ledger: Callable[..., Result], even: Station, store: dict[str, Any], said: str
):
    told = ledger(Store(even, **store))
    assert told.exit_code == 1
    assert said in told.stderr


def test_one_partition_without_a_watch_is_enough(even: Station):
    now = datetime.now(UTC)
    ms = int(now.timestamp() * 1000)
    watched = Watched(BEGAN, {0: ms, 1: ms - 3_600_000})
    assert unwatched(watched, [], now) == ms - 3_600_000
    assert unwatched(watched, [even], now) is None  # it lies in partition 0
    even.partition = 7
    assert unwatched(watched, [even], now) == 0
    assert unwatched(Watched(BEGAN, {0: ms}), [], now + timedelta(seconds=59)) is None


@pytest.mark.parametrize(
    ("station", "said"), [("nobody", "the ledger knows nothing of it"), ("Not One", "a station id may hold")]
)
def test_a_station_that_is_not_known_is_a_mistake(ledger: Callable[..., Result], station: str, said: str):
    found = ledger(Store(), station).exception
    assert isinstance(found, Mistake)
    assert said in str(found)


def test_redis_that_is_away_is_told_in_a_sentence(ledger: Callable[..., Result]):
    class Away(Store):
        def watched(self) -> Watched:
            raise Unreachable("refused")

    found = ledger(Away()).exception
    assert isinstance(found, Broken)
    assert str(found) == "Redis does not answer: refused; is ANDON_REDIS__URL right?"


def test_frames_have_the_id_that_they_have_elsewhere():
    assert frame_of(Which("press-1", 7), 3) == frame_id("press-1", 7, 3)
    assert frame_of(Which("press-1", 0, "camera.frames.x/2"), 41) == foreign_frame_id("camera.frames.x", 2, 41)


def test_reasons_come_with_the_most_frequent_first():
    assert by_reason({"empty": 1, "truncated": 8_000}) == "8,000 truncated, 1 empty"
    assert by_reason({}) == "0"

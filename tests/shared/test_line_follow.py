"""A service takes a changed line file in whole, or goes on with what the old one said."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from andon.errors import Mistake
from andon.line import LineFile, Policy
from andon.line.follow import LOOK_EVERY_S
from andon.metrics import Metrics

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
A, B = "defaults: {route: a}\n", "defaults: {route: b}\n"


class Followed:
    """A line file with the service that follows it, and a clock."""

    def __init__(self, path: Path, text: str = A) -> None:
        self.path, self.now, self.registry = path, START, CollectorRegistry()
        path.write_text(text)
        self.line = LineFile(path, Policy(k=2), Metrics(self.registry))

    def look(self, times: int = 1) -> list[Any]:
        """What is logged when the service looks so often, each time it may."""
        with capture_logs() as logs:
            for _ in range(times):
                self.now += timedelta(seconds=LOOK_EVERY_S)
                self.line.refresh(self.now)
        return list(logs)

    @property
    def route(self) -> str | None:
        return self.line.of("weld-07").route

    @property
    def valid(self) -> float | None:
        return self.registry.get_sample_value("andon_line_file_valid", {"file": str(self.path)})


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path / "line.yaml")


def test_without_a_file_every_station_has_what_the_service_was_told(tmp_path: Path) -> None:
    line = LineFile(None, Policy(k=2, silent_after_s=30))
    line.refresh(START)
    assert line.of("weld-07").policy.k == 2
    assert (line.shortest_silence_s, line.burst.stations) == (30, 3)


def test_what_the_service_was_told_holds_where_the_file_says_nothing(followed: Followed) -> None:
    assert followed.line.of("weld-07").policy.k == 2


def test_a_wrong_file_at_the_start_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_text("stations: {weld 07: }")
    with pytest.raises(Mistake, match="try 'weld-07'"):
        LineFile(tmp_path / "line.yaml")
    with pytest.raises(Mistake, match="there is no such file"):
        LineFile(tmp_path / "nowhere.yaml")


def test_a_changed_file_is_taken_in_and_told_of(followed: Followed) -> None:
    followed.path.write_text(B)
    (told,) = followed.look(3)
    assert (told["event"], told["file"], followed.route) == ("line_file_reloaded", str(followed.path), "b")


def test_a_file_that_is_being_written_is_not_read_until_two_looks_see_it_alike(followed: Followed) -> None:
    followed.path.write_text("defaults:\n")
    assert followed.look() == []
    followed.path.write_text(B)
    assert followed.look() == []
    assert followed.route == "a"
    followed.look()
    assert followed.route == "b"


def test_it_is_looked_at_every_few_seconds_only(followed: Followed) -> None:
    followed.look(2)
    followed.path.write_text(B)
    for milliseconds in range(0, int(LOOK_EVERY_S * 1000), 100):
        followed.line.refresh(followed.now + timedelta(milliseconds=milliseconds))
    assert followed.route == "a"


def test_a_wrong_file_is_refused_whole_and_told_once_with_its_mistakes(followed: Followed) -> None:
    followed.path.write_text(B + "stations: {weld 07: }\nbudgets: 3")
    (told,) = followed.look(5)
    assert (told["event"], len(told["mistakes"]), told["log_level"]) == ("line_file_refused", 2, "error")
    assert told["mistakes"][0].startswith(f"{followed.path}:2:12: station 'weld 07'")
    assert (followed.route, followed.valid) == ("a", 0)


def test_a_file_that_is_mended_is_taken_in_also_when_it_is_the_old_one_again(followed: Followed) -> None:
    for text, route in ((B, "b"), (A, "a")):
        followed.path.write_text("stations: 3")
        followed.look(2)
        assert followed.valid == 0
        followed.path.write_text(text)
        (told,) = followed.look(2)
        assert (told["event"], followed.route, followed.valid) == ("line_file_reloaded", route, 1)


def test_a_file_that_is_gone_changes_nothing_and_is_told_once(followed: Followed) -> None:
    followed.path.unlink()
    (told,) = followed.look(5)
    assert told["mistakes"] == [f"{followed.path}: there is no such file"]
    assert (followed.route, followed.valid) == ("a", 0)


def test_an_empty_file_does_not_take_every_stations_plan_away(followed: Followed) -> None:
    followed.path.write_text("")
    (told,) = followed.look(2)
    assert "says nothing" in told["mistakes"][0]
    assert followed.route == "a"


def test_the_links_of_a_config_map_may_be_swapped_under_it(tmp_path: Path) -> None:
    for name, text in (("..2026_1", A), ("..2026_2", B)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "line.yaml").write_text(text)
        os.utime(tmp_path / name / "line.yaml", (1, 1))
    (tmp_path / "..data").symlink_to("..2026_1")
    (tmp_path / "line.yaml").symlink_to("..data/line.yaml")
    line = LineFile(tmp_path / "line.yaml")
    (tmp_path / "..new").symlink_to("..2026_2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    for seconds in range(10):
        line.refresh(START + timedelta(seconds=seconds))
    assert line.of("weld-07").route == "b"


def test_when_it_was_taken_in_is_measured(followed: Followed) -> None:
    labels = {"file": str(followed.path)}
    before = followed.registry.get_sample_value("andon_line_file_loaded_timestamp_seconds", labels)
    followed.path.write_text(B)
    followed.look(2)
    after = followed.registry.get_sample_value("andon_line_file_loaded_timestamp_seconds", labels)
    assert before is not None
    assert after is not None
    assert (followed.valid, after > before) == (1, True)


def test_a_service_without_a_line_file_shows_none_that_is_wrong() -> None:
    registry = CollectorRegistry()
    LineFile(None, metrics=Metrics(registry))
    assert registry.get_sample_value("andon_line_file_valid") is None
    assert [each.samples for each in registry.collect() if each.name == "andon_line_file_valid"] == [[]]

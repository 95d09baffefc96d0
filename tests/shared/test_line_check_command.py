"""`andon check`: what it says of a line file, and its exit status."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from andon.cli import build
from andon.errors import Mistake

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "line.yaml"
WRONG = "stations:\n  weld 07:\n    budget: 1 per nothing\n"


def check(*words: str | Path, columns: int = 240) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(build("check"), ["check", *map(str, words)])


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "line.yaml"
    path.write_text(WRONG)
    return path


def test_a_right_file_shows_what_every_station_gets() -> None:
    told = check(EXAMPLE)
    assert told.exit_code == 0
    assert "Stations: 1, patterns: 2." in told.stderr
    for name in ("weld-07", "weld-*", "press-*", "any other", "2 of 5 frames", "Saturdays 22:00 to 04:00"):
        assert name in told.stdout


def test_in_a_narrow_window_every_station_is_a_block_of_whole_sentences() -> None:
    told = check(EXAMPLE, columns=80)
    assert told.exit_code == 0
    assert "maintenance  Saturdays 22:00 to 04:00\n" in told.stdout
    assert "station      any other\n" in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80


def test_a_wrong_file_tells_every_mistake_with_its_place_and_exits_2(wrong: Path) -> None:
    told = check(wrong)
    assert (told.exit_code, told.stdout) == (2, "")
    first, second = told.stderr.splitlines()
    assert first.startswith(f"{wrong}:2:3: station 'weld 07': ")
    assert first.endswith("try 'weld-07'")
    assert second.startswith(f"{wrong}:3:13: station 'weld 07': budget: '1 per nothing': say how many")


def test_programs_get_the_mistakes_with_their_places(wrong: Path) -> None:
    told = check(wrong, "--json")
    record = json.loads(told.stdout)
    assert (told.exit_code, record["valid"], record["file"]) == (2, False, str(wrong))
    assert [(each["line"], each["column"]) for each in record["mistakes"]] == [(2, 3), (3, 13)]


def test_programs_get_every_plan_in_the_words_of_the_file() -> None:
    told = check(EXAMPLE, "--json")
    record = json.loads(told.stdout)
    assert (told.exit_code, record["valid"], record["burst"]) == (0, True, "3 stations within 60 s")
    plans = {plan["station"]: plan for plan in record["stations"]}
    assert plans["weld-07"]["policy"]["open"] == "2 of 5 frames"
    assert plans["weld-07"]["products"] == {"door-left": "2 per 1000", "door-right": "5 per 1000"}
    assert (plans["press-*"]["heartbeat"], record["defaults"]["heartbeat"]) == ("every 15 min", "every 5 min")


def test_one_station_is_shown_whole_also_one_that_only_a_pattern_names() -> None:
    told = check(EXAMPLE, "--station", "press-4")
    assert told.exit_code == 0
    for words in ("press-4", "silent after: 5 min", "every 15 min", "Saturdays 22:00 to 04:00", "body-shop-2"):
        assert words in told.stdout
    record = json.loads(check(EXAMPLE, "--station", "weld-07", "--json").stdout)
    assert record["maintenance"][0] == "Sundays 06:00 to 10:00"


def test_what_is_told_of_a_station_can_be_said_in_a_line_file(tmp_path: Path) -> None:
    record = json.loads(check(EXAMPLE, "--station", "weld-07", "--json").stdout)
    said = {
        name: record[name]
        for name in ("site", "line", "products", "budget", "policy", "severity", "maintenance", "shifts")
    }
    again = tmp_path / "line.yaml"
    again.write_text(json.dumps({"time zone": "Europe/Berlin", "stations": {"weld-07": said}}))
    copied = json.loads(check(again, "--station", "weld-07", "--json").stdout)
    assert {name: copied[name] for name in said} == said


def test_a_name_that_can_be_no_station_is_a_mistake() -> None:
    assert "try 'weld-07'" in str(check(EXAMPLE, "--station", "Weld 07").exception)


def test_without_a_file_it_is_the_one_that_services_read(monkeypatch: pytest.MonkeyPatch, wrong: Path) -> None:
    nothing = check()
    assert isinstance(nothing.exception, Mistake)
    assert "set ANDON_LINE" in str(nothing.exception)
    monkeypatch.setenv("ANDON_LINE", str(wrong))
    assert check().exit_code == 2
    monkeypatch.setenv("ANDON_LINE", str(EXAMPLE))
    assert check().exit_code == 0


def test_what_services_are_told_holds_where_the_file_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANDON_POLICY__K", "1")
    (tmp_path / "line.yaml").write_text("line: a")
    assert "open: 1 of 5 frames" in check(tmp_path / "line.yaml", "--station", "weld-07").stdout


def test_a_file_that_is_not_there_is_a_mistake_in_one_line(tmp_path: Path) -> None:
    assert str(check(tmp_path / "none.yaml").exception) == f"{tmp_path / 'none.yaml'}: there is no such file"

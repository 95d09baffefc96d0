"""`andon console people`: letting people in, and out."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from andon.errors import Mistake
from andon_console.main import app
from andon_console.safe.people import Role
from andon_console.safe.roster import Roster, read_roster


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANDON_CONSOLE__PEOPLE", str(tmp_path / "people.yaml"))
    return tmp_path / "people.yaml"


def people(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["people", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_add_prints_the_token_once_and_keeps_its_hash_alone(path: Path):
    token = people("add", "mira", "--role", "reviewer").strip()
    assert token not in path.read_text()
    found = Roster(path).by_token(token)
    assert found is not None
    assert (found.name, found.role) == ("mira", Role.REVIEWER)


def test_who_is_not_said_to_be_more_may_look(path: Path):
    people("add", "mira")
    assert read_roster(path)["mira"].role is Role.VIEWER


def test_adding_somebody_again_gives_another_token_and_ends_the_first(path: Path):
    first = people("add", "mira").strip()
    second = people("add", "mira", "--role", "engineer").strip()
    roster = Roster(path)
    assert roster.by_token(first) is None
    assert roster.by_token(second) is not None
    assert [*read_roster(path)] == ["mira"]


def test_remove_lets_somebody_in_no_more_and_leaves_the_others(path: Path):
    people("add", "mira")
    people("add", "jonas")
    people("remove", "mira")
    assert [*read_roster(path)] == ["jonas"]


def test_removing_somebody_unknown_says_who_is_there(path: Path):
    people("add", "jonas")
    with pytest.raises(Mistake, match=r"'mira' is not in .*; there are: jonas"):
        people("remove", "mira")


def test_list_says_who_may_what_and_tells_no_hash(path: Path):
    people("add", "mira", "--role", "reviewer")
    people("add", "jonas")
    shown = people("list", "--json")
    assert json.loads(shown) == [{"name": "jonas", "role": "viewer"}, {"name": "mira", "role": "reviewer"}]
    assert read_roster(path)["mira"].token_sha256 not in shown


def test_a_name_that_says_something_else_on_the_screen_is_refused(path: Path):
    with pytest.raises(Mistake):
        people("add", "\x1b[2Jmira")
    assert not path.exists()


def test_a_damaged_file_is_not_written_over(path: Path):
    path.write_text("- not people")
    with pytest.raises(Mistake, match="names people"):
        people("add", "mira")
    assert path.read_text() == "- not people"


def test_without_a_file_it_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(Mistake, match="ANDON_CONSOLE__PEOPLE"):
        people("list")

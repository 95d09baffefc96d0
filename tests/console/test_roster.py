"""The people who sign in by a token: a file that is read whole or not at all, and that holds no token."""

import os
import stat
from pathlib import Path

import pytest
from worlds import TOKENS, everybody

from andon.errors import Mistake
from andon.ids import sha256_hex
from andon_console.safe.people import Role
from andon_console.safe.roster import Roster, checked_name, new_token, read_roster, write_roster

HASH = "a" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "people.yaml"
    write_roster(found, everybody())
    return found


def test_what_was_written_is_read(path: Path):
    assert read_roster(path) == everybody()


def test_the_file_is_its_owner_s_alone_and_holds_no_token(path: Path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [token for token in TOKENS.values() if token in path.read_text()] == []
    assert sha256_hex(TOKENS[Role.VIEWER].encode()) in path.read_text()


def test_a_file_that_was_open_to_others_is_not_when_it_is_written_again(path: Path):
    path.chmod(0o644)
    write_roster(path, everybody())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_is_known_by_its_hash(path: Path):
    roster = Roster(path)
    for role, token in TOKENS.items():
        found = roster.by_token(token)
        assert found is not None
        assert found.role is role
    assert roster.by_token(everybody()["edda"].token_sha256) is None


def test_a_token_cannot_be_guessed_and_no_two_are_alike():
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert min(map(len, made)) >= 43  # 32 bytes in base64


def test_who_is_added_or_taken_out_is_so_at_once(path: Path):
    roster = Roster(path)
    write_roster(path, {"vera": everybody()["vera"]})
    assert (roster.by_name("edda"), roster.by_token(TOKENS[Role.ENGINEER])) == (None, None)
    write_roster(path, everybody())
    assert roster.by_name("edda") is not None


def test_a_change_that_leaves_size_and_time_as_they_were_is_seen(path: Path):
    roster, before = Roster(path), path.stat()
    people = everybody()
    people["edda"] = type(people["edda"])("edda", Role.ENGINEER, sha256_hex(b"another"))
    write_roster(path, people)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert roster.by_token("another") is not None


@pytest.mark.parametrize(
    "damage", ["not: [yaml", "- a list", "edda: 7", "edda: {role: king, token_sha256: aa}", "\x00"]
)
def test_a_damaged_file_keeps_who_was_in_and_lets_nobody_else_in(damage: str, path: Path):
    roster = Roster(path)
    path.write_text(damage)
    assert roster.by_name("edda") is not None
    assert roster.by_name("king") is None
    write_roster(path, {"vera": everybody()["vera"]})
    assert roster.by_name("edda") is None


def test_a_file_that_is_gone_keeps_who_was_in(path: Path):
    roster = Roster(path)
    path.unlink()
    assert roster.by_name("edda") is not None


def test_an_empty_file_lets_nobody_in(path: Path):
    roster = Roster(path)
    path.write_text("")
    assert roster.by_name("edda") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- mira", "names people"),
        ("mira: reviewer", "needs role and token_sha256"),
        (f"mira: {{role: reviewer, token_sha256: {HASH}, more: 1}}", "and nothing else"),
        (f"mira: {{role: boss, token_sha256: {HASH}}}", "none of viewer, reviewer, engineer"),
        ("mira: {role: viewer, token_sha256: secret}", "andon console people add"),
        (f"7: {{role: viewer, token_sha256: {HASH}}}", "needs role"),
        (f'"mi:ra": {{role: viewer, token_sha256: {HASH}}}', "1 to 64 characters"),
        ("mira: [", "not YAML"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_in_it(text: str, told: str, tmp_path: Path):
    path = tmp_path / "people.yaml"
    path.write_text(text)
    with pytest.raises(Mistake, match=told) as error:
        Roster(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there_says_which_command_makes_it(tmp_path: Path):
    with pytest.raises(Mistake, match="andon console people add NAME"):
        Roster(tmp_path / "people.yaml")


@pytest.mark.parametrize("name", ["mira", "Jürgen Øster", "mira@factory.example", "M", "m" * 64])
def test_a_name_may_be_anything_that_people_are_called(name: str):
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", " mira", "a:b", "a,b", "m" * 65, "mi\nra", "\x1b[31mmira"])
def test_a_name_that_would_hide_something_is_refused(name: str):
    with pytest.raises(Mistake):
        checked_name(name)


def test_each_role_may_what_those_before_it_may():
    may = {role: [other.value for other in Role if role.may(other)] for role in Role}
    assert may == {
        Role.VIEWER: ["viewer"],
        Role.REVIEWER: ["viewer", "reviewer"],
        Role.ENGINEER: ["viewer", "reviewer", "engineer"],
    }

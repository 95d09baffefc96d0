"""The `andon` command: what it shows, and how it tells what went wrong."""

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from andon.cli import build
from andon.commands.topics import app as topics
from andon.run import andon_version
from andon.topics import ALL

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def andon(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as its own process, with a wide and colourless terminal."""
    plain = {"PATH": "/usr/bin:/bin", "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"} | environment
    return subprocess.run(
        [sys.executable, "-m", "andon", *words], capture_output=True, text=True, env=plain, timeout=60, check=False
    )


def test_help_names_every_sub_command_and_where_settings_are_told() -> None:
    shown = andon("--help")
    assert shown.returncode == 0
    for name in ("topics", "assign", "version", "docs/settings.md"):
        assert name in shown.stdout


def test_help_shows_what_belongs_together_together() -> None:
    shown = andon("--help").stdout
    assert shown.index("Letting them serve") < shown.index("assign ") < shown.index("rollback ")


def test_version_is_the_installed_one() -> None:
    assert andon("version").stdout == f"andon {andon_version()}\n"


def test_without_a_sub_command_help_is_shown() -> None:
    assert "Usage" in andon().stdout + andon().stderr


def test_an_unknown_sub_command_is_a_mistake() -> None:
    told = andon("asign")
    assert told.returncode == 2
    assert "asign" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("assign", "weld-07", "no-digest"), "'no-digest' is not a bundle's digest: 64 hex digits"),
        (("assign", "weld-07", "A" * 64), "is not a bundle's digest"),
        (("assign", "Weld 07", "ab" * 32), "try 'weld-07'"),
        (("assign", "weld-07", "ab" * 32, "--product", "cup\n"), "product 'cup\\n'"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_with_exit_status_2(words: tuple[str, ...], said: str) -> None:
    told = andon(*words)
    assert told.returncode == 2
    assert told.stderr.startswith("error: ")
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_settings_that_cannot_work_are_told_with_the_variable_to_change() -> None:
    told = andon("topics", "create", ANDON_KAFKA__ASSIGNMENT_STRATEGY="cooperative-sticky", ANDON_HTTP__PORT="x")
    assert told.returncode == 2
    assert "ANDON_KAFKA__ASSIGNMENT_STRATEGY: cooperative-sticky is refused" in told.stderr
    assert "ANDON_HTTP__PORT" in told.stderr


def test_what_is_broken_is_told_with_exit_status_1() -> None:
    told = andon("assignments", ANDON_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1", ANDON_KAFKA__DELIVERY_TIMEOUT_S="1")
    assert told.returncode == 1
    assert told.stderr.rsplit("\n", 2)[-2].startswith("error: ")
    assert "Traceback" not in told.stderr


def test_topics_list_shows_every_topic_without_kafka() -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(topics, ["list"])
    assert shown.exit_code == 0
    text = ANSI.sub("", shown.output)
    for topic in ALL:
        (line,) = [line for line in text.splitlines() if re.search(rf"│ {re.escape(topic.name)} +│", line)]
        assert topic.key in line
    assert "last of each key" in text
    assert "4.25 MiB" in text


def test_only_the_wanted_sub_command_is_loaded() -> None:
    """`andon scoring` must not wait for what training imports."""
    groups = [group.name for group in build("topics").registered_groups]
    commands = [command.name for command in build("topics").registered_commands]
    assert (groups, commands) == (["topics"], ["version"])

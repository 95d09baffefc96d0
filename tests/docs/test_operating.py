"""docs/operating.md and docs/assurance.md: every command is one, every proof is there, every setting exists."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from andon.cli import build
from andon.topics import ALL, BY_NAME, TOGETHER

ROOT = Path(__file__).parents[2]
OPERATING = (ROOT / "docs" / "operating.md").read_text()
ASSURANCE = (ROOT / "docs" / "assurance.md").read_text()
THREATS = re.findall(r"(?ms)^### ([^\n]+)\n(.*?)(?=^##)", ASSURANCE.partition("## Threats")[2])


def code() -> set[str]:
    """What the page says to type: by line of an indented block, and between backticks."""
    joined = re.sub(r"(?<=\S)\n(?=\S)", " ", OPERATING)
    indented = re.findall(r"(?m)^ {4,}(?:\S*/)?(andon .+)$", OPERATING)
    return {each.partition("#")[0].strip() for each in [*indented, *re.findall(r"`(andon [^`]+)`", joined)]}


@pytest.mark.parametrize("line", sorted(code()))
def test_every_command_of_the_page_takes_what_it_is_given(line: str):
    words = shlex.split(line)[1:]
    command: Any = get_command(build(words[0]))
    assert command.name or command.commands
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert getattr(command, "invoke_without_command", True), f"{line}: which of {list(command.commands)}?"
    known = {option for each in command.params for option in each.opts}
    assert {each for each in words if each.startswith("--")} <= known


def test_commands_are_found_at_all():
    assert len(code()) > 15


def test_topics_are_widened_all_and_together():
    (listed,) = re.findall(r"for topic in ([^;]+); do", OPERATING)
    topics = listed.replace("\\", " ").split()
    assert set(topics) == {each.name for each in ALL if each.spread}
    assert topics == sorted(topics, key=[each.name for each in ALL if each.spread][::-1].index)
    (told,) = re.findall(r"reads together need the same number: (.*?)\. Running", " ".join(OPERATING.split()))
    assert {each for topics in TOGETHER.values() for each in topics} == set(re.findall(r"`([^`]+)`", told))


def test_every_topic_that_is_backed_up_is_one():
    table = OPERATING.partition("## Backup")[2].partition("### Restore")[0]
    families = {each.partition(".")[0] for each in BY_NAME}
    named = {each for each in re.findall(r"`([a-z.-]+)`", table) if each.partition(".")[0] in families}
    assert {"models", "verdicts", "incidents", "audit"} <= named <= set(BY_NAME)


def test_services_are_upgraded_in_the_order_that_is_tried():
    (told,) = re.findall(r"(?s)who reads before who writes: (.*?)\.", OPERATING)
    tried = (ROOT / "tests" / "chaos" / "test_upgrade.py").read_text().partition("ORDER = (")[2].partition(")")[0]
    order = [each for each in re.split(r",\s+", told) if each != "machines"]
    assert order == re.findall(r'"([a-z-]+)"', tried)


def test_every_setting_that_the_page_names_is_one():
    known = (ROOT / "docs" / "settings.md").read_text()
    assert [each for each in re.findall(r"ANDON_\w+", OPERATING + ASSURANCE) if f"`{each}`" not in known] == []


def test_values_that_the_page_sets_are_there():
    values = yaml.safe_load((ROOT / "helm" / "andon" / "values.yaml").read_text())
    assert "partitions" in values["topics"]


@pytest.mark.parametrize(("threat", "text"), THREATS, ids=[name for name, _ in THREATS])
def test_every_threat_has_an_answer_a_proof_that_is_there_and_says_what_is_not_answered(threat: str, text: str):
    proofs = re.findall(r"`((?:tests|shared|helm|requirements)/[\w./-]+)`", text)
    assert proofs
    assert [each for each in proofs if not (ROOT / each).exists()] == []
    assert "- Not answered: " in text


@pytest.mark.parametrize("proof", sorted(set(re.findall(r"`(tests/[\w/-]+\.py)`", ASSURANCE))))
def test_a_proof_is_a_file_of_tests(proof: str):
    assert re.search(r"(?m)^def test_", (ROOT / proof).read_text())


def test_the_threats_are_found_at_all():
    assert len(THREATS) == 11

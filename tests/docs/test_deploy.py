"""The Docker way, as far as it can be seen without Docker: its parts name each other rightly."""

import json
import re
import shlex
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES = ("ingest", "preprocess", "scoring", "alerting", "drift", "console")


def service(name: str) -> str:
    """The text of one service."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", COMPOSE, re.MULTILINE)
    assert found, f"compose.yaml has no service {name}"
    return found[1]


@pytest.mark.parametrize("name", [*SERVICES, "evidence", "heartbeat", "machines", "trainer"])
def test_every_service_of_the_line_runs_by_its_command_and_tells_how_it_is(name: str):
    assert re.search(rf"command: \[{name}[\],]", service(name))
    assert "*service" in service(name)
    assert "/healthz" in COMPOSE


@pytest.mark.parametrize("words", re.findall(r"command: \[([a-z]+), ?([a-z-]+)?", COMPOSE))
def test_every_command_is_one_that_andon_has(words: tuple[str, str]):
    commands = {point.name for point in entry_points(group="andon.commands")}
    assert words[0] in commands | {"redis-server", "redis"}


def test_kafka_is_the_version_that_the_demo_runs():
    pom = (ROOT / "deploy" / "kafka" / "pom.xml").read_text()
    (kafka,) = re.findall(
        r"<groupId>org\.apache\.kafka</groupId>\s*<artifactId>\S+</artifactId>\s*<version>(\S+)</version>", pom
    )
    assert f"image: apache/kafka:{kafka}\n" in COMPOSE


def test_prometheus_scrapes_services_that_are_there_at_the_port_their_image_listens_on():
    targets = json.loads((ROOT / "deploy" / "prometheus" / "targets.json").read_text())
    assert {group["labels"]["job"] for group in targets} == {*SERVICES, "evidence", "heartbeat", "trainer"}
    for group in targets:
        assert group["targets"] == [f"{group['labels']['job']}:8080"]
    assert "ANDON_HTTP__PORT=8080" in DOCKERFILE
    (alertmanager,) = json.loads((ROOT / "deploy" / "prometheus" / "alertmanagers.json").read_text())
    assert alertmanager["targets"] == ["alertmanager:9093"]
    assert f"http://{alertmanager['targets'][0]}" in service("alerting")


@pytest.mark.parametrize("name", [*SERVICES, "machines", "training"])
def test_an_image_can_be_built_of_every_service_with_pinned_packages(name: str):
    assert (ROOT / "requirements" / f"{name}.txt").is_file()
    assert (
        tomllib.loads((ROOT / "services" / name / "pyproject.toml").read_text())["project"]["name"] == f"andon-{name}"
    )
    assert f"SERVICE: {name}}}" in COMPOSE


def test_the_image_runs_as_nobody_in_particular_and_gets_its_signals():
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", DOCKERFILE, re.MULTILINE)
    (entrypoint,) = re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    assert json.loads(entrypoint) == ["andon"]
    assert "--require-hashes" in DOCKERFILE


def test_what_the_image_copies_is_let_in_and_nothing_else():
    copied = {
        word.split("/")[0]
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for word in shlex.split(line)[:-1]
    }
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in

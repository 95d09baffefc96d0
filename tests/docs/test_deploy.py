"""The Docker way, as far as it can be seen without Docker: its parts name each other rightly."""

import json
import re
import shlex
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
GRAFANA = ROOT / "deploy" / "grafana"
SERVICES = ("ingest", "preprocess", "scoring", "alerting", "drift", "console")


def service(name: str) -> str:
    """The text of one service."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", COMPOSE, re.MULTILINE)
    assert found, f"compose.yaml has no service {name}"
    return found[1]


@pytest.mark.parametrize("name", [*SERVICES, "evidence", "heartbeat", "ledger-watch", "machines", "trainer"])
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
    assert {group["labels"]["job"] for group in targets} == {
        *SERVICES,
        "evidence",
        "heartbeat",
        "ledger-watch",
        "trainer",
    }
    for group in targets:
        assert group["targets"] == [f"{group['labels']['job']}:8080"]
    assert "ANDON_HTTP__PORT=8080" in DOCKERFILE
    (alertmanager,) = json.loads((ROOT / "deploy" / "prometheus" / "alertmanagers.json").read_text())
    assert alertmanager["targets"] == ["alertmanager:9093"]
    assert f"http://{alertmanager['targets'][0]}" in service("alerting")


def test_prometheus_has_its_rules_and_keeps_single_frames_beside_its_histograms():
    text = service("prometheus")
    assert '"./prometheus:/etc/prometheus:ro"' in text
    assert "--config.file=/etc/prometheus/prometheus.yml\n" in text
    assert "--storage.tsdb.path=/prometheus\n" in text
    assert "--enable-feature=exemplar-storage " in text
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert config["rule_files"] == ["rules/*.yml"]


def test_grafana_is_there_to_look_at_and_nobody_can_sign_in():
    text = service("grafana")
    assert re.search(r"image: grafana/grafana:\d+\.\d+\.\d+\n", text)
    assert 'ports: ["127.0.0.1:3000:3000"]' in text
    assert "*once" in text
    set_to = dict(re.findall(r"(GF_\w+): \"?(\S+?)\"?(?: #.*)?\n", text))
    assert set_to["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert [set_to[f"GF_{name}"] for name in ("AUTH_BASIC_ENABLED", "AUTH_DISABLE_LOGIN_FORM")] == ["false", "true"]
    assert set_to["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"


def test_grafana_finds_its_dashboards_where_compose_puts_them():
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/andon.yaml").read_text())["providers"]
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)
    path = provider["options"]["path"]
    text = service("grafana")
    assert f"./grafana/dashboards:{path}:ro\n" in text
    (home,) = re.findall(rf"HOME_DASHBOARD_PATH: {path}/(\S+)", text)
    assert (GRAFANA / "dashboards" / home).is_file()
    for kind in ("datasources", "dashboards"):
        assert f"./grafana/provisioning/{kind}:/etc/grafana/provisioning/{kind}:ro\n" in text


def test_what_people_are_told_leads_to_a_dashboard_that_is_there():
    (page,) = re.findall(r"ANDON_LINKS__DASHBOARD: (\S+)\n", service("alerting"))
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["global"]["external_labels"]
    address, uid = page.partition("?")[0].split("/d/")
    assert '"127.0.0.1:3000:3000"' in service("grafana")
    assert address == rules["andon_dashboards"] == "http://localhost:3000"
    assert (GRAFANA / "dashboards" / f"{uid}.json").is_file()


def test_grafana_asks_the_prometheus_beside_it_and_knows_how_often_it_scrapes():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert '"127.0.0.1:9090:9090"' in service("prometheus")
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


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


def test_what_the_image_installs_is_checked_by_hash():
    installer = (ROOT / "deploy" / "images" / "install.py").read_text()
    assert re.search(r"^PINNED = .*--require-hashes", installer, re.MULTILINE)
    assert "pip install" not in DOCKERFILE


def test_what_the_image_copies_is_let_in_and_nothing_else():
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for word in shlex.split(line)[:-1]
    }
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    used = {folder: [word for word in copied if f"{word}/".startswith(f"{folder}/")] for folder in let_in}
    assert all(used.values())
    assert sorted(word for words in used.values() for word in words) == sorted(copied)

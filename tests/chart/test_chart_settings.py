"""What pods are told: only settings that their service knows, no secret, and a service starts with it."""

import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer
from chart_pods import CASES, containers, long_running_of, manifests, pods_of, variables
from guarded import pods, render

from andon.cli import build
from andon.settings import SECRETS_DIR, load
from andon.settings import variables as variables_of
from values.services import CLASSES, OTHERS, known, model

READS = {name: name for name in (*CLASSES, *OTHERS)} | {
    "training-job": "trainer",
    "demo": "ingest",
    "demo-learn": "trainer",
    "heartbeat-once": "heartbeat",
}
"""Whose settings each component's pod is told."""
OF_A_CLIENT = {
    "AWS_ENDPOINT_URL_S3",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_DISABLED",
}
WITHOUT_A_STORE = {"alerting", "ledger-watch", "topics"}
GIVEN = {
    "ANDON_KAFKA__SASL_PASSWORD": "kafka's",
    "ANDON_REDIS__PASSWORD": "redis'",
    "ANDON_WEBHOOK__KEY": "k" * 64,
    "ANDON_CONSOLE__SESSION_KEY": "s" * 64,
    "ANDON_PUSH__TOKEN": "push's",
}
"""What the production example asks to be in Secrets."""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """What stands at /etc/andon in a pod."""
    for name in ("tls/ca.crt", "people/people.yaml", "line/line.yaml", *(f"secrets/{each}" for each in GIVEN)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(GIVEN.get(path.name, ""))
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_each_component_is_told_only_what_it_knows(case: str):
    for name, pod in pods_of(case).items():
        for container in containers(pod):
            told = set(variables(container)) - OF_A_CLIENT
            assert told <= {*variables_of(model(READS[name])), SECRETS_DIR}, name


@pytest.mark.parametrize("case", CASES)
def test_no_secret_stands_in_the_environment_or_in_a_configmap(case: str):
    secret = {variable for name in READS.values() for variable in _secrets(name)}
    assert "ANDON_KAFKA__SASL_PASSWORD" in secret
    for name, pod in pods_of(case).items():
        for container in containers(pod):
            assert not secret & set(variables(container)), name
            assert all(set(each) == {"name", "value"} for each in container["env"]), "by reference: as a file"
            assert "envFrom" not in container, name
    texts = [str(each["data"]) for each in manifests(case) if each["kind"] == "ConfigMap"]
    assert not [variable for variable in secret for text in texts if f"name: {variable}" in text]
    assert not [each for each in manifests(case) if each["kind"] == "Secret"]


@pytest.mark.parametrize("case", CASES)
def test_every_component_starts_with_what_it_is_told(case: str, etc: Path, monkeypatch: pytest.MonkeyPatch):
    for name, pod in pods_of(case).items():
        with monkeypatch.context() as patched:
            for variable, text in variables(pod["spec"]["containers"][0]).items():
                patched.setenv(variable, text.replace("/etc/andon", str(etc)))
            settings = load(model(READS[name]))
        assert settings.kafka.bootstrap_servers.startswith("kafka"), name
        assert settings.http.port == 8080, name
        if case == "production":
            assert settings.kafka.sasl_password is not None, name
            assert settings.kafka.sasl_password.get_secret_value() == "kafka's", name


@pytest.mark.parametrize("case", CASES)
def test_every_pod_runs_a_command_that_andon_has_with_options_that_it_takes(case: str):
    commands = {point.name for point in entry_points(group="andon.commands")}
    for name, pod in pods_of(case).items():
        if name in ("training-job", "demo-learn"):  # the trainer says; a script
            continue
        (container,) = pod["spec"]["containers"]
        args = container["args"]
        assert args[0] in commands, name
        assert _parsed(args) == [], f"{name}: {args}"
        assert "command" not in container, name


def test_the_demo_learns_with_commands_that_andon_has():
    script = pods_of("everything")["demo-learn"]["spec"]["containers"][0]["args"][0]
    lines = [line.strip() for line in script.splitlines() if line.strip().startswith("andon ")]
    assert [line.split()[1] for line in lines] == ["fit", "assign"]
    for line in lines:
        options = re.findall(r" --([a-z]+)", line)
        _, context = _command([line.split()[1], "x", "y"] if "assign" in line else [line.split()[1], "folder"])
        known_options = {option for each in context.command.params for option in each.opts}
        assert {f"--{each}" for each in options} <= known_options, line


def test_a_setting_of_all_goes_to_those_who_know_it_and_to_no_other():
    told = _told({"settings": {"models": {"max_batch": 8}, "kafka": {"batch_bytes": 33_554_432}}})
    assert {name for name, env in told.items() if "ANDON_MODELS__MAX_BATCH" in env} == {"scoring"}
    assert {env["ANDON_KAFKA__BATCH_BYTES"] for env in told.values()} == {"33554432"}, "not 3.3554432e+07"


def test_a_setting_of_one_goes_before_that_of_all():
    told = _told({"settings": {"log_level": "info"}, "services": {"drift": {"settings": {"log_level": "debug"}}}})
    assert told["drift"]["ANDON_LOG_LEVEL"] == "debug"
    assert {env["ANDON_LOG_LEVEL"] for name, env in told.items() if name != "drift"} == {"info"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (2.5, "2.5"), (3, "3"), ("none", "none"), (0.02, "0.02"), ('a "b": c', 'a "b": c')],
)
def test_a_value_becomes_the_text_that_settings_read(value: object, text: str):
    path = {str: ("store", "trusted_keys"), bool: ("drift", "retrain")}.get(type(value), ("drift", "tickets"))
    told = _told({"services": {"drift": {"settings": {path[0]: {path[1]: value}}}}})
    assert told["drift"][f"ANDON_{path[0]}__{path[1]}".upper()] == text


def test_settings_json_is_what_the_models_know():
    assert set(known()) == {"every", *CLASSES, *OTHERS}
    assert "kafka.bootstrap_servers" in known()["every"]
    assert "models.device" in known()["scoring"]
    assert "models.device" not in known()["drift"]


def test_the_services_of_the_chart_are_those_that_docs_tell_of():
    pages = re.findall(r"^## (\S+)$", (Path(__file__).parents[2] / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert {*CLASSES, *OTHERS} - {"shadow-scoring", "topics", "test"} == set(pages)


def test_only_who_reads_a_store_of_s3_gets_its_credentials():
    s3 = {"url": "s3://somewhere"}
    told = render({"stores": {"bundles": s3, "frames": s3, "evidence": s3, "s3": {"secret": "s3"}}})
    assert not [each for each in told if each["kind"] == "PersistentVolumeClaim"]
    for name, pod in pods(told).items():
        mounts = {each["name"] for each in pod["spec"]["containers"][0]["volumeMounts"]}
        assert ("aws" in mounts) is (name not in WITHOUT_A_STORE), name
        assert not mounts & {"bundles", "frames", "evidence"}, name


def _told(values: dict[str, Any]) -> dict[str, dict[str, str]]:
    services = long_running_of(render(values))
    return {name: variables(each["spec"]["template"]["spec"]["containers"][0]) for name, each in services.items()}


def _secrets(name: str) -> set[str]:
    return {variable for variable, field in variables_of(model(name)).items() if "SecretStr" in str(field.annotation)}


def _command(args: list[str]) -> tuple[list[str], Any]:
    """The innermost command that `args` name, and what is left of them. Raises what the parser raises."""
    command: Any = typer.main.get_command(build(args[0]))
    context = command.make_context("andon", list(args), resilient_parsing=False)
    while hasattr(context.command, "commands") and (rest := [*context._protected_args, *context.args]):
        name, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    return context.args, context


def _parsed(args: list[str]) -> list[str]:
    """What a command's parser leaves of its arguments."""
    left, _ = _command(args)
    return left

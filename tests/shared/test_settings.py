"""Settings: every mistake at once, nothing secret shown, cooperative-sticky refused."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from andon.errors import Mistake
from andon.kafka.clients import consumer_config, producer_config
from andon.settings import KafkaSettings, ServiceSettings, load, variables, warn_of_unknown


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables(ServiceSettings):
        monkeypatch.delenv(name, raising=False)


def test_defaults_need_nothing_from_the_environment():
    assert load(ServiceSettings).kafka.bootstrap_servers == "localhost:9092"


def test_all_mistakes_are_told_at_once_each_with_its_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_HTTP__PORT", "many")
    monkeypatch.setenv("ANDON_KAFKA__BATCH_RECORDS", "0")
    monkeypatch.setenv("ANDON_LOG_LEVEL", "loud")
    with pytest.raises(Mistake) as told:
        load(ServiceSettings)
    text = str(told.value)
    assert "ANDON_HTTP__PORT: Input should be a valid integer" in text
    assert "ANDON_KAFKA__BATCH_RECORDS: Input should be greater than or equal to 1" in text
    assert "ANDON_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'" in text


@pytest.mark.parametrize("given", ["cooperative-sticky", "range,cooperative-sticky"])
def test_cooperative_sticky_is_refused_with_its_reason(monkeypatch: pytest.MonkeyPatch, given: str):
    monkeypatch.setenv("ANDON_KAFKA__ASSIGNMENT_STRATEGY", given)
    with pytest.raises(Mistake, match="cooperative-sticky is refused: commits during its rebalances fail"):
        load(ServiceSettings)


def test_half_a_login_is_a_mistake(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("ANDON_KAFKA__SASL_USERNAME", "andon")
    with pytest.raises(Mistake, match="SASL_SSL needs sasl_mechanism, sasl_username and sasl_password"):
        load(ServiceSettings)


def test_a_secret_may_lie_in_a_file_called_like_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "ANDON_KAFKA__SASL_PASSWORD").write_text("hunter2\n")
    monkeypatch.setenv("ANDON_SECRETS_DIR", str(tmp_path))
    password = load(ServiceSettings).kafka.sasl_password
    assert password is not None
    assert password.get_secret_value() == "hunter2"


def test_a_secret_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_KAFKA__SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("ANDON_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    with pytest.raises(Mistake) as told:
        load(ServiceSettings)
    monkeypatch.delenv("ANDON_KAFKA__SECURITY_PROTOCOL")
    assert "hunter2" not in str(told.value) + repr(load(ServiceSettings)) + load(ServiceSettings).model_dump_json()


def test_tls_and_sasl_reach_producers_consumers_and_admin(tmp_path: Path):
    ca = tmp_path / "ca.pem"
    ca.write_text("x")
    kafka = KafkaSettings(
        security_protocol="SASL_SSL",
        ssl_ca_location=ca,
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="andon",
        sasl_password="hunter2",  # type: ignore[arg-type]
    )
    for config in (producer_config(kafka, "none"), consumer_config(kafka, "g")):
        assert config["security.protocol"] == "SASL_SSL"
        assert config["ssl.ca.location"] == str(ca)
        assert config["sasl.mechanism"] == "SCRAM-SHA-512"
        assert (config["sasl.username"], config["sasl.password"]) == ("andon", "hunter2")


def test_a_missing_certificate_is_a_mistake_at_start(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_KAFKA__SSL_CA_LOCATION", "/nowhere/ca.pem")
    with pytest.raises(Mistake, match=r"ANDON_KAFKA__SSL_CA_LOCATION: no file /nowhere/ca\.pem"):
        load(ServiceSettings)


def test_no_offset_moves_by_itself_and_nothing_jumps_silently():
    config = consumer_config(KafkaSettings(), "g")
    assert config["enable.auto.commit"] is False
    assert config["enable.auto.offset.store"] is False
    assert config["auto.offset.reset"] == "error"
    assert config["partition.assignment.strategy"] == "range"


def test_the_newer_protocol_leaves_the_assignor_to_the_broker():
    config = consumer_config(KafkaSettings(group_protocol="consumer"), "g")
    assert config["group.protocol"] == "consumer"
    assert "partition.assignment.strategy" not in config
    assert "session.timeout.ms" not in config


def test_the_word_none_takes_a_setting_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_KAFKA__SASL_MECHANISM", "none")
    assert load(ServiceSettings).kafka.sasl_mechanism is None


def test_a_variable_of_another_service_is_not_a_misspelling():
    with capture_logs() as logs:
        warn_of_unknown(ServiceSettings, {"ANDON_REDIS__URL": "redis://x", "ANDON_ALERTMANAGER__URL": "http://x"})
    assert logs == []


def test_a_misspelled_variable_is_named_with_the_nearest_that_is_read():
    with capture_logs() as logs:
        warn_of_unknown(ServiceSettings, {"ANDON_KAKFA__BOOTSTRAP_SERVERS": "x", "ANDON_KAFKA__BATCH_RECORDS": "8"})
    assert [(line["variable"], line["nearest"]) for line in logs] == [
        ("ANDON_KAKFA__BOOTSTRAP_SERVERS", "ANDON_KAFKA__BOOTSTRAP_SERVERS")
    ]

"""A log that is read bit by bit gives each line once; what people see of it is short and holds no secret."""

import pytest
from pydantic import SecretStr

from andon.settings import KafkaSettings
from andon_training.jobs.log import OVERLAP_S, LogReading
from andon_training.jobs.tail import LINE_CHARS, LINES, Tail, hiding, secrets_of

AT = "2026-03-02T14:00:0{}.12345678{}Z "


def lines(*said: str) -> str:
    return "".join(f"{AT.format(n, n)}{each}\n" for n, each in enumerate(said))


def test_a_log_is_read_from_its_beginning_and_then_on_with_an_overlap() -> None:
    log = LogReading()
    assert log.since(100.0) is None
    log.take("", 100.0, last=False)
    assert log.since(103.5) == 3 + OVERLAP_S


def test_lines_that_come_again_are_taken_once() -> None:
    log = LogReading()
    assert log.take(lines("a", "b"), 0, last=False) == ["a", "b"]
    assert log.take(lines("a", "b", "c"), 2, last=False) == ["c"]
    assert log.take(lines("a", "b", "c"), 4, last=True) == []


def test_the_same_words_said_twice_are_two_lines() -> None:
    assert LogReading().take(lines("epoch", "epoch"), 0, last=False) == ["epoch", "epoch"]


def test_a_line_that_is_being_written_waits_for_its_end() -> None:
    log = LogReading()
    assert log.take(lines("a") + AT.format(2, 2) + "hal", 0, last=False) == ["a"]
    assert log.take(lines("a") + AT.format(2, 2) + "half\n", 2, last=False) == ["half"]
    assert LogReading().take("no time, no end", 0, last=True) == ["no time, no end"]


def test_a_log_whose_beginning_is_gone_goes_on() -> None:
    log = LogReading()
    log.take(lines("a", "b"), 0, last=False)
    assert log.take(lines("a", "b", "c", "d").split("\n", 2)[2], 60, last=False) == ["c", "d"]


def test_the_tail_is_short_whatever_was_said() -> None:
    tail = Tail(str)
    for n in range(100):
        tail.add(f"{n} " + "x" * 10_000)
    assert len(tail.lines) == LINES
    assert max(map(len, tail.lines)) == LINE_CHARS
    assert tail.lines[-1].startswith("99 x")


def test_a_bar_that_is_drawn_over_itself_is_its_last_state_without_colours() -> None:
    tail = Tail(str)
    tail.add("\x1b[32m 10%\x1b[0m\r 20%\r 30%\r")
    tail.add("\x1b[0m  ")
    assert tail.lines == (" 30%",)


@pytest.mark.parametrize(
    "line",
    [
        "connect to amqp://me:hunter22@host/x",
        "sasl.password=hunter22 refused",
        '{"password": "hunter22"}',
        "Authorization: Bearer hunter22hunter22",
        "AWS_SECRET_ACCESS_KEY=hunter22",
        "somebody printed hunter22, alas",
    ],
)
def test_no_secret_is_shown(line: str) -> None:
    assert "hunter22" not in hiding(["hunter22"])(line)


def test_what_only_looks_like_a_password_is_hidden_without_being_known() -> None:
    assert hiding([])("redis://:s3cr3t@cache:6379 and token=abc and epoch=3") == (
        "redis://:***@cache:6379 and token=*** and epoch=3"
    )


def test_secrets_are_those_of_the_settings_the_environment_and_mounted_files(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "ANDON_KAFKA__SASL_PASSWORD").write_text("from-a-file\n")
    (tmp_path / "ANDON_KAFKA__SASL_USERNAME").write_text("mira")
    environment = {"AWS_SECRET_ACCESS_KEY": "from-the-environment", "HOME": "/root", "ANDON_SECRETS_DIR": str(tmp_path)}
    settings = KafkaSettings(ssl_key_password=SecretStr("from-settings"))
    found = set(secrets_of(settings, environment))
    assert {"from-settings", "from-the-environment", "from-a-file"} <= found
    assert "mira" not in found

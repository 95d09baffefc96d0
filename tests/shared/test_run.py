"""Running a service: exit statuses, signals, the one deadline."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SERVICE = """
import sys, time
from andon.errors import Broken, Mistake
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.run import serve
from andon.settings import ServiceSettings
from andon.stage import Message, Stage

kafka = MemoryKafka()
what = sys.argv[1]

def handle(records, now):
    if what == "broken":
        raise Broken("the sky fell")
    if what == "bug":
        raise ZeroDivisionError("a bug")
    if what == "mistake":
        raise Mistake("you asked for the moon")
    if what == "slow":
        time.sleep(0.5)
    if what == "stuck":
        time.sleep(60)
    time.sleep(0.01)
    return []

class Source(MemorySource):
    @property
    def ended(self):
        return what == "ends"

def wire(service, settings):
    print("up", service.port, flush=True)
    service.run(Stage("test", Source(kafka, ["t"], "g"), handle, MemorySink(kafka), MemoryDeadLetters(kafka)))
    print("closed", flush=True)

if what == "stuck":
    import andon.run
    andon.run.SHUTDOWN_S = 1.0
serve("test", ServiceSettings, wire)
"""


def start(what: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def up(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    assert process.stdout is not None
    assert process.stdout.readline().startswith("up")
    return process


def test_a_source_that_ends_ends_the_service_with_0():
    status, out, err = end(start("ends"))
    assert status == 0
    assert "closed" in out
    assert json.loads(err.splitlines()[-1])["event"] == "stopped"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_turn_closes_and_exits_0(number: int):
    process = up(start("slow"))
    time.sleep(0.2)
    process.send_signal(number)
    status, out, _ = end(process)
    assert status == 0
    assert "closed" in out


def test_broken_exits_1_and_says_what_happens_next_without_a_traceback():
    status, _, err = end(start("broken"))
    assert status == 1
    line = json.loads(err.splitlines()[-1])
    assert (line["event"], line["error"], line["service"]) == ("broken", "the sky fell", "test")
    assert "Traceback" not in err


def test_a_bug_exits_1_with_its_traceback_in_the_log_as_one_json_line():
    status, _, err = end(start("bug"))
    assert status == 1
    assert "ZeroDivisionError: a bug" in json.loads(err.splitlines()[-1])["exception"]


def test_a_mistake_exits_2_with_a_sentence():
    status, _, err = end(start("mistake"))
    assert status == 2
    assert err.splitlines()[-1] == "andon test: you asked for the moon"


def test_wrong_settings_exit_2_before_anything_starts():
    status, out, err = end(start("ends", ANDON_HTTP__PORT="x"))
    assert status == 2
    assert "up" not in out
    assert "ANDON_HTTP__PORT" in err


def test_a_taken_port_is_the_operators_mistake(tmp_path: Path):
    process = start("slow")
    assert process.stdout is not None
    port = process.stdout.readline().split()[1]
    status, _, err = end(start("ends", ANDON_HTTP__PORT=port))
    process.kill()
    end(process)
    assert status == 2
    assert f"ANDON_HTTP__PORT: cannot listen on 127.0.0.1:{port}" in err


def test_a_turn_that_does_not_end_is_cut_off_at_the_deadline():
    process = up(start("stuck"))
    time.sleep(0.2)
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    status, _, err = end(process)
    assert status == 1
    assert time.monotonic() - asked < 10
    assert "shutdown_too_slow" in err


def test_a_second_ctrl_c_kills():
    process = up(start("stuck", PYTHONUNBUFFERED="1"))
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    status, _, _ = end(process)
    assert status == 130

"""What is printed after an install: the next command, and what will hurt one day."""

import json
import subprocess
from functools import cache
from typing import Any

import yaml
from guarded import BASE, CHART, HELM


@cache
def _printed(values: str) -> str:
    done = subprocess.run(
        [HELM, "install", "andon", CHART, "--namespace", "andon", "--dry-run=client", "--values", "-"],
        input=values,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:\n")[2]


def notes(values: dict[str, Any]) -> str:
    """What helm prints after it has installed with these values."""
    return _printed(json.dumps({**BASE, **values}))


def test_a_first_frame_the_console_and_the_doctor_are_a_command_away():
    text = notes({})
    assert "kubectl -n andon port-forward service/andon-ingest 8700 &" in text
    assert "http://localhost:8700/stations/STATION/frames" in text
    assert "kubectl -n andon port-forward deploy/andon-console 8600" in text
    assert "kubectl -n andon logs deploy/andon-console | grep sign-in" in text
    assert "helm -n andon test andon --logs" in text


def test_it_warns_of_a_line_that_pages_nobody_and_speaks_in_plain_text_on_one_node():
    text = notes({})
    warnings = [line for line in text.splitlines() if line.startswith("Mind: ")]
    for words in ("nobody is paged", "to Kafka in plain text", "Redis is spoken to", "one node alone", "one copy"):
        assert len([each for each in warnings if words in each]) == 1, words
    assert len(warnings) == 5


def test_a_plant_that_is_set_up_is_not_warned():
    values = yaml.safe_load((CHART / "examples" / "production" / "values.yaml").read_text())
    text = notes(values)
    assert "Mind:" not in text
    assert "The console: https://andon.factory.example" in text
    assert "sign-in" not in text


def test_the_demo_says_how_to_see_its_first_verdict():
    assert "-l app.kubernetes.io/component=demo-learn" in notes({"demo": {"enabled": True}})


def test_consoles_that_do_not_know_each_other_s_people_are_warned_of():
    words = "no Secret with ANDON_CONSOLE__SESSION_KEY"
    assert words in notes({"services": {"console": {"replicas": 2}}})
    assert words not in notes({"services": {"console": {"replicas": 2, "secrets": ["session"]}}})


def test_two_ingests_are_warned_of():
    assert "ingest has several replicas" in notes({"services": {"ingest": {"replicas": 2}}})

"""The demo's Prometheus: there where it can be had, and missed in one line where it cannot."""

import json
from pathlib import Path

import pytest

from andon.errors import Broken, Mistake
from andon_demo.line import ServiceProcess
from andon_demo.monitoring import monitoring, scraped
from andon_demo.servers.prometheus import Prometheus


def test_where_it_can_be_had_it_is_part_of_the_demo():
    fetched: list[tuple[str, ...]] = []
    said: list[str] = []
    assert monitoring(fetched.append, said.append) == (Prometheus(),)
    assert (fetched, said) == ([("prometheus",)], [])


@pytest.mark.parametrize(
    "error", [Mistake("missing on this machine: prometheus.\nDebian: apt-get"), Broken("apt-get failed:\n42 lines")]
)
def test_where_it_cannot_the_demo_goes_on_and_says_so_in_one_line(error: Exception):
    def fetch(_: tuple[str, ...]) -> None:
        raise error

    said: list[str] = []
    assert monitoring(fetch, said.append) == ()
    (line,) = said
    assert line.endswith(str(error).splitlines()[0])
    assert "\n" not in line


def test_every_service_that_runs_is_scraped_by_its_name(tmp_path: Path):
    services = [ServiceProcess(name, [name], tmp_path, {}, port) for name, port in (("ingest", 1), ("scoring", 2))]
    scraped(tmp_path, services)
    told = json.loads((tmp_path / "targets.json").read_text())
    assert {group["labels"]["job"]: group["targets"] for group in told} == {
        "ingest": ["127.0.0.1:1"],
        "scoring": ["127.0.0.1:2"],
    }

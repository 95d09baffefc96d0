"""Where the demo's console answers, and that its token is told to one person alone."""

import random
import socket
from pathlib import Path

import pytest

from andon.errors import Broken
from andon_demo import console
from andon_demo.console import ConsolePlace
from andon_demo.servers.ports import HOST

DRAW = random.Random(7)


def test_it_answers_at_its_usual_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(console, "is_free", lambda _port: True)
    assert ConsolePlace.of(tmp_path, DRAW).url == "http://127.0.0.1:8600"


def test_where_somebody_is_there_already_it_takes_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server((HOST, 0)) as taken:
        monkeypatch.setattr(console, "USUAL", taken.getsockname()[1])
        place = ConsolePlace.of(tmp_path, DRAW)
        assert place.port != taken.getsockname()[1]
        assert place.url == f"http://{HOST}:{place.port}"


def test_pages_link_to_their_incident_there(tmp_path: Path):
    place = ConsolePlace("http://127.0.0.1:8600", 8600, tmp_path / "people.yaml")
    assert place.env()["ANDON_LINKS__CONSOLE"] == "http://127.0.0.1:8600/incidents/{incident}"


def test_whoever_runs_the_demo_is_let_in_as_an_engineer_and_the_file_holds_no_token(tmp_path: Path):
    place = ConsolePlace("http://127.0.0.1:8600", 8600, tmp_path / "people.yaml")
    link = place.link(place.env())
    address, _, token = link.partition("#")
    assert address == "http://127.0.0.1:8600/sign-in"
    assert len(token) >= 43
    assert token not in place.people.read_text()
    assert "role: engineer" in place.people.read_text()


def test_what_went_wrong_is_told(tmp_path: Path):
    place = ConsolePlace("http://127.0.0.1:8600", 8600, tmp_path / "people.yaml")
    place.people.write_text("- not people")
    with pytest.raises(Broken, match="names people"):
        place.link(place.env())

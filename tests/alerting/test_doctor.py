"""`andon doctor`: looks that fail by themselves, a deadline that holds, what is told and what never is."""

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from rich.console import Console
from typer.testing import CliRunner, Result

from andon.cli import build
from andon.errors import Broken, Mistake
from andon.settings import load
from andon_alerting.doctor.ask import Ask
from andon_alerting.doctor.facts.door import Trouble
from andon_alerting.doctor.finding import Check, Judged, Level, NotKnown, NotSetUp, Outcome, bad, come_out, judged, warn
from andon_alerting.doctor.looks import own
from andon_alerting.doctor.looks.alertmanager import _answered
from andon_alerting.doctor.looks.door import Door, address_of, host_port, knock, resolve
from andon_alerting.doctor.looks.stores import PROBE, store
from andon_alerting.doctor.main import chosen, status
from andon_alerting.doctor.settings import DoctorSettings
from andon_alerting.doctor.show import Discretion, record, show
from andon_alerting.doctor.table import AREAS, CHECKS
from andon_alerting.settings import WebhookSettings

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Colour:
    """Some facts."""

    name: str


@dataclass(frozen=True)
class Shape:
    """Others."""

    corners: int


def told(facts: Colour) -> Judged:
    return judged(f"it is {facts.name}", [])


CHECK = Check("colours.right", "?", Colour, told)


def test_facts_are_looked_for_once_however_often_they_are_asked_for():
    looks: list[int] = []

    def look(_: Ask) -> Colour:
        looks.append(1)
        return Colour("red")

    ask = Ask({Colour: look}, 5)
    ask.begin(Colour)
    assert (ask(Colour), ask(Colour), len(looks)) == (Colour("red"), Colour("red"), 1)


def test_looks_go_on_side_by_side_and_may_ask_for_each_others_facts():
    met = threading.Barrier(2, timeout=5)

    def shape(_: Ask) -> Shape:
        met.wait()
        return Shape(3)

    def colour(ask: Ask) -> Colour:
        met.wait()
        return Colour(f"red with {ask(Shape).corners} corners")

    ask = Ask({Colour: colour, Shape: shape}, 5)
    ask.begin(Shape)
    ask.begin(Colour)
    assert ask(Colour).name == "red with 3 corners"


@pytest.mark.parametrize(
    ("raised", "level", "says"),
    [
        (NotKnown("Kafka does not answer"), Level.UNKNOWN, "not checked: Kafka does not answer"),
        (NotSetUp("ANDON_LINE is not set"), Level.OFF, "ANDON_LINE is not set"),
        (Broken("the store is away"), Level.UNKNOWN, "not checked: the store is away"),
        (ValueError("odd"), Level.UNKNOWN, "not checked: ValueError: odd"),
    ],
)
def test_a_look_that_fails_leaves_its_own_checks_unchecked_with_the_reason(raised: Exception, level: Level, says: str):
    def look(_: Ask) -> Colour:
        raise raised

    ask = Ask({Colour: look, Shape: lambda _: Shape(4)}, 5)
    outcome = come_out(CHECK, ask)
    assert (outcome.level, outcome.says) == (level, says)
    assert ask(Shape).corners == 4


def test_the_deadline_holds_for_all_looks_together_whatever_hangs():
    free = threading.Event()
    ask = Ask({Colour: lambda _: free.wait(60), Shape: lambda _: free.wait(60)}, 0.3)
    ask.begin(Shape)
    began = time.monotonic()
    outcomes = [come_out(CHECK, ask), come_out(Check("shapes.right", "?", Shape, told), ask)]
    assert time.monotonic() - began < 3
    assert [each.says for each in outcomes] == ["not checked: no answer within 0.3 s"] * 2
    free.set()


def test_a_check_is_as_bad_as_its_worst_finding_and_says_it_in_one_line():
    found = judged("fine", [warn("slow", "a", "wait"), bad("gone", "b", "start it"), warn("late", "c", "wait")])
    assert (found.level, found.says) == (Level.BAD, "b: gone (and 2 more)")
    assert judged("fine", []) == Judged("fine")


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [
        ([Level.OK, Level.OFF], 0),
        ([Level.OK, Level.WARN], 0),
        ([Level.WARN, Level.BAD], 1),
        ([Level.OK, Level.UNKNOWN], 1),  # what could not be seen is not known to be well
    ],
)
def test_the_exit_status_says_whether_anything_is_bad_or_unknown(levels: list[Level], wanted: int):
    assert status([Outcome("a.b", level, "") for level in levels]) == wanted


OUTCOMES = (
    Outcome(
        "topics.there", Level.BAD, "x", (bad("it is gone", "scores", "make it"), bad("it is gone", "drift", "make it"))
    ),
    Outcome("redis.policy", Level.WARN, "y", (warn("it [bold]evicts", "redis:6379", "set it"),)),
    Outcome("line.valid", Level.OFF, "ANDON_LINE is not set"),
    Outcome("kafka.brokers", Level.UNKNOWN, "not checked: Kafka does not answer"),
)


def printed(*outcomes: Outcome) -> str:
    console = Console(width=200, highlight=False)
    with console.capture() as said:
        show(console, outcomes)
    return said.get()


def test_people_read_a_line_a_check_then_each_finding_with_what_to_do_the_worst_first():
    text = printed(*OUTCOMES[::-1])
    lines = text.splitlines()
    assert lines[0] == "?    kafka.brokers  not checked: Kafka does not answer"
    assert lines[3] == "bad  topics.there   x"
    assert text.index("it is gone") < text.index("evicts")
    assert "it [bold]evicts" in text
    assert lines[-1] == "4 checks: 1 bad, 1 warn, 1 not checked"


def test_findings_that_one_command_mends_are_told_together():
    assert printed(OUTCOMES[0]).count("do: make it") == 1


def test_the_json_has_a_stable_form():
    found = record(OUTCOMES, datetime(2026, 3, 2, 14, 0, tzinfo=UTC))
    assert found["schema_version"] == 1
    assert found["counts"] == {"ok": 0, "off": 1, "warn": 1, "bad": 1, "not_checked": 1}
    assert found["checks"][1] == {
        "id": "redis.policy",
        "area": "redis",
        "state": "warn",
        "says": "y",
        "findings": [{"level": "warn", "what": "it [bold]evicts", "where": "redis:6379", "do": "set it"}],
    }
    assert json.loads(json.dumps(found)) == found


def test_no_secret_is_ever_shown():
    settings = DoctorSettings(
        webhook=WebhookSettings(url="https://me:pw1@hooks", key=SecretStr("hmac-key")),
    )
    outcome = Outcome(
        "a.b",
        Level.BAD,
        "hmac-key was sent",
        (bad("login with hmac-key failed", "redis://u:other@h:1", "try s3://id:pw2@bucket/x as pw1"),),
    )
    shown = printed(Discretion(settings).outcome(outcome))
    assert [each for each in ("hmac-key", "other", "pw1", "pw2") if each in shown] == []
    assert "redis://***@h:1" in shown


def test_areas_are_chosen_by_name_and_an_unknown_one_is_a_mistake():
    assert {each.area for each in chosen("redis,stores")} == {"redis", "stores"}
    assert len(chosen(None)) == len(CHECKS)
    with pytest.raises(Mistake, match="there is no area rediss; there are settings, kafka"):
        chosen("redis,rediss")


def test_the_help_names_every_area():
    said = CliRunner(env={**os.environ, "COLUMNS": "300"}).invoke(build("doctor"), ["doctor", "--help"]).output
    assert [area for area in AREAS if not re.search(rf"\b{area}\b", said)] == []


def test_ids_are_unique_and_begin_with_their_area():
    ids = [each.id for each in CHECKS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+", each) for each in ids)
    assert {each.partition(".")[0] for each in ids} == set(AREAS)


def test_the_page_lists_every_check_with_what_it_asks_and_no_other():
    page = (DOCS / "doctor.md").read_text()
    rows = re.findall(r"^\| `([a-z]+\.[a-z]+)` \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(each.id, each.asks) for each in CHECKS]


# Looks


@pytest.fixture
def nobody() -> str:
    """An address of this machine at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def mute() -> Iterator[str]:
    """An address that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_door_tells_a_wrong_name_from_a_closed_port(nobody: str, mute: str):
    assert knock(mute) == Door(mute)
    assert knock(nobody).trouble is Trouble.REFUSED
    assert knock("no-such-host.invalid:9092").trouble is Trouble.NAME
    assert resolve("no-such-host.invalid:443").trouble is Trouble.NAME
    assert resolve(nobody).trouble is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("kafka:9093", ("kafka", 9093)),
        ("kafka", ("kafka", 9092)),
        ("[::1]:9092", ("::1", 9092)),
        ("k:x", ("k:x", 9092)),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, wanted: tuple[str, int]):
    assert host_port(text) == wanted


def test_the_address_of_a_url_has_the_port_of_its_scheme():
    assert address_of("rediss://u:p@cache/0", {"rediss": 6379}) == "cache:6379"
    assert address_of("http://[::1]:9093/x", {}) == "[::1]:9093"


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (httpx.Response(200, json={"versionInfo": {"version": "0.28.1"}}), None),
        (httpx.Response(401), Trouble.LOGIN),
        (httpx.Response(404), Trouble.MUTE),
        (httpx.Response(200, text="<html>"), Trouble.MUTE),
        (httpx.Response(200, json=[]), Trouble.MUTE),
    ],
)
def test_what_answers_is_alertmanager_only_if_it_says_so(answer: httpx.Response, trouble: Trouble | None):
    assert _answered(Door("am:9093"), answer).door.trouble is trouble


def test_the_probe_leaves_nothing_behind(tmp_path: Path):
    seen = store("frames", "ANDON_STORE__FRAMES", str(tmp_path), f"{PROBE}1")
    assert (seen.unreadable, seen.unwritable, list(tmp_path.iterdir())) == ("", "", [])
    assert seen.room is not None
    assert 0 < seen.room[0] <= seen.room[1]


def test_without_a_probe_nothing_is_written(tmp_path: Path):
    before = tmp_path.stat().st_mtime_ns
    assert store("frames", "ANDON_STORE__FRAMES", str(tmp_path), None).unwritable is None
    assert tmp_path.stat().st_mtime_ns == before


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path):
    seen = store("frames", "ANDON_STORE__FRAMES", str(tmp_path / "later"), f"{PROBE}1")
    assert (seen.missing, seen.unwritable) == (True, None)
    assert not (tmp_path / "later").exists()


def test_a_folder_that_could_never_be_made_is_not_writable(tmp_path: Path):
    (tmp_path / "file").touch()
    seen = store("frames", "ANDON_STORE__FRAMES", str(tmp_path / "file" / "below"), f"{PROBE}1")
    assert "is no folder" in (seen.unwritable or seen.unreadable)


def test_a_store_whose_driver_is_not_installed_is_not_readable():
    seen = store("bundles", "ANDON_STORE__BUNDLES", "nosuch://bucket", f"{PROBE}1")
    assert "nosuch" in seen.unreadable


def test_a_variable_with_a_slip_in_it_is_found_with_the_right_one():
    given = {
        "ANDON_KAFKA__BOOTSTRAP_SERVER": "x",
        "ANDON_REDIS__URL": "redis://h",
        "ANDON_SCORING__X": "1",
        "HOME": "/",
    }
    found = own.environment(DoctorSettings(), given).unknown
    assert found == {"ANDON_KAFKA__BOOTSTRAP_SERVER": "ANDON_KAFKA__BOOTSTRAP_SERVERS", "ANDON_SCORING__X": None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANDON_CONSOLE_SERVICE_HOST", "10.0.0.7"),
        ("ANDON_CONSOLE_SERVICE_PORT_HTTP", "80"),
        ("ANDON_CONSOLE_PORT", "tcp://10.0.0.7:80"),
        ("ANDON_CONSOLE_PORT_80_TCP_ADDR", "10.0.0.7"),
        ("ANDON_SECRETS_DIR", "/run/secrets"),
    ],
)
def test_what_kubernetes_sets_for_its_services_is_no_slip(name: str, value: str):
    assert own.environment(DoctorSettings(), {name: value}).unknown == {}


def test_secrets_in_files_that_everybody_may_read_are_found(tmp_path: Path):
    for name, mode in {"ANDON_REDIS__PASSWORD": 0o640, "andon_webhook__key": 0o644, "README": 0o644}.items():
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    found = own.environment(DoctorSettings(), {"ANDON_SECRETS_DIR": str(tmp_path)})
    assert (found.open_files, found.secret_files) == (((str(tmp_path / "andon_webhook__key"), 0o644),), 2)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        ({"ANDON_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9092,kafka-1:9092"}, ["Kafka"]),
        ({"ANDON_REDIS__URL": "redis://cache:6379/0"}, ["Redis"]),
        ({"ANDON_REDIS__URL": "rediss://cache:6379/0"}, []),
        ({"ANDON_ALERTMANAGER__URL": "http://am:9093"}, ["Alertmanager"]),
        ({"ANDON_ALERTMANAGER__URL": "https://am"}, []),
    ],
)
def test_what_is_spoken_to_in_the_open_is_found(
    given: dict[str, str], told: list[str], monkeypatch: pytest.MonkeyPatch
):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert [what for what, _ in own.environment(load(DoctorSettings), given).in_the_open] == told


def test_the_line_file_is_read_as_andon_check_reads_it(tmp_path: Path):
    path = tmp_path / "line.yaml"
    path.write_text("stations:\n  weld-07:\n    budgget: 2 per 1000\n")
    (mistake,) = own.line_file(DoctorSettings(line=path)).mistakes
    assert mistake.startswith(f"{path}:3:")
    path.write_text("stations:\n  weld-07:\n    budget: 2 per 1000\n")
    assert own.line_file(DoctorSettings(line=path)).names == ("weld-07",)
    assert own.line_file(DoctorSettings(line=tmp_path / "none.yaml")).mistakes
    with pytest.raises(NotSetUp):
        own.line_file(DoctorSettings())


# The command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, nobody: str, tmp_path: Path) -> Callable[..., Result]:
    """`andon doctor` where nothing answers and the stores are folders."""
    for name in ("bundles", "frames", "evidence"):
        (tmp_path / name).mkdir()
    given = {
        "ANDON_KAFKA__BOOTSTRAP_SERVERS": nobody,
        "ANDON_REDIS__URL": f"redis://{nobody}/0",
        "ANDON_STORE__BUNDLES": str(tmp_path / "bundles"),
        "ANDON_STORE__FRAMES": str(tmp_path / "frames"),
        "ANDON_EVIDENCE__URL": str(tmp_path / "evidence"),
    }
    monkeypatch.delenv("ANDON_ONLY", raising=False)  # how these tests are run where one service is installed
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return lambda *words: CliRunner(env={**os.environ, "COLUMNS": "300"}).invoke(build("doctor"), ["doctor", *words])


def test_it_ends_well_and_says_so_where_nothing_is_bad(run: Callable[..., Result]):
    done = run("--only", "settings,stores")
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "8 checks: nothing is wrong"


def test_where_half_of_it_is_down_the_other_half_is_still_checked(run: Callable[..., Result]):
    began = time.monotonic()
    done = run("--json", "--timeout", "20")
    assert time.monotonic() - began < 15
    assert done.exit_code == 1
    found = {each["id"]: each for each in json.loads(done.stdout)["checks"]}
    assert list(found) == [each.id for each in CHECKS]
    assert (found["kafka.servers"]["state"], found["redis.answers"]["state"]) == ("bad", "bad")
    assert found["topics.there"]["says"] == "not checked: Kafka does not answer"
    assert found["redis.policy"]["says"] == "not checked: Redis does not answer"
    assert found["stores.writable"]["state"] == "ok"
    assert found["alertmanager.watchdog"]["state"] == "off"


def test_a_mistake_in_the_settings_is_told_as_any_command_tells_it(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ANDON_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    with pytest.raises(Mistake, match="ANDON_KAFKA"):
        raise run("--only", "stores").exception or AssertionError("it took them")

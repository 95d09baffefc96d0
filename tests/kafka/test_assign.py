"""`andon assign` and its sisters over real Kafka: the table is read whole, one word is written, the answer is heard."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from typer.testing import CliRunner, Result

from andon.cli import build
from andon.errors import Broken
from andon.kafka import KafkaSink, TopicReader
from andon.kafka.admin import create_topics
from andon.kafka.follow import FollowedAssignments
from andon.logs import set_up_logs
from andon.records import Assignment, Event, Proof, Refusal, write_event
from andon.settings import KafkaSettings
from andon.stage import Message
from andon.store import BundleStore
from andon.testing.models import proven_bundle
from andon.topics import BY_NAME, MODELS

pytestmark = pytest.mark.servers

A, B, C = (proven_bundle(threshold=level) for level in (100.0, 110.0, 120.0))
AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


@pytest.fixture
def station(kafka: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A station of its own, in a store of its own."""
    set_up_logs("andon", "error", "console")  # as `andon` does: stdout is for tables and --json
    create_topics(kafka, [BY_NAME[MODELS]], 1, 1)
    monkeypatch.setenv("ANDON_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("ANDON_STORE__BUNDLES", str(tmp_path / "bundles"))
    for bundle in (A, B, C):
        BundleStore(str(tmp_path / "bundles")).put(bundle)
    yield f"s-{uuid4().hex[:8]}"
    structlog.reset_defaults()


def run(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(build(words[0]), list(words))


def active(kafka: KafkaSettings, station: str) -> Assignment:
    with closing(FollowedAssignments(kafka)) as followed:
        serving = followed.table.of(station, None)
        assert serving is not None
        return serving.active


@contextmanager
def scoring(kafka: KafkaSettings, station: str, says: Callable[[Assignment], Event]) -> Iterator[None]:
    """A process that answers every assignment of the station, as scoring does, until the block ends."""
    over, ready = threading.Event(), threading.Event()

    def answer() -> None:
        with closing(TopicReader(kafka, MODELS)) as reader, closing(KafkaSink(kafka)) as sink:
            list(reader.read_to_end())
            ready.set()
            while not over.is_set():
                for record in reader.changes(0.1):
                    if (record.key or b"").startswith(station.encode() + b"/"):
                        said = says(Assignment.model_validate_json(record.value))
                        sink.send([Message(MODELS, said.key, write_event(said))], lambda: None)  # type: ignore[attr-defined]

    thread = threading.Thread(target=answer)
    thread.start()
    assert ready.wait(60)
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_an_assignment_waits_for_its_proof_and_a_rollback_finds_the_way_back(
    kafka: KafkaSettings, station: str
) -> None:
    with scoring(kafka, station, lambda it: Proof(station=station, bundle=it.bundle, at=AT)):
        for bundle in (A, B):
            told = run("assign", station, bundle.digest[:8], "--why", "tried", "--json")
            assert json.loads(told.stdout)["state"] == "proven", told.stderr
        back = run("rollback", station, "--why", "no good", "--json")
    assert json.loads(back.stdout)["state"] == "proven"
    now = active(kafka, station)
    assert (now.bundle, now.past, now.why) == (A.digest, (), "no good")


def test_a_refusal_is_heard_and_shown(kafka: KafkaSettings, station: str) -> None:
    with scoring(kafka, station, lambda it: Refusal(station=station, bundle=it.bundle, why="not here", at=AT)):
        told = run("assign", station, A.digest)
    assert told.exit_code == 1
    assert "not here" in told.stderr
    assert "refused: not here" in next(line for line in run("assignments").stdout.splitlines() if station in line)


def test_of_two_at_once_the_last_word_wins_and_both_are_remembered_unless_one_expected_another(
    kafka: KafkaSettings, station: str
) -> None:
    for bundle in (A, B):
        assert run("assign", station, bundle.digest, "--wait", "0").exit_code == 0
    late = run("assign", station, C.digest, "--expect", A.digest, "--wait", "0")
    assert f"it is {B.digest[:12]}" in str(late.exception)
    now = active(kafka, station)
    assert (now.bundle, [each.bundle for each in now.past]) == (B.digest, [A.digest])


def test_a_shadow_is_named_and_promoted(kafka: KafkaSettings, station: str) -> None:
    run("assign", station, A.digest, "--wait", "0")
    run("shadow", station, B.digest, "--promote-after", "10", "--budget", "1%")
    assert active(kafka, station).shadows == (B.digest,)
    assert run("promote", station, "--wait", "0").exit_code == 0
    assert (active(kafka, station).bundle, active(kafka, station).promotion) == (B.digest, None)


def test_what_the_table_needs_is_listed_and_kept(kafka: KafkaSettings, station: str) -> None:
    run("assign", station, A.digest, "--wait", "0")
    rows = {row["digest"]: row for row in json.loads(run("bundles", "list", "--json").stdout)}
    assert station in rows[A.digest]["active"]
    assert station not in rows[B.digest]["active"]


def test_kafka_that_is_away_is_told_in_time(station: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("ANDON_KAFKA__DELIVERY_TIMEOUT_S", "1")
    assert isinstance(run("rollback", station).exception, Broken)

"""A station that nobody assigned anything learns by itself; bundles on trial come and go by rule; people hear."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from andon.assigning import promoted, shadowed
from andon.ids import frame_id
from andon.records import Assignment, FramePlace, Notice, NoticeKind, Score, Trial, Verdict, read_event, write_event
from andon.stage import Message
from andon.topics import MODELS, NOTICES, SCORES, SHADOW_SCORES
from andon_demo.line import ServiceProcess
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial as Line

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

WANTED = 30


@pytest.fixture
def line(tmp_path: Path, pages: Any) -> Iterator[Line]:
    """A line on which nothing is assigned."""
    env = {
        "ANDON_POLICY__SILENT_AFTER_S": "3600",
        "ANDON_WEBHOOK__URL": pages.url,
        "ANDON_WEBHOOK__KEY": "a key for tests",
        "ANDON_MODELS__THREADS": "1",
        "ANDON_ONBOARDING__FRAMES": str(WANTED),
        "ANDON_ONBOARDING__BUDGET": "2 per 100",
        "ANDON_ONBOARDING__SIZE": "64",
        "ANDON_SETTLE_S": "0.5",
    }
    with Servers() as servers, Line(servers, tmp_path, env, random.SystemRandom()) as line:
        yield line


def assignments(line: Line) -> list[Assignment]:
    """Every word about who serves whom, in order."""
    plain = [record for record in line.read(MODELS) if b":" not in (record.key or b":")]
    return [read_event(Assignment, record.value) for record in plain]


def notices(line: Line) -> list[Notice]:
    return [read_event(Notice, record.value) for record in line.read(NOTICES)]


def by_trainer(line: Line, kind: NoticeKind) -> Notice | None:
    return next((each for each in notices(line) if each.kind is kind), None)


def alert_names(line: Line) -> set[str]:
    found = httpx.get(f"{line.servers.alertmanager.url}/api/v2/alerts").json()
    return {alert["labels"]["cause"] for alert in found if "cause" in alert["labels"]}


def test_a_new_station_learns_by_itself_though_the_trainer_is_killed_while_it_does(line: Line, pages: Any) -> None:
    line.start()
    line.start("trainer")
    trainer = line.service("trainer")
    line.ingest(
        "generate", "--stations", "1", "--rate", "20", "--count", str(WANTED + 5), "--seed", "1", "--defects", "0"
    )
    attempt = _attempt(line)
    os.kill(trainer.process.pid, signal.SIGKILL)
    trainer.process.kill()
    psutil.wait_procs([attempt], timeout=10)
    assert not attempt.is_running(), "an attempt ends with its trainer"
    assert assignments(line) == []

    line.start("trainer")
    line.until(lambda: assignments(line), "the station to be assigned a bundle", 120)
    line.ingest("generate", "--stations", "1", "--rate", "10", "--count", "20", "--seed", "2", "--defects", "0")
    line.until(lambda: _scored(line) >= 10, "new frames to be inspected")
    (given,) = assignments(line)
    assert (given.state, given.by, given.why) == ("learning", "andon trainer", f"first {WANTED + 5} frames")
    (notice,) = notices_of(line, NoticeKind.ONBOARDED)
    assert notice.bundle == given.bundle
    line.until(lambda: f"{notice.notice_id}/notice" in pages.told, "people to be told")
    assert pages.told[f"{notice.notice_id}/notice"] == 1
    assert "onboarded" in alert_names(line)
    line.line.check()


def notices_of(line: Line, kind: NoticeKind) -> list[Notice]:
    return [each for each in notices(line) if each.kind is kind]


def _attempt(line: Line) -> psutil.Process:
    """The process that fits, once there is one."""
    found: list[psutil.Process] = []

    def look() -> list[psutil.Process]:
        found[:] = psutil.Process(line.service("trainer").process.pid).children(recursive=True)
        return found

    line.until(look, "an attempt to begin", pause_s=0.02)
    return found[0]


def _scored(line: Line) -> int:
    scores = [read_event(Score, record.value) for record in line.read(SCORES)]
    return sum(score.verdict is not Verdict.UNSCORABLE for score in scores)


def write_scores(line: Line, old: str, new: str, by_old: str, by_new: str, first: int = 0, live: str = "old") -> None:
    """What two bundles say of frames, as scoring and shadow-scoring write it; a letter a frame."""
    topics = (SCORES, SHADOW_SCORES) if live == "old" else (SHADOW_SCORES, SCORES)
    messages = []
    for bundle, letters, topic in ((old, by_old, topics[0]), (new, by_new, topics[1])):
        for seq, letter in enumerate(letters, first):
            now = datetime.now(UTC)
            score = Score(
                frame_id=frame_id("press-1", 1, seq),
                station="press-1",
                epoch=1,
                seq=seq,
                captured_at=now,
                scored_at=now,
                verdict=Verdict.ANOMALOUS if letter == "a" else Verdict.OK,
                score=200 if letter == "a" else 50,
                threshold=128,
                bundle=bundle,
                width=16,
                height=16,
                frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
            )
            messages.append(Message(topic, b"press-1", write_event(score)))
    line.write(*messages)


def test_a_shadow_is_promoted_and_comes_back_when_it_breaks_its_budget(
    line: Line, pages: Any, bundle: Callable[..., Any]
) -> None:
    old, new = bundle(), bundle(threshold=100.0)
    for each in (old, new):
        line.bundles.put(each)
    first = Assignment(station="press-1", bundle=old.digest, by="mira", at=datetime.now(UTC))
    asked = shadowed(
        first, new.digest, promotion=Trial(frames=40, budget=0.05), by="mira", why="", at=datetime.now(UTC)
    )
    line.write(Message(MODELS, asked.key, write_event(asked)))
    line.start("alerting", "trainer")
    write_scores(line, old.digest, new.digest, "o" * 30, "o" * 30)
    trainer = line.service("trainer")
    line.until(lambda: not line.behind("trainer", SHADOW_SCORES), "the trainer to have read them")
    trainer.process.kill()  # it has committed what it counted, and forgets it
    line.start("trainer")
    write_scores(line, old.digest, new.digest, "o" * 10, "a" + "o" * 9, first=30)
    line.until(lambda: by_trainer(line, NoticeKind.PROMOTED), "the shadow to be promoted")
    line.until(lambda: assignments(line)[-1].bundle == new.digest, "it to be assigned")
    taken = assignments(line)[-1]
    assert (taken.by, taken.shadows, taken.past[0].bundle) == ("andon trainer", (old.digest,), old.digest)
    assert "Of 40 frames that both scored, the new one alone called out 1" in taken.why

    time.sleep(0.1)
    write_scores(line, old.digest, new.digest, "o" * 20, "a" * 20, first=40, live="new")
    line.until(lambda: by_trainer(line, NoticeKind.ROLLED_BACK), "it to be rolled back")
    line.until(lambda: assignments(line)[-1].bundle == old.digest, "the old one to be assigned")
    told = {f"{each.notice_id}/notice" for each in notices(line)}
    assert len(told) == 2
    line.until(lambda: told <= pages.told.keys(), "people to be told")
    assert {"promoted", "rolled_back"} <= alert_names(line)
    assert len(assignments(line)) == 3


def test_a_command_in_between_ends_the_trial(line: Line, bundle: Callable[..., Any]) -> None:
    old, new = bundle(), bundle(threshold=100.0)
    for each in (old, new):
        line.bundles.put(each)
    first = Assignment(station="press-1", bundle=old.digest, by="mira", at=datetime.now(UTC))
    shadow = shadowed(first, new.digest, promotion=None, by="mira", why="", at=datetime.now(UTC))
    trial = Trial(frames=20, budget=0.05)
    on_probation = promoted(shadow, new.digest, probation=trial, by="mira", why="", at=datetime.now(UTC))
    line.write(Message(MODELS, on_probation.key, write_event(on_probation)))
    line.start("trainer")
    write_scores(line, old.digest, new.digest, "o" * 19, "o" * 19, live="new")
    line.until(lambda: not line.behind("trainer", SCORES), "the trainer to have read them")
    mine = first.model_copy(update={"why": "enough", "at": datetime.now(UTC)})
    line.write(Message(MODELS, mine.key, write_event(mine)))
    write_scores(line, old.digest, new.digest, "o" * 10, "o" * 10, first=19, live="new")
    line.until(lambda: not line.behind("trainer", SCORES), "the trainer to have read them")
    time.sleep(1.5)
    assert assignments(line)[-1].why == "enough"
    assert notices(line) == []


def test_real_frames_promote_a_shadow_and_take_it_back_and_none_is_lost(
    line: Line, bundle: Callable[..., Any], flat: Callable[[int], bytes], tmp_path: Path
) -> None:
    old, new = bundle(), bundle(threshold=100.0)
    for each in (old, new):
        line.bundles.put(each)
    first = Assignment(station="press-1", bundle=old.digest, by="mira", at=datetime.now(UTC))
    trial = Trial(frames=40, budget=0.05)
    asked = shadowed(first, new.digest, promotion=trial, by="mira", why="", at=datetime.now(UTC))
    line.write(Message(MODELS, asked.key, write_event(asked)))
    line.start()
    line.start("shadow-scoring", "trainer")

    def ingest(name: str, count: int, level: int) -> None:
        folder = tmp_path / name
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:03}.jpg").write_bytes(flat(level + number % 5))
        line.ingest("folder", "--from", f"press-1={folder}", "--rate", "20")

    ingest("good", 60, level=50)
    line.until(lambda: by_trainer(line, NoticeKind.PROMOTED), "the shadow to be promoted")
    line.until(lambda: line.count(SCORES) == 60, "the good frames to be scored")
    ingest("brighter", 60, level=110)
    line.until(lambda: by_trainer(line, NoticeKind.ROLLED_BACK), "it to be taken back")
    ledger = line.settled(120)
    assert ledger.faults() == {}
    assert [each.bundle for each in assignments(line)] == [old.digest, new.digest, old.digest]
    assert {kind.kind for kind in notices(line)} >= {NoticeKind.PROMOTED, NoticeKind.ROLLED_BACK}
    line.line.check()


@pytest.mark.nightly
def test_two_replicas_share_the_new_stations_and_assign_each_once(line: Line, tmp_path: Path) -> None:
    line.start()
    line.start("trainer")
    other = ServiceProcess("trainer-2", ["trainer"], tmp_path / "logs", line.env, 0)
    other.process.start()
    try:
        line.ingest("generate", "--stations", "4", "--defects", "0", "--rate", "10", "--count", str(WANTED + 5))
        line.until(lambda: len(assignments(line)) >= 4, "four stations to be assigned a bundle", 150)
        time.sleep(2)
        stations = [each.station for each in assignments(line)]
        assert sorted(stations) == sorted(set(stations))
        assert len(notices_of(line, NoticeKind.ONBOARDED)) == 4
    finally:
        other.process.stop(grace_s=25)

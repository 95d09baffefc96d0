"""What people ask training for, on real Kafka: a trainer killed in the middle takes it up again, and does it once."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import psutil
import pytest

from andon.folder import Folder
from andon.ids import frame_id
from andon.records import (
    Answer,
    Assignment,
    Frame,
    Request,
    RequestNews,
    RequestState,
    Told,
    Wish,
    frame_headers,
    read_event,
    write_event,
)
from andon.reviewed import write_reviewed
from andon.stage import Message
from andon.testing.models import proven_bundle
from andon.testing.parts import Picture, labelled, part, png, scratched
from andon.topics import FRAMES, MODELS, REQUESTS
from andon_demo.line import run_to_end
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]

STATION = "weld-07"


@pytest.fixture
def trial(servers: Servers, tmp_path: Path) -> Iterator[Trial]:
    env = {"ANDON_KAFKA__GROUP_PREFIX": f"g-{uuid4().hex[:8]}", "ANDON_EVIDENCE__URL": str(tmp_path / "evidence")}
    with Trial(servers, tmp_path, env, random.SystemRandom()) as trial:
        yield trial


def review(folder: Path, seq: int, told: Told, picture: Picture) -> UUID:
    """A frame that somebody answered, kept; answers its id."""
    answer = Answer(frame_id=frame_id(STATION, 1, seq), station=STATION, answer=told, at=datetime.now(UTC))
    write_reviewed(Folder(str(folder / "evidence")), answer, png(picture))
    return answer.frame_id


def level(grey: int) -> Picture:
    return np.full((8, 8), grey, np.uint8)


def asked(
    trial: Trial, bundle: str, wish: Wish, budget: float | None, by: str = "mira", product: str | None = None
) -> Callable[[], list[RequestNews]]:
    """Asks; answers what reads the news of it."""
    request = Request(
        request_id=uuid4(),
        wish=wish,
        station=STATION,
        product=product,
        bundle=bundle,
        budget=budget,
        by=by,
        at=datetime.now(UTC),
    )
    trial.write(Message(REQUESTS, STATION.encode(), write_event(request)))

    def news() -> list[RequestNews]:
        values = [record.value for record in trial.read(REQUESTS)]
        said = [read_event(RequestNews, value) for value in values if b'"record":"news"' in value]
        return [each for each in said if each.request_id == request.request_id]

    return news


def over(news: Callable[[], list[RequestNews]]) -> bool:
    return any(each.state is not RequestState.TAKEN for each in news())


def test_a_request_is_done_though_the_trainer_is_killed_and_what_cannot_be_done_is_refused_in_words(
    trial: Trial, tmp_path: Path
) -> None:
    bundle = proven_bundle(10, 200)
    trial.bundles.put(bundle)
    review(tmp_path, 1, Told.REAL, level(200))
    review(tmp_path, 2, Told.FALSE_CALL, level(190))
    assigned_before = trial.count(MODELS)
    trial.start("trainer")
    process = trial.service("trainer").process
    news = asked(trial, bundle.digest, Wish.THRESHOLD, 0.2)
    trial.until(lambda: psutil.Process(process.pid).children(), "its process to begin", pause_s=0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.kill()

    trial.start("trainer")
    trial.until(lambda: over(news), "the request to be answered")
    last = news()[-1]
    assert last.state is RequestState.DONE, last.sentence
    assert last.bundle is not None
    made = trial.bundles.get(last.bundle).manifest
    assert (made.provenance.recalibrated_from, made.calibration.budget) == (bundle.digest, 0.2)
    assert last.rescored is not None
    assert (last.rescored.defects, last.rescored.found_after) == (1, 1)

    refused = asked(trial, bundle.digest, Wish.MEMORY, None)
    trial.until(lambda: over(refused), "the other to be refused")
    assert refused()[-1].state is RequestState.REFUSED
    assert "no memory that Andon could add to" in refused()[-1].sentence
    assert sum(each.state is RequestState.DONE for each in news()) == 1
    assert trial.count(MODELS) == assigned_before


def test_what_drift_asks_for_is_made_from_the_newest_frames_of_the_product_and_runs_beside(
    servers: Servers, tmp_path: Path
) -> None:
    small = {"ANDON_ONBOARDING__FRAMES": "20", "ANDON_ONBOARDING__SIZE": "64", "ANDON_ONBOARDING__ENABLED": "false"}
    env = {"ANDON_KAFKA__GROUP_PREFIX": f"g-{uuid4().hex[:8]}", "ANDON_EVIDENCE__URL": str(tmp_path / "evidence")}
    with Trial(servers, tmp_path, env | small, random.SystemRandom()) as trial:
        bundle = proven_bundle(10, 200)
        trial.bundles.put(bundle)
        given = Assignment(
            station=STATION, product="hinge", bundle=bundle.digest, by="mira", at=datetime.now(UTC) - timedelta(hours=1)
        )
        shown = [frame_message(seq, "bracket" if seq % 2 else "hinge") for seq in range(64)]
        trial.write(Message(MODELS, given.key, write_event(given)), *shown)
        trial.start("trainer")
        news = asked(trial, bundle.digest, Wish.RETRAIN, None, "drift", "hinge")
        trial.until(lambda: over(news), "the request to be answered", within_s=60)
        last = news()[-1]
        assert last.state is RequestState.DONE, last.sentence
        assert last.bundle is not None
        made = trial.bundles.get(last.bundle).manifest
        assert made.training.frames_offered == 32
        said = [read_event(Assignment, each.value) for each in trial.read(MODELS) if each.key == given.key]
        assert [(each.bundle, each.shadows) for each in said[-2:]] == [
            (bundle.digest, ()),
            (bundle.digest, (last.bundle,)),
        ]


def frame_message(seq: int, product: str) -> Message:
    """A good part, photographed just now."""
    frame = Frame(STATION, 1, seq, frame_id(STATION, 1, seq), datetime.now(UTC), product=product)
    return Message(FRAMES, STATION.encode(), png(part(seq)), frame_headers(frame))


def test_false_calls_join_a_memory_and_the_report_says_that_no_known_defect_is_lost(
    trial: Trial, tmp_path: Path
) -> None:
    for seed in range(40):
        (tmp_path / "good").mkdir(exist_ok=True)
        (tmp_path / "good" / f"{seed:03}.png").write_bytes(png(part(seed)))
    fit = [
        "fit",
        str(tmp_path / "good"),
        "--out",
        str(tmp_path / "good.andon"),
        "--method",
        "memory-bank",
        "--size",
        "128",
        "--budget",
        "2 per 100",
    ]
    run_to_end("fit", [*fit, "--store", trial.bundles.url, "--json"], tmp_path, {}, 120)
    (known,) = trial.bundles.stored()
    wanted = [review(tmp_path, seed, Told.FALSE_CALL, labelled(seed)) for seed in range(100, 104)]
    for seed in range(200, 204):
        review(tmp_path, seed, Told.REAL, scratched(seed))
    trial.start("trainer")
    news = asked(trial, known.digest, Wish.MEMORY, None)
    trial.until(lambda: over(news), "the request to be answered", within_s=60)
    last = news()[-1]
    assert last.state is RequestState.DONE, last.sentence
    assert last.bundle is not None
    assert last.rescored is not None
    made = trial.bundles.get(last.bundle).manifest
    assert made.provenance.remembered_from == known.digest
    assert made.training.remembered is not None
    assert set(made.training.remembered.frames) <= set(wanted)
    assert last.rescored.defects == 4
    assert last.rescored.lost == ()
    assert last.rescored.found_after == last.rescored.found_before
    assert (last.rescored.called_before, last.rescored.called_after) == (4, 0)

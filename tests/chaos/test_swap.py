"""Another bundle under load: no frame lost, no score by a mixture, and one that is not what it was stays out."""

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from andon.records import Assignment, Notice, NoticeKind, Score, Swap, read_event, write_event
from andon.stage import Message
from andon.testing.models import LOG_OF_BRIGHTEST, swapped_model, tiny_model
from andon.topics import FRAMES, MODELS, NOTICES, SCORES, SHADOW_SCORES
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

FRAME_COUNT = 800


def test_a_refused_bundle_that_wants_other_pixels_leaves_the_station_inspected_by_the_old_one(
    trial: Trial, parts: Callable[..., list[str]], bundle: Callable[..., Any]
) -> None:
    old, wrong, larger = bundle(), bundle(threshold=99.0, claimed=5.0, side=24), bundle(threshold=150.0, side=16)
    trial.start()
    scoring = trial.service("scoring")
    trial.ingest("folder", *parts(FRAME_COUNT), "--rate", "16")
    trial.until(lambda: trial.count(SCORES) > 80, "scores to flow")
    trial.assign(wrong)
    trial.until(lambda: scoring.gauge("andon_bundles_refused_total") == 1, "it to be refused")
    seen = trial.count(SCORES)
    trial.until(lambda: trial.count(SCORES) > seen + 80, "scores to go on")
    trial.assign(larger)
    ledger = trial.settled(FRAME_COUNT)

    assert ledger.faults() == {}
    verdicts = {each.bundle for repeats in ledger.scores.values() for each in repeats}
    assert verdicts == {old.digest, larger.digest}  # none unscorable, none by the refused one
    trial.line.check()


def test_bundles_are_swapped_between_frames_and_one_that_fails_its_gate_leaves_the_old_one_serving(
    trial: Trial, parts: Callable[..., list[str]], bundle: Callable[..., Any]
) -> None:
    old, new, wrong = bundle(), bundle(threshold=150.0), bundle(threshold=99.0, claimed=5.0)
    tampered = swapped_model(bundle(threshold=88.0), tiny_model(nodes=LOG_OF_BRIGHTEST))
    trial.start()
    scoring = trial.service("scoring")
    trial.ingest("folder", *parts(FRAME_COUNT), "--rate", "16")
    trial.until(lambda: trial.count(SCORES) > 80, "scores to flow")

    trial.assign(new)
    trial.until(lambda: scoring.gauge("andon_bundle_swaps_total") == 8, "every station to be served by the new one")
    swapped_at = trial.ends(SCORES)
    trial.until(lambda: trial.count(SCORES) > sum(swapped_at.values()) + 80, "scores to go on")
    for number, refused in enumerate((wrong, tampered), 1):
        trial.assign(refused)
        trial.until(lambda: scoring.gauge("andon_bundles_refused_total") == number, "it to be refused")  # noqa: B023
        trial.assign(new)
    ledger = trial.settled(FRAME_COUNT)

    assert ledger.faults() == {}
    scores = [each for repeats in ledger.scores.values() for each in repeats]
    assert {(score.bundle, score.threshold) for score in scores} == {(old.digest, 128.0), (new.digest, 150.0)}
    by_station = defaultdict(list)
    for score in sorted(scores, key=lambda score: score.seq):
        by_station[score.station].append(score.bundle)
    for bundles in by_station.values():
        turn = bundles.index(new.digest)
        assert set(bundles[:turn]) == {old.digest}
        assert set(bundles[turn:]) == {new.digest}
    trial.line.check()


def memory_mib(pid: int) -> float:
    """VmRSS of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.parametrize("count", [12, pytest.param(50, marks=pytest.mark.nightly)])
def test_swaps_under_load_lose_mix_and_delay_no_frame_and_leave_no_memory_behind(
    trial: Trial, parts: Callable[..., list[str]], bundle: Callable[..., Any], count: int
) -> None:
    """Each wants other pixels than the one before, so that every swap goes through preprocess, too."""
    bundles = [bundle(threshold=130.0 + number, side=(8, 16)[number % 2]) for number in range(count + 1)]
    trial.assign(bundles[0])
    trial.start()
    scoring = trial.service("scoring")
    ingest = trial.ingest("folder", *parts(FRAME_COUNT), "--loop", "--rate", "10")
    trial.until(lambda: trial.count(SCORES) > 80, "scores to flow")
    time.sleep(5)
    began, memory = time.time(), []
    for number, each in enumerate(bundles[1:], 1):
        swaps = scoring.gauge("andon_bundle_swaps_total") or 0
        trial.assign(each)
        trial.until(lambda: (scoring.gauge("andon_bundle_swaps_total") or 0) >= swaps + 4, f"swap {number}")  # noqa: B023
        memory.append(memory_mib(scoring.process.pid))
    ended = time.time()
    time.sleep(5)
    ingest.process.stop(grace_s=25)
    ledger = trial.settled(trial.count(FRAMES))

    assert ledger.faults() == {}
    order = {each.digest: number for number, each in enumerate(bundles)}
    scores = [(record.timestamp_ms / 1000, read_event(Score, record.value)) for record in trial.read(SCORES)]
    assert {score.threshold == 130.0 + order[score.bundle or ""] for _, score in scores} == {True}
    waits = [(score.captured_at.timestamp(), done - score.captured_at.timestamp()) for done, score in scores]
    calm = [wait for captured, wait in waits if not began <= captured <= ended]
    swapping = [wait for captured, wait in waits if began <= captured <= ended]
    assert max(swapping) < max(calm) + 0.25
    assert memory[-1] < 1.05 * memory[9]
    swaps = [read_event(Swap, each.value) for each in trial.read(MODELS) if (each.key or b"").startswith(b"swapped:")]
    assert {swap.bundle for swap in swaps if swap.before == bundles[-2].digest} == {bundles[-1].digest}
    trial.line.check()


def test_shadows_score_beside_a_live_line_and_page_nobody(
    trial: Trial, parts: Callable[..., list[str]], bundle: Callable[..., Any]
) -> None:
    active, same, other = bundle(threshold=255.0), bundle(threshold=60.0), bundle(threshold=70.0, side=16)
    broken = bundle(threshold=99.0, claimed=5.0)
    for each in (active, same, other, broken):
        trial.bundles.put(each)
    given = Assignment(bundle=active.digest, shadows=(same.digest, other.digest, broken.digest), at=datetime.now(UTC))
    trial.write(Message(MODELS, given.key, write_event(given)))
    trial.start()
    trial.start("shadow-scoring")
    trial.ingest("folder", *parts(120), "--rate", "16")
    ledger = trial.settled(120)
    trial.until(lambda: trial.count(SHADOW_SCORES) >= 240, "the shadows to have scored all")

    assert ledger.faults() == {}
    assert {score.bundle for repeats in ledger.scores.values() for score in repeats} == {active.digest}
    by_shadow = defaultdict(set)
    for record in trial.read(SHADOW_SCORES):
        score = read_event(Score, record.value)
        by_shadow[score.bundle].add(score.frame_id)
    assert by_shadow == {shadow.digest: ledger.scores.keys() for shadow in (same, other)}
    notices = [read_event(Notice, record.value) for record in trial.read(NOTICES)]
    assert {each.bundle for each in notices if each.kind == NoticeKind.SHADOW_REFUSED} == {broken.digest}
    trial.line.check()

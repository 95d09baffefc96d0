"""Another bundle under load: no frame lost, no score by a mixture, and one that is not what it was stays out."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from andon.testing.models import LOG_OF_BRIGHTEST, swapped_model, tiny_model
from andon.topics import SCORES
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

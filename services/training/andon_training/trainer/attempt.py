"""One attempt to fit a bundle, in a process of its own: `python -m andon_training.trainer.attempt`.

It reads a job as one line of JSON from stdin, or in a Kubernetes Job from ANDON_ASKED, and answers with its outcome as
one on stdout. It ends when its stdin does: with the trainer that started it; a Job runs on.
"""

import os
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from andon.bundle import Bundle
from andon.errors import AndonError, Broken, Mistake
from andon_training.jobs.worker import ASKED
from andon_training.trainer.lesson import Job, Lesson, Outcome
from andon_training.trainer.settings import TrainerSettings


def main() -> None:
    """The whole attempt."""
    from andon.settings import load

    job = Job.model_validate_json(asked())
    try:
        outcome = Outcome(job=job, lesson=learned(job, load(TrainerSettings)))
    except AndonError as error:
        outcome = Outcome(job=job, problem=str(error), ours=not isinstance(error, Mistake))
    sys.stdout.write(outcome.model_dump_json() + "\n")


def learned(job: Job, settings: TrainerSettings) -> Lesson:
    """The station's newest frames from Kafka become a bundle in the store, proven as it lies there.

    Raises Mistake where the frames do not make a bundle, Broken when Kafka, the store or the proof fails.
    """
    from andon_training.commands.guard import guard_images

    guard_images()
    from andon.budget import parse_budget
    from andon.run import andon_version
    from andon.store import BlobStore
    from andon_training.choose import Fixed
    from andon_training.fit import FitSettings, fit_bundle
    from andon_training.from_kafka import collect

    asked = settings.onboarding
    fit = FitSettings(budget=parse_budget(asked.budget), fixed=Fixed(size=asked.size), int8=asked.int8)
    with TemporaryDirectory(prefix="andon-trainer-", ignore_cleanup_errors=True) as spool:
        blobs = BlobStore(settings.store.frames)
        frames = collect(settings.kafka, blobs, job.station, most=job.frames, wait_s=0, spool=Path(spool))
        bundle = fit_bundle(frames, fit, andon_version=andon_version(), created_at=datetime.now(UTC))
    return proven(shelved(bundle, settings), len(frames))


def shelved(bundle: Bundle, settings: TrainerSettings) -> Bundle:
    """`bundle` as the store holds it now, signed where there is a key.

    Raises Broken when the store fails, Mistake when the key does, or when scoring would not trust the bundle.
    """
    from andon.signing import sign
    from andon.store import BundleStore

    store, key = BundleStore.of(settings.store), settings.onboarding.signing_key_location
    store.put(bundle)
    if key is not None:
        store.add_signature(bundle.digest, sign(bundle.digest, key, _no_password))
    return store.get(bundle.digest)


def proven(bundle: Bundle, offered: int) -> Lesson:
    """What `bundle` says of itself. Raises Broken unless it passes its gate here."""
    from andon.gate import run_gate
    from andon.inference import open_bundle
    from andon.records import Verdict

    result = run_gate(bundle, open_bundle(bundle))
    if not result.passed:
        raise Broken(f"bundle {bundle.digest[:12]} does not pass its gate as it lies in the store: {result}")
    training, calibration = bundle.manifest.training, bundle.manifest.calibration
    return Lesson(
        bundle=bundle.digest,
        frames=training.frames,
        offered=offered,
        left_out=len(training.left_out) + len(training.unreadable),
        worth_a_look=len(training.worth_a_look),
        threshold=bundle.manifest.threshold,
        budget=calibration.budget,
        low=calibration.interval.low,
        high=calibration.interval.high,
        confidence=calibration.interval.confidence,
        sees=any(frame.verdict is Verdict.ANOMALOUS for frame in bundle.manifest.golden),
    )


def _no_password() -> str:
    raise Mistake(
        "ANDON_ONBOARDING__SIGNING_KEY_LOCATION asks for a password, and nobody is here; give a key without one"
    )


def asked() -> str:
    """What is asked: as a Job is told it, or from stdin, with which this process then ends."""
    given = os.environ.get(ASKED)
    if given:
        return given
    line = sys.stdin.readline()
    threading.Thread(target=end_with_the_trainer, daemon=True).start()
    return line


def end_with_the_trainer() -> None:
    """Waits until stdin ends, and then ends this process: whoever started it is gone."""
    with suppress(OSError):
        while os.read(sys.stdin.fileno(), 1024):
            continue
    os._exit(1)


if __name__ == "__main__":
    main()

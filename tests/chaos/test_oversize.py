"""An image too large for a record, and one too large for anything, among a hundred small ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from andon.records import read_frame
from andon.testing.hostile import png
from andon.topics import FRAMES, MAX_INLINE_BYTES
from andon_demo.line import last_json
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

JPEG_BEGINS = b"\xff\xd8\xff\xe0"


def test_a_large_image_goes_by_claim_check_and_a_huge_one_is_a_dead_letter(
    trial: Trial, parts: Callable[..., list[str]], tmp_path: Path
) -> None:
    folders = parts(100, stations=1)
    folder = tmp_path / "press-0"
    noise = np.random.default_rng(1).integers(0, 100, (2400, 2400), np.uint8)
    large = png(noise)
    assert len(large) > MAX_INLINE_BYTES
    (folder / "00030-large.png").write_bytes(large)
    with (folder / "00060-huge.jpg").open("wb") as huge:
        huge.write(JPEG_BEGINS)
        huge.truncate(65 * 1024 * 1024)

    trial.start()
    ingest = trial.ingest("folder", *folders, "--json")
    trial.until(lambda: not ingest.process.running, "ingest to end")
    assert ingest.process.returncode == 0, ingest.process.tail()
    told = last_json(ingest.process.log, "captured") or {}
    assert (told["captured"], told["delivered"], told["dead_lettered"]) == (102, 101, 1)

    ledger = trial.settled(102)
    assert ledger.faults() == {}
    assert len(ledger.scores) == 101
    assert list(ledger.dead.values()) == [["too_large"]]
    checked = [frame for record in trial.read(FRAMES) if (frame := read_frame(record)).dataref]
    assert [frame.subject for frame in checked] == ["00030-large.png"]
    (score,) = ledger.scores[checked[0].frame_id]
    assert (score.width, score.height) == (2400, 2400)

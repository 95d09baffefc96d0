"""anomalib's own `Folder` reads what `andon reviewed export --format folder` makes."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
import pytest
from anomalib.data import Folder as AnomalibFolder

from andon.folder import Folder
from andon.records import Answer, Outline, Told
from andon.reviewed import write_reviewed

ANDON = Path(__file__).parents[2] / ".venv" / "bin" / "andon"
NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SQUARE = Outline(points=((0, 0), (31, 0), (31, 31), (0, 31)))


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Forty good frames, three defects outlined and two not."""
    if not ANDON.exists():
        pytest.skip("the console exports from an environment of its own (make setup), which is not here")
    store = Folder(str(tmp_path / "evidence"))
    for number in range(45):
        image = bytes(cv2.imencode(".png", np.full((64, 64, 3), number, np.uint8))[1])
        said = Told.GOOD if number < 40 else Told.REAL
        fields = {"frame_id": UUID(int=number), "station": "weld-07", "answer": said, "at": NOW}
        fields |= {"outlines": (SQUARE,), "defect": "dent" if number == 40 else None} if 40 <= number < 43 else {}
        write_reviewed(store, Answer.model_validate(fields), image)
    command = [ANDON, "reviewed", "export", tmp_path / "out", "--format", "folder"]
    subprocess.run(command, env=os.environ | {"ANDON_EVIDENCE__URL": store.url}, check=True, timeout=60)
    return tmp_path / "out" / "weld-07"


def test_with_masks_it_has_every_outlined_defect_with_the_mask_of_its_own(exported: Path):
    module = AnomalibFolder(
        name="parts", root=exported, normal_dir="good", normal_test_dir="good_test",
        abnormal_dir="defect", mask_dir="mask", num_workers=0, val_split_mode="none",
    )  # fmt: skip
    module.setup()
    bad = [module.test_data[at] for at in range(len(module.test_data)) if module.test_data[at].gt_label]
    assert len(bad) == 3
    assert {Path(each.image_path).stem for each in bad} == {Path(each.mask_path).stem for each in bad}
    assert all(each.gt_mask[:32, :32].all() and each.gt_mask.sum() == 32 * 32 for each in bad)
    assert len(module.train_data) + len(module.test_data) - len(bad) == 40


def test_without_masks_it_has_every_defect(exported: Path):
    module = AnomalibFolder(
        name="parts", root=exported, normal_dir="good", normal_test_dir="good_test",
        abnormal_dir=["defect", "defect_no_mask"], num_workers=0, val_split_mode="none",
    )  # fmt: skip
    module.setup()
    assert sum(bool(module.test_data[at].gt_label) for at in range(len(module.test_data))) == 5

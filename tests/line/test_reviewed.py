"""What `andon reviewed export` makes is read by what trains and judges models, image and mask alike."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np

from andon.folder import Folder
from andon.images.prepare import prepare
from andon.preparation import Preparation
from andon.records import Answer, Outline, Told
from andon.reviewed import read_reviewed, write_reviewed
from andon_console.reviewed import Format, Options, exported
from andon_console.reviewed.save import save
from andon_training.evaluate.labelled import labelled_frames
from andon_training.evaluate.masks import read_mask
from andon_training.folder import good_frames

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SIDE = 64


def picture(number: int) -> bytes:
    return bytes(cv2.imencode(".png", np.full((SIDE, SIDE, 3), number, np.uint8))[1])


def export(folder: Path, out: Path) -> Path:
    """Forty good frames, a defect in the upper left quarter that somebody outlined, and one that nobody did."""
    store = Folder(str(folder))
    for number in range(40):
        said = Told.FALSE_CALL if number % 2 else Told.GOOD
        write_reviewed(
            store, Answer(frame_id=UUID(int=number), station="weld-07", answer=said, at=NOW), picture(number)
        )
    outline = Outline(points=((0, 0), (31, 0), (31, 31), (0, 31)))
    for number, outlines in ((90, (outline,)), (91, ())):
        answer = Answer(
            frame_id=UUID(int=number), station="weld-07", answer=Told.REAL, at=NOW, defect="scratch", outlines=outlines
        )
        write_reviewed(store, answer, picture(number))
    save(exported(read_reviewed(store), Format.MVTEC, Options()), out, {})
    return out / "weld-07"


def test_fit_finds_the_good_frames_and_evaluate_every_frame_with_the_mask_that_was_drawn(tmp_path: Path):
    place = export(tmp_path / "evidence", tmp_path / "out")
    learned = good_frames(place)
    judged = labelled_frames(place)
    assert (judged.skipped, judged.stray_masks) == ((), ())
    assert len(learned) + sum(each.good for each in judged.frames) == 40
    assert {each.path.stem for each in judged.frames if each.good}.isdisjoint(each.stem for each in learned)
    masks = {each.path.stem: each.mask for each in judged.frames if each.kind == "scratch"}
    assert masks.keys() == {str(UUID(int=90)), str(UUID(int=91))}
    assert masks[str(UUID(int=91))] is None
    mask, preparation = masks[str(UUID(int=90))], Preparation(width=32, height=32, channels=3)
    assert mask is not None
    found = read_mask(mask.read_bytes(), prepare(picture(90), preparation), preparation)
    assert (found.drawn, found.same_size) == (True, True)
    expected = np.zeros((32, 32), bool)
    expected[:16, :16] = True
    assert (found.pixels == expected).all()


def test_the_exported_images_are_the_frames_byte_for_byte(tmp_path: Path):
    place = export(tmp_path / "evidence", tmp_path / "out")
    for each in (*good_frames(place), *(frame.path for frame in labelled_frames(place).frames)):
        assert each.read_bytes() == picture(UUID(each.stem).int)

"""Frames of many planes: what training commands make of them, and what they refuse."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from andon.bundle import write_bundle
from andon.errors import Mistake
from andon.images.prepare import prepare
from andon.inference import open_bundle
from andon.preparation import Preparation
from andon.records import Verdict
from andon.testing import hostile
from andon.testing.models import proven_bundle
from andon_training.curate import Kind, Look, curate, look, look_at
from andon_training.curate.sheet import picture
from andon_training.evaluate.pictures import heat_scale, pair
from andon_training.evaluate.run import evaluate_bundle
from andon_training.fit import FitSettings, fit_bundle
from andon_training.folder import good_frames
from andon_training.from_kafka.spool import suffix
from andon_training.golden import golden_frames, golden_images
from andon_training.golden_defects import LOUD, with_defect
from andon_training.golden_sample.fit import ReferenceSettings, fit_references
from andon_training.sample import GoodFrame, read_masters

SIDE = 64
SIX = Preparation(width=SIDE, height=SIDE, channels=6)


@dataclass(frozen=True)
class Encoded:
    """An encoded frame in memory."""

    name: str
    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


def part(seed: int, count: int = 6, brightest: int = 120) -> np.ndarray:
    """`count` planes of one part, each of other brightness, with a spot as bright as `brightest`."""
    planes = hostile.planes(count, SIDE, SIDE, seed * 100) // 4 + np.arange(count, dtype=np.uint8)
    planes[20:28, 30:38] = brightest
    return planes


def frames(count: int) -> list[Encoded]:
    return [Encoded(f"{seed:02}.npy", hostile.npy(part(seed))) for seed in range(count)]


def test_a_folder_of_arrays_is_a_folder_of_frames(tmp_path: Path) -> None:
    for each in frames(3):
        (tmp_path / each.name).write_bytes(each.data)
    assert [path.name for path in good_frames(tmp_path)] == ["00.npy", "01.npy", "02.npy"]


def test_frames_from_kafka_are_spooled_under_their_own_suffix() -> None:
    assert suffix(frames(1)[0].data) == ".npy"


def test_masters_have_the_planes_that_were_asked_for() -> None:
    masters = read_masters(frames(3), most=9, side=32, channels=6)
    assert (masters.shape, masters.dtype) == ((3, 32, 32, 6), np.uint8)


def test_fit_refuses_many_planes_and_names_what_takes_them() -> None:
    told = r"00\.npy: has 6 planes; andon fit learns from grey and colour images alone; andon train takes any number"
    with pytest.raises(Mistake, match=told):
        fit_bundle(frames(30), FitSettings(budget=0.02), andon_version="test")
    with pytest.raises(Mistake, match=told):
        fit_references(frames(2), ReferenceSettings(budget=0.02), andon_version="test")


def test_a_folder_that_begins_with_a_torn_file_is_refused_all_the_same() -> None:
    torn = Encoded("torn.npy", frames(1)[0].data[:300])
    with pytest.raises(Mistake, match="has 6 planes"):
        fit_bundle([torn, *frames(30)], FitSettings(budget=0.02), andon_version="test")


@pytest.mark.parametrize("kind", LOUD)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [2, 4, 6, 16])
def test_a_drawn_defect_shows_in_every_plane_and_is_always_the_same(kind: str, dtype: type, count: int) -> None:
    planes = part(1, count).astype(dtype) * (257 if dtype is np.uint16 else 1)
    data, found = with_defect(hostile.npy(planes), kind)
    assert (data, found) == with_defect(hostile.npy(planes), kind)
    assert found == "npy"
    preparation = Preparation(width=SIDE, height=SIDE, channels=count)
    changed = prepare(data, preparation).tensor != prepare(hostile.npy(planes), preparation).tensor
    assert changed.any(axis=(0, 1)).all()
    assert changed.mean() < 0.3


def test_a_bundle_is_proven_with_arrays() -> None:
    sources = frames(8)
    good = [GoodFrame(each, each.name, prepare(each.data, SIX).health) for each in sources]
    images = golden_images(good, np.linspace(1, 2, len(good), dtype=np.float32))
    assert {name.rpartition(".")[2] for name in images} == {"npy"}
    proven = golden_frames(images, open_bundle(proven_bundle(preparation=SIX)), SIX, threshold=160.0)
    assert {frame.verdict for frame in proven if not frame.synthetic} == {Verdict.OK}
    assert [frame.verdict for frame in proven if frame.name == "golden/scratch.npy"] == [Verdict.ANOMALOUS]


def test_evaluate_scores_arrays_and_shows_pictures_of_them(tmp_path: Path) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[20:28, 30:38] = 255
    for place, data in {
        "test/good/0.npy": hostile.npy(part(0)),
        "test/good/1.npy": hostile.npy(part(1)),
        "test/good/2.npy": hostile.npy(part(2, 4)),
        "test/hole/3.npy": hostile.npy(part(3, brightest=240)),
        "ground_truth/hole/3_mask.png": hostile.png(mask),
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(data)
    bundle = proven_bundle(preparation=SIX, threshold=180)
    write_bundle(bundle, tmp_path / "six.andon")
    found = evaluate_bundle(bundle, tmp_path)
    assert {each.frame.name: each.score > 180 for each in found.frames} == {
        "good/0.npy": False,
        "good/1.npy": False,
        "hole/3.npy": True,
    }
    assert found.skipped == ("good/2.npy: wrong_channels: the image has 4 planes, its preparation wants 6 planes",)
    shown = pair(found.frames[-1], SIX, heat_scale(180, found.frames))
    assert shown.frame.startswith("data:image/jpeg;base64,")
    assert shown.frame != shown.heat


def test_a_frame_of_many_planes_looks_like_the_mean_of_its_planes() -> None:
    planes = part(1)
    mean = np.floor(planes.mean(axis=2) + 0.5).astype(np.uint8)
    as_it_is, as_grey = look("a", hostile.npy(planes)), look("a", hostile.png(mean))
    assert isinstance(as_it_is, Look)
    assert isinstance(as_grey, Look)
    assert (as_it_is.width, as_it_is.height, as_it_is.channels) == (SIDE, SIDE, 6)
    np.testing.assert_allclose(as_it_is.thumb, as_grey.thumb, atol=1.5)
    np.testing.assert_array_equal(look_at("a", planes).thumb, look_at("a", mean[..., np.newaxis]).thumb)


def test_curation_finds_a_repeat_and_other_planes_among_arrays() -> None:
    images = {f"{seed:02}.npy": part(seed) for seed in range(30)}
    looks = [look(name, hostile.npy(planes)) for name, planes in images.items()]
    found = curate([*looks, look("again.npy", hostile.npy(part(3))), look("other.npy", hostile.npy(part(40, 4)))])
    kinds = {(finding.frame, finding.kind) for finding in found.findings}
    assert ("again.npy", Kind.REPEAT) in kinds
    (other,) = found.of(Kind.OTHER_SIZE)
    assert (other.frame, other.says) == ("other.npy", "64x64 4 planes, while 30 of 31 frames are 64x64 6 planes")
    assert not any(kind is Kind.UNREADABLE for _, kind in kinds)


def test_the_contact_sheet_shows_arrays() -> None:
    shown = picture(hostile.npy(part(1)))
    assert shown is not None
    assert shown.startswith("data:image/jpeg;base64,")
    assert picture(hostile.npy(part(1))[:-1]) is None

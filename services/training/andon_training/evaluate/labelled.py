"""Labelled frames on disk, in MVTec AD layout: `test/good`, `test/<defect>`, masks in `ground_truth/<defect>`.

Source of the layout: P. Bergmann et al., MVTec AD, CVPR 2019. Other splits keep their masks in `<split>_ground_truth`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from andon.errors import Mistake
from andon_training.folder import READ
from andon_training.printable import printable

GOOD = "good"
DEFAULT_SPLIT = "test"


@dataclass(frozen=True)
class Labelled:
    """One frame on disk. `kind` is its folder: `good` or the name of a defect; `mask` is where its defect is drawn."""

    path: Path
    kind: str
    mask: Path | None = None

    @property
    def good(self) -> bool:
        """Whether it shows a good part."""
        return self.kind == GOOD

    @property
    def name(self) -> str:
        """What people call it: folder and file, fit to be printed."""
        return printable(f"{self.kind}/{self.path.name}")


@dataclass(frozen=True)
class LabelledFolder:
    """The frames of one split, by kind and name; what was left out, each with its reason; masks of no frame."""

    frames: tuple[Labelled, ...]
    skipped: tuple[str, ...] = ()
    stray_masks: tuple[str, ...] = ()


def labelled_frames(folder: Path, split: str = DEFAULT_SPLIT) -> LabelledFolder:
    """The labelled frames of `split` under `folder`. Hidden files are not looked at.

    Raises Mistake when there is no such split, or not one image in it.
    """
    place = _place(folder, split)
    masks = folder / ("ground_truth" if split == DEFAULT_SPLIT else f"{split}_ground_truth")
    frames: list[Labelled] = []
    skipped: list[str] = []
    for entry in _entries(place, skipped, place):
        if entry.is_dir():
            frames += _frames_of(entry, masks, skipped, place)
        else:
            skipped.append(f"{_within(entry, place)}: lies beside the folders, so nobody says what it shows")
    if not frames:
        told = f" ({len(skipped)} other things there, the first is {skipped[0]})" if skipped else ""
        raise Mistake(f"{place}: no JPEG, PNG or .npy images in {GOOD}/ or a defect's folder{told}; put frames there")
    return LabelledFolder(tuple(frames), tuple(skipped), tuple(_strays(masks, frames)))


def _place(folder: Path, split: str) -> Path:
    if not folder.is_dir():
        raise Mistake(f"{folder}: not a folder; give one in MVTec AD layout, with {split}/{GOOD} and {split}/<defect>")
    place = folder / split
    if place == folder or not place.is_dir():
        raise Mistake(f"{folder}: has no folder {split!r}{_other_splits(folder)}; --split names another one")
    return place


def _other_splits(folder: Path) -> str:
    names = [each.name for each in sorted(folder.iterdir()) if each.is_dir() and (each / GOOD).is_dir()]
    return f", but {', '.join(map(printable, names))}" if names else ""


def _entries(place: Path, skipped: list[str], root: Path) -> list[Path]:
    try:
        return sorted(entry for entry in place.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        skipped.append(f"{_within(place, root)}: cannot be read: {error.strerror or error}")
        return []


def _frames_of(folder: Path, masks: Path, skipped: list[str], root: Path) -> Iterator[Labelled]:
    kind = GOOD if folder.name.lower() == GOOD else folder.name
    for entry in _entries(folder, skipped, root):
        if entry.is_file() and entry.suffix.lower() in READ:
            yield Labelled(entry, kind, None if kind == GOOD else _mask(masks / folder.name, entry.stem))
        else:
            skipped.append(f"{_within(entry, root)}: {_why(entry)}")


def _why(entry: Path) -> str:
    if entry.is_dir():
        return "a folder within a folder is not looked into"
    return "not a JPEG, PNG or .npy image; convert it first if it is one" if entry.is_file() else "cannot be read"


def _mask(folder: Path, stem: str) -> Path | None:
    places = (folder / f"{stem}_mask.png", folder / f"{stem}.png")
    return next((place for place in places if place.is_file()), None)


def _strays(masks: Path, frames: list[Labelled]) -> Iterator[str]:
    """Masks that belong to no frame: most often a misspelt name."""
    used = {frame.mask for frame in frames}
    for path in sorted(masks.glob("*/*.png")) if masks.is_dir() else ():
        if path not in used and not path.name.startswith("."):
            yield _within(path, masks)


def _within(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())

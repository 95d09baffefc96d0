"""Where the good frames of a data set lie: MVTec AD, anomalib's Folder, or a plain folder of images."""

from pathlib import Path

from andon.errors import Mistake
from andon_training.folder import good_frames

NORMAL = ("good", "normal")


def training_frames(folder: Path, normal: Path | None) -> list[Path]:
    """The images of good parts, by name: in `normal` (within `folder`, where it is relative), or where `folder` has
    them: `train/good`, images of its own, `good` or `normal`. Raises Mistake when there are none.
    """
    if normal is not None:
        return good_frames(folder / normal)
    if not folder.is_dir() or (folder / "train" / "good").is_dir():
        return good_frames(folder)
    below = [folder / part / name for part in ("", "train") for name in NORMAL if (folder / part / name).is_dir()]
    if len(below) > 1:
        names = " and ".join(str(each.relative_to(folder)) for each in below)
        raise Mistake(f"{folder}: has {names}; say which holds the good frames to learn from with --normal")
    return good_frames(below[0] if below else folder)

"""Where good frames lie on disk: a folder of images, or one in MVTec AD layout (`train/good`)."""

from pathlib import Path

from andon.errors import Mistake

READ = frozenset({".jpg", ".jpeg", ".png", ".npy"})
OTHER_IMAGES = frozenset({".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2", ".exr", ".pgm", ".ppm"})


def good_frames(folder: Path) -> list[Path]:
    """The images of good parts under `folder`, by name. Raises Mistake when there are none, saying where it looked."""
    if not folder.is_dir():
        raise Mistake(f"{folder}: not a folder; give one with images of good parts")
    place = folder / "train" / "good" if (folder / "train" / "good").is_dir() else folder
    if place is folder and (folder / "test").is_dir():
        raise Mistake(f"{folder}: has test/ but no train/good; give the folder with the good images itself")
    try:
        files = sorted(file for file in place.iterdir() if file.is_file())
    except OSError as error:
        raise Mistake(f"{place}: cannot be read: {error.strerror or error}") from error
    images = [file for file in files if file.suffix.lower() in READ]
    if not images:
        raise Mistake(
            f"{place}: no JPEG, PNG or .npy images{_others(files)}; put good parts there, or give another folder"
        )
    return images


def _others(files: list[Path]) -> str:
    other = sorted({file.suffix.lower() for file in files if file.suffix.lower() in OTHER_IMAGES})
    return f", only {', '.join(other)}, which must be converted first" if other else ""

"""Reviewed frames as a data set: which formats there are, and the files of one."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from andon.reviewed import ReviewedFrame
from andon_console.reviewed.coco import coco
from andon_console.reviewed.files import File
from andon_console.reviewed.folder import folder
from andon_console.reviewed.label_studio import label_studio
from andon_console.reviewed.mvtec import mvtec
from andon_console.reviewed.options import Options
from andon_console.reviewed.picture import Picture

NO_IMAGE = "bin"


class Format(StrEnum):
    """What other tools read."""

    MVTEC = "mvtec"
    FOLDER = "folder"
    COCO = "coco"
    LABELSTUDIO = "labelstudio"


FORMATS: dict[Format, Callable[[Iterable[Picture], Options], Iterator[File]]] = {
    Format.MVTEC: mvtec,
    Format.FOLDER: folder,
    Format.COCO: coco,
    Format.LABELSTUDIO: label_studio,
}


def exported(
    frames: Iterable[ReviewedFrame],
    format: Format,
    options: Options = Options(),  # noqa: B008  it is frozen
    passed_over: Callable[[ReviewedFrame, str], None] = lambda *_: None,
) -> Iterator[File]:
    """The files of an export, images as they come, what lists them last; one image is in memory at a time.

    Each file must be read, where it is wanted, before the next is asked for: a frame whose image cannot be read is then
    left out of the lists. `passed_over` is told of each frame that is left out so. Raises Broken when the store fails.
    """
    return FORMATS[format](_pictures(frames, passed_over), options)


def _pictures(frames: Iterable[ReviewedFrame], passed_over: Callable[[ReviewedFrame, str], None]) -> Iterator[Picture]:
    for frame in frames:
        picture = Picture(frame)
        if picture.ending == NO_IMAGE:
            picture.lost = "it is no image that Andon knows"
        else:
            yield picture
        if picture.lost:
            passed_over(frame, picture.lost)

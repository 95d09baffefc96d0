"""What anomalib's `Folder` data module reads: folders of good frames, of defects, and of their masks.

Source: anomalib 2, `anomalib.data.Folder`; it wants a mask of every image in `abnormal_dir`, or no masks at all.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from andon_console.reviewed.files import File
from andon_console.reviewed.marks import marks, mask_png
from andon_console.reviewed.options import Options
from andon_console.reviewed.picture import Picture, Side
from andon_console.reviewed.readme import Readme
from andon_console.reviewed.sheet import Sheet

LAYOUT = """For anomalib's Folder, one folder a station (and product):

    <category>/good/                   good frames to learn from
    <category>/good_test/              good frames set apart
    <category>/defect/<defect>/        frames with a defect that is outlined
    <category>/mask/<defect>/          <name>.png, white where it is
    <category>/defect_no_mask/<defect>/  frames with a defect that nobody outlined

With masks:    Folder(name="parts", root="<category>", normal_dir="good", normal_test_dir="good_test",
                      abnormal_dir="defect", mask_dir="mask")
Without:       Folder(name="parts", root="<category>", normal_dir="good", normal_test_dir="good_test",
                      abnormal_dir=["defect", "defect_no_mask"])
Name only folders that are there: one without a frame is not made.
"""


def folder(pictures: Iterable[Picture], options: Options) -> Iterator[File]:
    """The files of an export. Frames that people are unsure of are left out."""
    sheet, readme = Sheet(options), Readme(LAYOUT)
    for picture in pictures:
        if picture.side is Side.UNKNOWN:
            continue
        found = marks(picture, options.outlines)
        test = picture.side is Side.DEFECTIVE or picture.in_test(options.test_share)
        name = f"{picture.category}/{_kind(picture, test, outlined=bool(found.polygons))}/{picture.name}"
        yield File(name, picture.image, picture.frame.reviewed.sha256)
        if picture.lost:
            continue
        mask = ""
        if found.polygons:
            mask = f"{picture.category}/mask/{picture.defect}/{picture.answer.frame_id}.png"
            yield File(mask, partial(mask_png, picture.size(), found.polygons))
        sheet.add(picture, name, split="test" if test else "train", mask=mask, by=found.by)
        readme.add(picture, found.by)
    yield sheet.file()
    yield readme.file()


def _kind(picture: Picture, test: bool, *, outlined: bool) -> str:
    if picture.side is Side.GOOD:
        return "good_test" if test else "good"
    return f"{'defect' if outlined else 'defect_no_mask'}/{picture.defect}"

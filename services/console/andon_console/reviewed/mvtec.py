"""MVTec AD layout: `<category>/train/good`, `test/good`, `test/<defect>`, `ground_truth/<defect>/<name>_mask.png`.

Source of the layout: P. Bergmann et al., MVTec AD, CVPR 2019.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from andon_console.reviewed.files import File
from andon_console.reviewed.marks import By, marks, mask_png
from andon_console.reviewed.options import Options
from andon_console.reviewed.picture import Picture, Side
from andon_console.reviewed.readme import Readme
from andon_console.reviewed.sheet import Sheet

LAYOUT = """MVTec AD layout, one folder a station (and product):

    <category>/train/good/             good frames to learn from
    <category>/test/good/              good frames set apart
    <category>/test/<defect>/          frames with a defect
    <category>/ground_truth/<defect>/  <name>_mask.png, white where the defect is; where somebody outlined it

andon fit <category>, andon train <category> and andon evaluate BUNDLE <category> read it. Readers that want a mask of
every defect (anomalib's MVTecAD, which reads PNG only) do not; for anomalib export with --format folder.
"""


def mvtec(pictures: Iterable[Picture], options: Options) -> Iterator[File]:
    """The files of an export. Frames that people are unsure of are left out."""
    sheet, readme = Sheet(options), Readme(LAYOUT)
    for picture in pictures:
        if picture.side is Side.UNKNOWN:
            continue
        split = "train" if picture.side is Side.GOOD and not picture.in_test(options.test_share) else "test"
        kind = "good" if picture.side is Side.GOOD else picture.defect
        name = f"{picture.category}/{split}/{kind}/{picture.name}"
        yield File(name, picture.image, picture.frame.reviewed.sha256)
        mask, by = "", By.NOBODY
        if not picture.lost:
            found = marks(picture, options.outlines)
            if found.polygons:
                mask, by = f"{picture.category}/ground_truth/{kind}/{picture.answer.frame_id}_mask.png", found.by
                yield File(mask, partial(mask_png, picture.size(), found.polygons))
            sheet.add(picture, name, split=split, mask=mask, by=by)
            readme.add(picture, by)
    yield sheet.file()
    yield readme.file()

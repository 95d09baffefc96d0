"""COCO detection and segmentation: `annotations.json` beside `images/`.

Source of the format: https://cocodataset.org/#format-data
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from andon.errors import Invalid
from andon_console.reviewed.files import File, text_file
from andon_console.reviewed.marks import By, Marks, Points, marks
from andon_console.reviewed.options import Options
from andon_console.reviewed.picture import Picture, Side
from andon_console.reviewed.readme import Readme
from andon_console.reviewed.sheet import Sheet

LAYOUT = """COCO: annotations.json, images in images/<station>/.

A good frame is an image without annotations. A frame with a defect that nobody outlined would read as a good one, so
it is left out of annotations.json, and of images/; metadata.csv has it, without a file. Each annotation says in
`attributes.outlined_by` whether a person or the model marked it. Categories are the kinds of defect.
"""


@dataclass
class Album:
    """What annotations.json lists; grows as frames are exported."""

    images: list[dict[str, Any]] = field(default_factory=list)
    marked: list[tuple[int, str, Points, By]] = field(default_factory=list)
    latest: str = ""

    def add(self, picture: Picture, name: str, size: tuple[int, int], found: Marks) -> None:
        """One more frame."""
        number, said = len(self.images) + 1, picture.answer
        image = {"id": number, "file_name": name, "width": size[0], "height": size[1], "license": 0}
        captured = said.captured_at.isoformat() if said.captured_at else ""
        extra = {"station": said.station, "product": said.product, "answer": said.answer.value}
        self.images.append(image | {"date_captured": captured} | extra)
        self.marked += [(number, picture.defect, points, found.by) for points in found.polygons]
        self.latest = max(self.latest, said.at.isoformat())

    def file(self) -> File:
        """annotations.json: the same frames give the same bytes."""
        names = sorted({kind for _, kind, _, _ in self.marked})
        numbers = {name: number for number, name in enumerate(names, 1)}
        record = {
            "info": {
                "description": "Frames that people reviewed, exported by Andon",
                "url": "",
                "version": "1",
                "year": int(self.latest[:4] or 0),
                "contributor": "",
                "date_created": self.latest,
            },
            "licenses": [{"id": 0, "name": "not stated: ask whoever exported it", "url": ""}],
            "images": self.images,
            "annotations": [
                annotation(number, image, numbers[kind], points, by)
                for number, (image, kind, points, by) in enumerate(self.marked, 1)
            ],
            "categories": [{"id": numbers[name], "name": name, "supercategory": "defect"} for name in names],
        }
        return text_file("annotations.json", json.dumps(record, ensure_ascii=False))


def coco(pictures: Iterable[Picture], options: Options) -> Iterator[File]:
    """The files of an export. Frames that people are unsure of are left out, and defects that nobody marked."""
    album, sheet, readme = Album(), Sheet(options), Readme(LAYOUT)
    for picture in pictures:
        if picture.side is Side.UNKNOWN:
            continue
        found = marks(picture, options.outlines)
        if picture.lost:
            continue
        if picture.side is Side.DEFECTIVE and not found.polygons:
            sheet.add(picture, "")
            readme.add(picture)
            continue
        size = size_of(picture)
        if size is None:
            continue
        name = f"images/{picture.answer.station}/{picture.name}"
        yield File(name, picture.image, picture.frame.reviewed.sha256)
        album.add(picture, name, size, found)
        sheet.add(picture, name, by=found.by)
        readme.add(picture, found.by)
    yield album.file()
    yield sheet.file()
    yield readme.file()


def size_of(picture: Picture) -> tuple[int, int] | None:
    """Its size; None where it has none, which it then says."""
    try:
        return picture.size()
    except Invalid as error:
        picture.lost = str(error)
        return None


def annotation(number: int, image: int, category: int, points: Points, by: By) -> dict[str, Any]:
    """One polygon. Corners are pixels, and pixels have a width: the box reaches to the far side of the last ones."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": [[value for point in points for value in point]],
        "bbox": [min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1],
        "area": area(points),
        "iscrowd": 0,
        "attributes": {"outlined_by": by.value},
    }


def area(points: Sequence[tuple[int, int]]) -> float:
    """Square pixels within a polygon (the shoelace formula), at least 1."""
    pairs = zip(points, [*points[1:], points[0]], strict=True)
    return max(1.0, abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2)

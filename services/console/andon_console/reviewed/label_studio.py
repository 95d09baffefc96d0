"""Label Studio: `tasks.json` to import, and `labels.xml`, the labelling interface that it belongs to.

Source of the format: https://labelstud.io/guide/tasks and https://labelstud.io/guide/predictions. Coordinates are
percent of the image's width and height.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from andon.records import Outline, Region, Score, Told
from andon_console.reviewed.coco import size_of
from andon_console.reviewed.files import File, text_file
from andon_console.reviewed.marks import By
from andon_console.reviewed.options import Options
from andon_console.reviewed.picture import Picture, Side
from andon_console.reviewed.readme import Readme
from andon_console.reviewed.sheet import Sheet

LAYOUT = """Label Studio: make a project with the interface in labels.xml, serve images/ where tasks.json says they are
(--image-url), and import tasks.json. What people answered and outlined are annotations, what the model marked are
predictions. Frames that people are unsure of have no annotation: they are the ones to label.
"""
ANSWERS = tuple(each.value for each in Told if each not in (Told.WITHDRAWN, Told.UNSURE))
Size = tuple[int, int]


def label_studio(pictures: Iterable[Picture], options: Options) -> Iterator[File]:
    """The files of an export."""
    tasks, kinds = list[dict[str, Any]](), set[str]()
    sheet, readme = Sheet(options), Readme(LAYOUT)
    for picture in pictures:
        size = size_of(picture)
        if size is None:
            continue
        name = f"images/{picture.answer.station}/{picture.name}"
        yield File(name, picture.image, picture.frame.reviewed.sha256)
        tasks.append(task(picture, size, options.image_url + quote(name)))
        by = By.PERSON if picture.answer.outlines and picture.side is Side.DEFECTIVE else By.NOBODY
        kinds |= {picture.defect} if by else set()
        sheet.add(picture, name, by=by)
        readme.add(picture, by)
    yield text_file("tasks.json", json.dumps(tasks, ensure_ascii=False))
    yield text_file("labels.xml", interface(sorted(kinds | {"defect"})))
    yield sheet.file()
    yield readme.file()


def task(picture: Picture, size: Size, image: str) -> dict[str, Any]:
    """One frame."""
    said, score = picture.answer, picture.score()
    data = {"image": image, "frame_id": str(said.frame_id), "station": said.station, "product": said.product or ""}
    made: dict[str, Any] = {"data": data, "annotations": [], "predictions": []}
    if picture.side is not Side.UNKNOWN:
        own = {"result": _answered(picture, size), "was_cancelled": False, "ground_truth": True}
        made["annotations"] = [own | {"created_at": said.at.isoformat()}]
    if score is not None and score.regions:
        predicted = {"model_version": (score.bundle or "")[:12], "score": score.score, "result": _regions(score, size)}
        made["predictions"] = [predicted]
    return made


def interface(kinds: list[str]) -> str:
    """The labelling interface, XML."""
    labels = "\n".join(f"    <Label value={quoteattr(each)}/>" for each in kinds)
    choices = "\n".join(f"    <Choice value={quoteattr(each)}/>" for each in ANSWERS)
    return f"""<View>
  <Image name="image" value="$image" zoom="true"/>
  <Choices name="answer" toName="image" choice="single">
{choices}
  </Choices>
  <PolygonLabels name="outline" toName="image">
{labels}
  </PolygonLabels>
  <RectangleLabels name="region" toName="image">
    <Label value="anomalous"/>
  </RectangleLabels>
</View>
"""


def _answered(picture: Picture, size: Size) -> list[dict[str, Any]]:
    said = picture.answer
    chosen = _result("answer", "choices", said.frame_id.hex[:12], size, {"choices": [said.answer.value]})
    outlines = said.outlines if picture.side is Side.DEFECTIVE else ()
    return [chosen] + [
        _result("outline", "polygonlabels", f"{said.frame_id.hex[:12]}-{number}", size, _drawn(each, picture, size))
        for number, each in enumerate(outlines, 1)
    ]


def _drawn(outline: Outline, picture: Picture, size: Size) -> dict[str, Any]:
    points = [_percent(x, y, size) for x, y in outline.points]
    return {"points": points, "closed": True, "polygonlabels": [picture.defect]}


def _regions(score: Score, size: Size) -> list[dict[str, Any]]:
    return [
        _result("region", "rectanglelabels", f"region-{number}", size, _box(each, size))
        for number, each in enumerate(score.regions, 1)
    ]


def _box(region: Region, size: Size) -> dict[str, Any]:
    (x, y), (width, height) = _percent(region.x, region.y, size), _percent(region.width, region.height, size)
    return {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": ["anomalous"]}


def _result(name: str, kind: str, own: str, size: Size, value: dict[str, Any]) -> dict[str, Any]:
    about = {"id": own, "from_name": name, "to_name": "image", "type": kind, "image_rotation": 0}
    return about | {"original_width": size[0], "original_height": size[1], "value": value}


def _percent(x: int, y: int, size: Size) -> list[float]:
    return [round(min(100.0, max(0.0, 100 * x / size[0])), 4), round(min(100.0, max(0.0, 100 * y / size[1])), 4)]

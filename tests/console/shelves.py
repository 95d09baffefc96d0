"""Reviewed frames in a store, as `andon evidence` keeps them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import cv2
import numpy as np

from andon.folder import Folder
from andon.records import Answer, FramePlace, Outline, Region, Score, Told, Verdict, write_event
from andon.reviewed import ReviewedFrame, read_reviewed, write_reviewed

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SQUARE = ((8, 8), (23, 8), (23, 15), (8, 15))
REGION = Region(x=16, y=4, width=32, height=8, peak=2.0)
WIDTH, HEIGHT = 64, 48


def own_id(number: int) -> UUID:
    return uuid5(UUID(int=7), str(number))


def png(number: int = 0, channels: int = 1) -> bytes:
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    return cv2.imencode(".png", np.full(shape, 40 + number % 200, np.uint8))[1].tobytes()


def jpeg(number: int = 0) -> bytes:
    return cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 40 + number % 200, np.uint8))[1].tobytes()


def npy(channels: int = 5) -> bytes:
    from io import BytesIO

    data = BytesIO()
    np.save(data, np.full((HEIGHT, WIDTH, channels), 9, np.uint8))
    return data.getvalue()


class Shelf:
    """A store that tests fill."""

    def __init__(self, url: str) -> None:
        self.store = Folder(url)

    def put(
        self,
        number: int,
        said: Told,
        *,
        outlined: bool = False,
        regions: tuple[Region, ...] = (),
        image: bytes | None = None,
        station: str = "weld-07",
        **other: object,
    ) -> Answer:
        outlines = (Outline(points=SQUARE),) if outlined else ()
        fields = {
            "frame_id": own_id(number), "station": station, "answer": said, "at": NOW + timedelta(seconds=number),
            "outlines": outlines, "captured_at": NOW, "by": "mira",
        }  # fmt: skip
        answer = Answer.model_validate(fields | other)
        score = Score(
            frame_id=answer.frame_id, station=station, epoch=1, seq=number, captured_at=NOW, scored_at=NOW,
            verdict=Verdict.ANOMALOUS, score=2.0, threshold=1.0, bundle="b" * 64, width=WIDTH, height=HEIGHT,
            regions=regions, frame=FramePlace(topic="camera.frames", partition=0, offset=number),
        )  # fmt: skip
        write_reviewed(self.store, answer, image or png(number), b"", write_event(score) if regions else b"")
        return answer

    def frames(self) -> list[ReviewedFrame]:
        return list(read_reviewed(self.store))

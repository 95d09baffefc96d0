"""What a line file says of a station's camera. It describes: no service opens a camera by it yet."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from andon.settings import Group


class Kind(StrEnum):
    """How its images come."""

    FOLDER = "folder"  # files appear in a folder
    VIDEO = "video"  # a video file
    HTTP = "http"  # somebody pushes them to ingest
    RTSP = "rtsp"  # a network camera streams them
    USB = "usb"  # a camera at the machine itself
    GENICAM = "genicam"  # GigE Vision, USB3 Vision and their like
    KAFKA = "kafka"  # another producer writes them to a frame topic


NEEDS = {
    Kind.FOLDER: "from: the folder, such as /srv/images/weld-07",
    Kind.VIDEO: "from: the file, such as /srv/videos/weld-07.mp4",
    Kind.RTSP: "from: the address, such as rtsp://10.0.3.21/stream1",
}


def _kind(text: str) -> str:
    if text not in list(Kind):
        raise ValueError(f"'{text[:60]}' is no kind of camera; there are {', '.join(Kind)}")
    return text


class Camera(Group):
    """A camera: its kind, where its images come from, and a word to people."""

    kind: Annotated[str, AfterValidator(_kind)]
    source: str | None = Field(None, alias="from", max_length=500)
    note: str | None = Field(None, max_length=500)

    @model_validator(mode="after")
    def _says_where(self) -> "Camera":
        kind = Kind(self.kind)
        if kind in NEEDS and not self.source:
            raise ValueError(f"a camera of kind {kind} needs {NEEDS[kind]}")
        if kind is Kind.RTSP and not _is_rtsp(self.source or ""):
            raise ValueError("a camera of kind rtsp is reached at rtsp://HOST/... or rtsps://HOST/...")
        return self

    @property
    def words(self) -> str:
        """On one line."""
        return " ".join(each for each in (self.kind, self.source, f"({self.note})" if self.note else "") if each)


def _is_rtsp(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("rtsp", "rtsps") and bool(parts.hostname)
    except ValueError:
        return False

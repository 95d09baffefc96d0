"""A preparation: everything that decides which pixels a model sees, at training and live alike."""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_TENSOR_BYTES = 4 * 1024 * 1024  # so that a prepared frame travels in one record
MAX_SIDE = 4096
MAX_CHANNELS = 16

Relative = Annotated[float, Field(ge=0, le=1)]
Polygon = Annotated[tuple[tuple[Relative, Relative], ...], Field(min_length=3, max_length=256)]


class _Strict(BaseModel):
    """Refuses unknown fields: one that this version ignored would silently mean other pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Box(_Strict):
    """A rectangle in original pixels; (x, y) is its top left corner, inside it."""

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class Preparation(_Strict):
    """How an encoded image becomes the uint8 tensor [height, width, channels] that a model wants.

    In this order: decode, `crop`, area resize to `width` x `height`, 16 to 8 bits by `depth_range`, `masks`
    blanked to 0, channels (3 is RGB). Grey becomes RGB and RGB grey; any other number of planes must be the image's
    own. EXIF orientation is ignored: a camera bolted to a line does not rotate.
    """

    recipe: Literal[1] = Field(1, description="raised when the code makes other pixels from the same fields")
    width: int = Field(256, ge=8, le=MAX_SIDE, description="of the tensor in pixels")
    height: int = Field(256, ge=8, le=MAX_SIDE, description="of the tensor in pixels")
    channels: int = Field(3, ge=1, le=MAX_CHANNELS, description="1 grey, 3 RGB, else the planes of a .npy")
    crop: Box | None = Field(None, description="the part that is inspected; None for the whole image")
    masks: tuple[Polygon, ...] = Field((), max_length=64, description="blanked regions, (x, y) in 0..1 of the crop")
    depth_range: tuple[int, int] | None = Field(
        None, description="16-bit levels that become 0 and 255 (12-bit cameras: 0, 4095); None is 0, 65535"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        size = self.width * self.height * self.channels
        if size > MAX_TENSOR_BYTES:
            raise ValueError(
                f"a tensor of {self.width}x{self.height}x{self.channels} has {size} bytes; "
                f"at most {MAX_TENSOR_BYTES} travel in one record; make it smaller, or of fewer channels"
            )
        if self.depth_range is not None and not 0 <= self.depth_range[0] < self.depth_range[1] <= 65535:
            raise ValueError(f"depth_range {self.depth_range}: two levels, low before high, within 0..65535")
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """The tensor's shape: (height, width, channels)."""
        return self.height, self.width, self.channels

    @cached_property
    def digest(self) -> str:
        """sha256, in hex, of the canonical JSON: sorted keys, no spaces, every field present."""
        fields: dict[str, Any] = self.model_dump(mode="json")
        return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

"""What preprocess can be told."""

from pydantic import Field

from andon.settings import Group, ServiceSettings, StoreSettings
from andon.topics import FRAME_PATTERN


class ImageSettings(Group):
    """How much one image may cost."""

    max_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="an encoded image larger than this is a dead letter")
    max_pixels: int = Field(
        25_000_000, ge=1024, description="an image with more pixels is refused before it is decoded"
    )


class PreprocessSettings(ServiceSettings):
    """Settings of `andon preprocess`."""

    frames: str = Field(FRAME_PATTERN, description="topics to read: a name, or a pattern that begins with '^'")
    threads: int = Field(0, ge=0, le=64, description="decoding threads; 0 takes as many as the CPU limit allows")
    images: ImageSettings = ImageSettings()
    store: StoreSettings = StoreSettings()

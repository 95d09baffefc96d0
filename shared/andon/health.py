"""Image health: how a camera sees, whatever it looks at. Measured by `andon.images.health`."""

from pydantic import BaseModel, ConfigDict, Field


class ImageHealth(BaseModel):
    """How one image looks as a photograph.

    Of many planes their mean is measured, as a grey image. Numbers of one station compare with each other while its
    preparation stays the same; numbers of two stations do not.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    luminance: float = Field(ge=0, le=1, description="mean brightness, 0 black, 1 white")
    contrast: float = Field(ge=0, description="standard deviation of brightness, in the same unit")
    clipped_low: float = Field(ge=0, le=1, description="share of pixels at black (2 of 255 or less)")
    clipped_high: float = Field(ge=0, le=1, description="share of pixels at white (253 of 255 or more)")
    sharpness: float = Field(ge=0, description="log(1 + variance of the Laplacian), grey levels of 255")
    noise: float = Field(ge=0, description="robust estimate of the noise's sigma, 0 to 1 as brightness")
    red_green: float = Field(ge=0, description="mean red over mean green; 1 where there is no colour")
    blue_green: float = Field(ge=0, description="mean blue over mean green; 1 where there is no colour")

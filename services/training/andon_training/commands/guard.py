"""The second wall behind `andon.images`: OpenCV's own pixel limit, which holds only when set before cv2 is imported."""

from andon.images.limits import ImageLimits
from andon.images.opencv import configure_opencv


def guard_images() -> None:
    """Sets what OpenCV may decode. Every command calls it first, before what it imports brings cv2 along."""
    configure_opencv(ImageLimits().max_pixels)

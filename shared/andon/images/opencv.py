"""OpenCV's process-wide settings, set by a service's main and by nobody else."""

import os
import sys

PIXELS_VARIABLE = "OPENCV_IO_MAX_IMAGE_PIXELS"


def configure_opencv(max_pixels: int) -> bool:
    """One thread for OpenCV, and its own pixel limit as a second wall behind `sniff`.

    OpenCV reads that limit from the environment once, when its library is loaded, so call this before
    anything imports cv2 (modules of `andon.images` do). Returns whether the limit is in force: False when cv2
    was already imported under another value.
    """
    in_time = "cv2" not in sys.modules or os.environ.get(PIXELS_VARIABLE) == str(max_pixels)
    os.environ[PIXELS_VARIABLE] = str(max_pixels)
    import cv2

    cv2.setNumThreads(1)
    return in_time

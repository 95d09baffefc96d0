"""Pictures for people: what a preparation shows of a frame, whatever planes the frame has."""

import numpy as np
from numpy.typing import NDArray

from andon.images.header import many
from andon.images.health import mean_of_planes
from andon.images.limits import ImageLimits
from andon.images.prepare import prepare
from andon.images.sniff import sniff
from andon.preparation import Preparation

STRETCHED = (1.0, 99.0)  # percentiles that become black and white
LEAST_SPAN = 16.0  # grey levels from black to white at the least: an even plane stays even

Pixels8 = NDArray[np.uint8]


def preview(data: bytes, preparation: Preparation, limits: ImageLimits | None = None) -> Pixels8:
    """uint8 [height, width, 3], RGB: what `preparation` shows of an encoded image, however many channels it wants.

    Grey and colour as they are. Of more planes, the first three as red, green and blue, of two their mean; each
    stretched by itself, so that colours compare within a picture only. Raises what `prepare` raises.
    """
    limits = limits or ImageLimits()
    channels = sniff(data, limits).channels
    wanted = channels if many(channels) else 3
    tensor = prepare(data, preparation.model_copy(update={"channels": wanted}), limits=limits).tensor
    return for_people(tensor)


def for_people(tensor: Pixels8) -> Pixels8:
    """A tensor, uint8 [h, w, channels], as a picture, uint8 [h, w, 3], RGB, as `preview` makes it."""
    channels = tensor.shape[2]
    if not many(channels):
        return np.broadcast_to(tensor, (*tensor.shape[:2], 3)).copy()
    planes = [mean_of_planes(tensor)] * 3 if channels == 2 else [tensor[..., i] for i in range(3)]
    return np.dstack([_stretched(plane) for plane in planes])


def _stretched(plane: Pixels8) -> Pixels8:
    low, high = np.percentile(plane, STRETCHED)
    wider = max(0.0, LEAST_SPAN - (high - low)) / 2
    levels = (plane - (low - wider)) * (255 / max(high - low, LEAST_SPAN))
    stretched: Pixels8 = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return stretched

"""Where on the part: regions in original pixels, and a small picture of the anomaly map."""

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.records import Region

MAX_REGIONS = 16


def regions(anomaly_map: NDArray[np.float32], threshold: float, crop: tuple[int, int, int, int]) -> tuple[Region, ...]:
    """The connected places above `threshold`, the highest peak first, at most MAX_REGIONS.

    `anomaly_map` is float32 [h, w], raw; `crop` is the part of the original it shows, (x, y, width, height) in
    original pixels, as are the answers. Where the whole frame is anomalous though no place is, the peak is named.
    """
    above = (anomaly_map > threshold).astype(np.uint8)
    if not above.any():
        above.flat[int(anomaly_map.argmax())] = 1
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
    found = [_region(anomaly_map, labels == i, boxes[i], crop) for i in range(1, count)]
    return tuple(sorted(found, key=lambda region: -region.peak)[:MAX_REGIONS])


def _region(
    anomaly_map: NDArray[np.float32], inside: NDArray[np.bool_], box: NDArray[np.int32], crop: tuple[int, int, int, int]
) -> Region:
    x, y, width, height = crop
    step_x, step_y = width / anomaly_map.shape[1], height / anomaly_map.shape[0]
    left, top, right, bottom = box[0], box[1], box[0] + box[2], box[1] + box[3]
    near_x, near_y = int(left * step_x), int(top * step_y)
    return Region(
        x=x + near_x,
        y=y + near_y,
        width=max(1, round(right * step_x) - near_x),
        height=max(1, round(bottom * step_y) - near_y),
        peak=float(anomaly_map[inside].max()),
    )


def heat_map_png(anomaly_map: NDArray[np.float32], threshold: float) -> str:
    """The map as an 8-bit grey PNG in base64, [h, w] as it is: 128 is the threshold, 255 is twice it and beyond."""
    grey = np.clip(anomaly_map * (128 / threshold if threshold > 0 else 1.0), 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".png", grey)
    return base64.b64encode(encoded.tobytes()).decode()

"""Where on the part: regions and the highest place in original pixels, and a small picture of the anomaly map."""

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.records import Region

MAX_REGIONS = 16
MAX_HEAT_MAP = 64


def regions(anomaly_map: NDArray[np.float32], threshold: float, crop: tuple[int, int, int, int]) -> tuple[Region, ...]:
    """The connected places above `threshold`, the highest peak first, at most MAX_REGIONS.

    `anomaly_map` is float32 [h, w], raw; `crop` is the part of the original it shows, (x, y, width, height) in
    original pixels, as are the answers. Where the whole frame is anomalous though no place is, the peak is named.
    """
    above = (anomaly_map > threshold).astype(np.uint8)
    if not above.any():
        above.flat[int(anomaly_map.argmax())] = 1
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
    peaks = np.full(count, -np.inf, np.float32)
    np.maximum.at(peaks, labels.ravel(), anomaly_map.ravel())
    strongest = 1 + np.argsort(-peaks[1:], kind="stable")[:MAX_REGIONS]  # label 0 is what is not above
    height, width = anomaly_map.shape
    return tuple(_region(boxes[i].tolist(), float(peaks[i]), (width, height), crop) for i in strongest)


def peak(anomaly_map: NDArray[np.float32], crop: tuple[int, int, int, int]) -> tuple[int, int] | None:
    """x, y of the middle of the map's highest place, the first of several, in original pixels, as `regions`.

    None where no place is higher than any other: a map without relief, or of one place.
    """
    at = int(anomaly_map.argmax())
    if at == 0 and bool((anomaly_map == anomaly_map.flat[0]).all()):
        return None
    height, width = anomaly_map.shape
    row, column = divmod(at, width)
    x, wide = _span(column, column + 1, width, crop[2])
    y, high = _span(row, row + 1, height, crop[3])
    return crop[0] + x + wide // 2, crop[1] + y + high // 2


def _region(box: list[int], peak: float, size: tuple[int, int], crop: tuple[int, int, int, int]) -> Region:
    """Every original pixel that the box of map pixels touches. `size` is the map's (width, height)."""
    left, top, wide, high, _ = box
    x, width = _span(left, left + wide, size[0], crop[2])
    y, height = _span(top, top + high, size[1], crop[3])
    return Region(x=crop[0] + x, y=crop[1] + y, width=width, height=height, peak=peak)


def _span(begin: int, end: int, of: int, pixels: int) -> tuple[int, int]:
    """Begin and length, in `pixels`, of what lies from `begin` to `end` among `of`; rounded outwards."""
    first = begin * pixels // of
    return first, -(-end * pixels // of) - first


def _coarser(anomaly_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [h, w] as [at most MAX_HEAT_MAP, at most MAX_HEAT_MAP]: no peak is averaged away."""
    block = -(-max(anomaly_map.shape) // MAX_HEAT_MAP)
    rows = np.maximum.reduceat(anomaly_map, range(0, anomaly_map.shape[0], block), axis=0)
    return np.maximum.reduceat(rows, range(0, anomaly_map.shape[1], block), axis=1)


def heat_map_png(anomaly_map: NDArray[np.float32], threshold: float) -> str:
    """The map as an 8-bit grey PNG in base64: 128 is the threshold, 255 is twice it and beyond.

    [h, w] as it is, or the highest value of each block where a side is longer than MAX_HEAT_MAP: a score stays small.
    """
    scaled = _coarser(anomaly_map) * (128 / threshold if threshold > 0 else 1.0)
    grey = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".png", grey)
    return base64.b64encode(encoded.tobytes()).decode()

"""How many reviewed frames lie in the store, and their bytes."""

from collections.abc import Iterable, Iterator

from andon.folder import Folder, Listed
from andon.metrics import Metrics
from andon.reviewed import PLACE, is_image, stations
from andon_alerting.evidence.shelf import told_away


class ReviewedCount:
    """Counts from names and sizes; as of the last count. Nothing of it ever goes by age or size."""

    def __init__(self, store: Folder, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._shown: set[str] = set()
        self.frames = 0
        self.size = 0

    def steps(self) -> Iterator[None]:
        """Counts, a station a step. Raises StoreAway."""
        counts: dict[str, tuple[int, int]] = {}
        with told_away():
            there = stations(self._store)
        for station in there:
            yield
            with told_away():
                counts[station] = counted(self._store.listed(f"{PLACE}/{station}"))
        self._show(counts)

    def _show(self, counts: dict[str, tuple[int, int]]) -> None:
        self.frames = sum(frames for frames, _ in counts.values())
        self.size = sum(size for _, size in counts.values())
        self._metrics.reviewed_bytes.set(self.size)
        for station in self._shown - counts.keys():
            self._metrics.reviewed_frames.remove(station)
        for station, (frames, _) in counts.items():
            self._metrics.reviewed_frames.labels(station).set(frames)
        self._shown = set(counts)


def counted(files: Iterable[Listed]) -> tuple[int, int]:
    """Frames with an image, and the bytes of all files."""
    every = list(files)
    return sum(is_image(each.name) for each in every), sum(each.size for each in every)

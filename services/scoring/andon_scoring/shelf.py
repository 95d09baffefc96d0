"""The bundles in memory, within a budget: what was used last stays, what was not used for longest goes first."""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection

import structlog

from andon.metrics import Metrics
from andon_scoring.score import Loaded

UNUSED_S = 2.0


class Shelf:
    """Holds what is loaded. `budget` is in bytes; None: no limit. One bundle may always be here, however large."""

    def __init__(self, budget: int | None, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._clock = clock
        self._unused: dict[str, float] = {}  # since when
        self._metrics = metrics
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()  # the one not used for longest first

    def __contains__(self, digest: str) -> bool:
        return digest in self._loaded

    @property
    def digests(self) -> frozenset[str]:
        """What is here."""
        return frozenset(self._loaded)

    @property
    def size(self) -> int:
        """Bytes of all; a backbone that bundles share counts once."""
        backbones = {id(each.model.backbone): each.backbone_size for each in self._loaded.values()}
        return sum(each.size for each in self._loaded.values()) + sum(backbones.values())

    @property
    def is_full(self) -> bool:
        """Whether one more of the usual size would be too much."""
        if self._budget is None or not self._loaded:
            return False
        return self.size * (1 + 1 / len(self._loaded)) > self._budget

    @property
    def has_unused(self) -> bool:
        """Whether something came lately whose frames have not: it must not go again before they do."""
        return any(self._clock() - since < UNUSED_S for since in self._unused.values())

    def get(self, digest: str) -> Loaded | None:
        """A bundle, which from now on is the one used last."""
        found = self._loaded.get(digest)
        if found is not None:
            self._loaded.move_to_end(digest)
            self._unused.pop(digest, None)
        return found

    def put(self, bundle: Loaded) -> None:
        """Takes in a bundle, as the one used last."""
        self._loaded[bundle.digest] = bundle
        self._loaded.move_to_end(bundle.digest)
        self._unused[bundle.digest] = self._clock()
        self._tell()

    def drop(self, digests: Collection[str]) -> None:
        """Lets go of what nobody names any more."""
        for digest in self._loaded.keys() & digests:
            del self._loaded[digest]
            self._unused.pop(digest, None)
        self._tell()

    def shrink(self) -> list[Loaded]:
        """Between turns: lets go of what was not used for longest until the rest keeps within the budget."""
        gone: list[Loaded] = []
        while self._budget is not None and len(self._loaded) > 1 and self.size > self._budget:
            _, bundle = self._loaded.popitem(last=False)
            gone.append(bundle)
            self._unused.pop(bundle.digest, None)
            self._metrics.bundles_evicted.inc()
            structlog.get_logger().info("bundle_evicted", bundle=bundle.digest, bytes=bundle.size, left=self.size)
        if gone:
            self._tell()
        return gone

    def _tell(self) -> None:
        self._metrics.bundles_loaded.set(len(self._loaded))
        self._metrics.bundle_memory.set(self.size)

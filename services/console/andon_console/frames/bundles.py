"""What bundles say of themselves, as far as pages show it: read once from the store, and remembered."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from andon.bundle import BundleError
from andon.errors import Invalid
from andon.manifest import BundleManifest, DriftReference
from andon.preparation import Box
from andon.reasons import Reason
from andon.store import BundleStore

MOST = 256
T = TypeVar("T")


class Remembered(Generic[T]):
    """What `read` answered for a digest; the oldest is forgotten first. What it raises is asked again."""

    def __init__(self, read: Callable[[str], T], most: int = MOST) -> None:
        self._read = read
        self._most = most
        self._lock = Lock()
        self._known: OrderedDict[str, T] = OrderedDict()

    def __call__(self, digest: str) -> T:
        """Of this digest."""
        with self._lock:
            if digest in self._known:
                return self._known[digest]
        found = self._read(digest)
        with self._lock:
            self._known[digest] = found
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


class Bundles:
    """Any thread may ask. Both are to be shown, not served: whoever signed them."""

    def __init__(self, store: BundleStore) -> None:
        shown = BundleStore(store.url, store.cache)
        self._manifests = Remembered(lambda digest: shown.card(digest).manifest)
        self._references = Remembered(lambda digest: shown.reference(digest)[1], 32)

    def manifest(self, digest: str) -> BundleManifest:
        """Raises BundleError where the store does not hold it, Broken when the store does not answer."""
        return self._manifests(digest)

    def reference(self, digest: str) -> DriftReference:
        """How good frames looked when it was made. Raises as `manifest`."""
        return self._references(digest)

    def crop(self, digest: str) -> Box | None:
        """Where it looks; None: at the whole image. Raises Invalid where the store does not hold it; Broken."""
        try:
            return self.manifest(digest).preparation.crop
        except BundleError as error:
            raise Invalid(Reason.MISSING_DATA, str(error)) from None

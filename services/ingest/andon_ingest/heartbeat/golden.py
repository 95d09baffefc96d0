"""The golden frames of bundles as they lie in the store: chosen in turn, read one by one, never a whole bundle."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import structlog

from andon.bundle import BundleError
from andon.manifest import BundleManifest, GoldenFrame
from andon.records import Verdict

KEPT_BYTES = 64 * 1024 * 1024
KEPT_MANIFESTS = 4096


class Store(Protocol):
    """Where bundles lie; `andon.store.BundleStore` is one."""

    def manifest(self, digest: str) -> BundleManifest:
        """Of that bundle. Raises BundleError for one that cannot be had, Broken when the store fails."""

    def golden_image(self, digest: str, frame: GoldenFrame) -> bytes:
        """The encoded image of one of its golden frames. Raises as `manifest`."""


@dataclass(frozen=True, slots=True)
class Golden:
    """One golden frame to send."""

    bundle: str
    frame: GoldenFrame
    image: bytes
    manifest: BundleManifest

    @property
    def mark(self) -> str:
        """What the frame's header ce_golden says."""
        return f"{self.bundle}/{self.frame.name}"


def chosen(manifest: BundleManifest, slot: int) -> list[GoldenFrame]:
    """A known-good and a known-bad one, in turn, so that all get their chance; one where the bundle has no other."""
    kinds = (
        [each for each in manifest.golden if each.verdict is verdict] for verdict in (Verdict.OK, Verdict.ANOMALOUS)
    )
    return [frames[slot % len(frames)] for frames in kinds if frames]


class Shelf:
    """Reads what is to be sent. Images that are sent again and again are kept, up to KEPT_BYTES."""

    __slots__ = ("_bytes", "_images", "_manifests", "_store", "_told")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._manifests: OrderedDict[str, BundleManifest] = OrderedDict()
        self._images: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._told: set[str] = set()

    def pick(self, digest: str, slot: int) -> list[Golden]:
        """What a bundle sends in this slot. Raises BundleError when it cannot be had, Broken when the store fails."""
        manifest = self._manifest(digest)
        frames = chosen(manifest, slot)
        if len(frames) == 1:
            self._tell_once(digest, "heartbeat_one_sided", has=f"only {frames[0].verdict} golden frames")
        return [Golden(digest, frame, self._image(digest, frame), manifest) for frame in frames]

    def refused(self, digest: str, error: BundleError) -> None:
        """Tells once of a bundle that cannot be read."""
        self._tell_once(digest, "heartbeat_bundle_unreadable", error=str(error))

    def _manifest(self, digest: str) -> BundleManifest:
        if digest not in self._manifests:
            self._manifests[digest] = self._store.manifest(digest)
            if len(self._manifests) > KEPT_MANIFESTS:
                self._manifests.popitem(last=False)
        return self._manifests[digest]

    def _image(self, digest: str, frame: GoldenFrame) -> bytes:
        image = self._images.pop(frame.sha256, None)
        if image is None:
            image = self._store.golden_image(digest, frame)
            self._bytes += len(image)
        self._images[frame.sha256] = image
        while self._bytes > KEPT_BYTES:
            self._bytes -= len(self._images.popitem(last=False)[1])
        return image

    def _tell_once(self, digest: str, event: str, **about: str) -> None:
        if digest not in self._told:
            self._told.add(digest)
            structlog.get_logger().warning(event, bundle=digest, **about)

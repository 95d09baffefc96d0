"""The bundle store as the pages show it: listed and read by a thread of its own, so that no page waits for it long."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Condition, Thread

from andon.bundle import BundleError, Card
from andon.commands.bundles.figures import auroc, method
from andon.errors import Broken, Invalid, Mistake
from andon.images.limits import ImageLimits
from andon.manifest import BundleManifest, CalibrationSample, DriftReference, GoldenFrame
from andon.signing import signature_lines, signers
from andon.store import BundleStore, Stored, redacted
from andon_console.frames.bundles import Remembered

FRESH_S = 15.0
WAIT_S = 3.0
STEP = 64  # cards, then whoever waits sees them


@dataclass(frozen=True, slots=True)
class Entry:
    """One bundle of the store, as lists show it. `problem` says why nothing is known of it; ''  where all is well."""

    digest: str
    size: int
    at: datetime | None
    problem: str = ""
    product: str = ""
    method: str = ""
    backbone: str = ""
    budget: float = 0.0
    rate: float = 0.0
    low: float = 0.0
    high: float = 0.0
    confidence: float = 0.0
    threshold: float = 0.0
    auroc: float | None = None
    golden: int = 0
    frames: int = 0

    @property
    def text(self) -> str:
        """What is looked through when people search."""
        return f"{self.digest} {self.product} {self.method} {self.backbone}".lower()


@dataclass(frozen=True)
class Listing:
    """What the store held `when` it was listed last, the latest first. `reading`: some cards are still to come;
    `trouble` says what went wrong since."""

    entries: tuple[Entry, ...] = ()
    when: float | None = None
    reading: bool = False
    trouble: str = ""
    by_digest: dict[str, Entry] = field(default_factory=dict)

    def of(self, digest: str) -> Entry | None:
        """One of them."""
        return self.by_digest.get(digest)

    def meant(self, text: str) -> list[str]:
        """The digests that begin so."""
        return [text] if text in self.by_digest else [each for each in self.by_digest if each.startswith(text)]


class Shelf:
    """Any thread may ask. `store` shows bundles whoever signed them; `serving` gives out only what may be served."""

    def __init__(
        self, store: BundleStore, serving: Callable[[], BundleStore], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._serving = serving
        self._clock = clock
        self._changed = Condition()
        self._listing = Listing()
        self._known: dict[Stored, Entry] = {}
        self._at_work = False
        self._cards: Remembered[Card] = Remembered(store.card)
        self._samples: Remembered[CalibrationSample | None] = Remembered(store.sample, 32)
        self._references: Remembered[DriftReference] = Remembered(lambda digest: store.reference(digest)[1], 32)

    @property
    def url(self) -> str:
        """Where it is, without secrets."""
        return redacted(self._store.url)

    def listing(self, wait_s: float = WAIT_S) -> Listing:
        """What is known now. Asks anew in the background where that is of a while ago; waits for the first time."""
        with self._changed:
            self._refresh()
            self._changed.wait_for(lambda: self._listing.when is not None or bool(self._listing.trouble), wait_s)
            return self._listing

    def card(self, digest: str) -> Card:
        """Raises BundleError where the store does not hold it or it is damaged, Broken when it does not answer."""
        return self._cards(digest)

    def sample(self, digest: str) -> CalibrationSample | None:
        """The scores behind its threshold. Raises as `card`."""
        return self._samples(digest)

    def reference(self, digest: str) -> DriftReference:
        """How good frames looked when it was made. Raises as `card`."""
        return self._references(digest)

    def golden(self, digest: str, frame: GoldenFrame, side: int) -> bytes:
        """A JPEG of a golden frame. Raises as `card`; Mistake where it is no picture."""
        from andon_console.frames.pictures import picture

        try:
            return picture(self._store.golden_image(digest, frame), side, ImageLimits())
        except Invalid as error:
            raise Mistake(error.detail) from None

    def servable(self, digest: str) -> BundleManifest:
        """What a bundle that is to serve says of itself: whole, there, and signed where that is asked for. Raises
        Mistake, Broken."""
        return self._serving().manifest(digest)

    def signed(self, digest: str) -> str:
        """By whom it is signed, in words. Raises Broken, Mistake."""
        keys, text = self._serving().trusted, self._store.signatures(digest)
        count = len(signature_lines(text))
        if keys is None:
            return f"{count} signatures, none checked: ANDON_STORE__TRUSTED_KEYS is not set" if count else "no"
        found = signers(digest, text, keys)
        return ", ".join(f"{key.name} ({key.fingerprint})" for key in found) or "by nobody trusted: it may not serve"

    def _refresh(self) -> None:
        when = self._listing.when
        if not self._at_work and (when is None or self._clock() - when > FRESH_S):
            self._at_work = True
            Thread(target=self._read, name="shelf", daemon=True).start()

    def _read(self) -> None:
        trouble = "it could not be read; the log of the console has it"
        try:
            there = self._store.stored()
            self._known = {each: self._known[each] for each in there if each in self._known}
            missing = [each for each in there if each not in self._known]
            for first in range(0, len(missing), STEP):
                self._tell(there, reading=True)
                self._add(missing[first : first + STEP])
            self._tell(there, reading=False)
            trouble = ""
        except (Broken, Mistake) as error:
            trouble = str(error)
        finally:
            self._end(trouble)

    def _add(self, missing: list[Stored]) -> None:
        for stored, card in zip(missing, self._store.cards(each.digest for each in missing), strict=True):
            self._known[stored] = entry(stored, card)

    def _tell(self, there: list[Stored], *, reading: bool) -> None:
        entries = tuple(self._known[each] for each in there if each in self._known)
        found = {each.digest: each for each in entries}
        with self._changed:
            if not reading or entries:
                self._listing = Listing(entries, self._clock(), reading, "", found)
                self._changed.notify_all()

    def _end(self, trouble: str) -> None:
        with self._changed:
            self._at_work = False
            if trouble:
                before = self._listing
                self._listing = Listing(before.entries, self._clock(), False, trouble, before.by_digest)
            self._changed.notify_all()


def entry(stored: Stored, card: Card | BundleError) -> Entry:
    """One line of the list."""
    if isinstance(card, BundleError):
        return Entry(stored.digest, stored.size, stored.at, str(card))
    manifest, training, calibration = card.manifest, card.manifest.training, card.manifest.calibration
    return Entry(
        digest=stored.digest,
        size=stored.size,
        at=card.created_at or stored.at,
        product=manifest.product or "",
        method=method(training),
        backbone=training.backbone.name if training.backbone else "",
        budget=calibration.budget,
        rate=calibration.false_call_rate,
        low=calibration.interval.low,
        high=calibration.interval.high,
        confidence=calibration.interval.confidence,
        threshold=manifest.threshold,
        auroc=auroc(training),
        golden=len(manifest.golden),
        frames=training.frames,
    )

"""The bundle store as the commands use it: settings, and what people may call a bundle."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from andon.errors import Mistake
from andon.settings import ServiceSettings, StoreSettings, load

if TYPE_CHECKING:
    from andon.bundle import Card
    from andon.manifest import DriftReference
    from andon.store import BundleStore

_DIGITS = re.compile(r"[0-9a-f]{6,64}")


class ShelfSettings(ServiceSettings):
    """What the commands over bundles and assignments can be told."""

    store: StoreSettings = StoreSettings()


def shelf_settings() -> ShelfSettings:
    """The settings, read now. Raises Mistake."""
    return load(ShelfSettings)


def open_store(settings: ShelfSettings, *, url: str | None = None) -> "BundleStore":
    """The store that the settings name, or the one at `url`. Raises Mistake where this environment cannot open one."""
    try:
        from andon.store import BundleStore, default_cache
    except ImportError as error:
        raise Mistake(f"the bundle store needs the package {error.name}: pip install 'andon[store]'") from None
    store = settings.store.model_copy(update={"bundles": url}) if url else settings.store
    return BundleStore.of(store, default_cache())


def meant(store: "BundleStore", text: str) -> str:
    """The digest of the bundle that `text` means: a digest, the first 6 digits of one or more, or a file, which is put
    into the store then. Raises Mistake.
    """
    if _DIGITS.fullmatch(text):
        return store.find(text)
    from andon.bundle import read_bundle

    return store.put(read_bundle(_file(text)))


def meant_card(store: "BundleStore", text: str) -> "Card":
    """The card of the bundle that `text` means; a file is read where it is. Raises Mistake."""
    if _DIGITS.fullmatch(text):
        return store.card(store.find(text))
    from andon.bundle import card_of, read_bundle

    return card_of(read_bundle(_file(text)))


def meant_reference(store: "BundleStore", text: str) -> "DriftReference":
    """The drift reference of the bundle that `text` means, signed or not: to be shown. Raises Mistake."""
    from andon.bundle import read_reference
    from andon.store import BundleStore

    if _DIGITS.fullmatch(text):
        return BundleStore(store.url, store.cache).reference(store.find(text))[1]
    return read_reference(_file(text))[1]


def _file(text: str) -> Path:
    path = Path(text)
    if path.is_file():
        return path
    if re.fullmatch(r"[0-9a-fA-F]+", text):
        raise Mistake(
            f"{text!r} is not a bundle's digest: 64 hex digits in lower case, or at least the first 6 of them"
        )
    raise Mistake(
        f"{text!r} is not a bundle's digest: 64 hex digits, as `andon fit` printed it, or the first 6 or more; "
        "nor is it a file there"
    )

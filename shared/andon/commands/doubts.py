"""What looks wrong about a bundle for a station, before anything serves there."""

from andon.manifest import BundleManifest
from andon.preparation import Preparation


def doubts(bundle: BundleManifest, product: str | None, serving: BundleManifest | None) -> list[str]:
    """A sentence each. `product` is what it is assigned for (None: any), `serving` is what serves there now."""
    return [*_of_product(bundle.product, product), *_of_preparation(bundle.preparation, serving)]


def _of_product(made_for: str | None, product: str | None) -> list[str]:
    if made_for is None or made_for == product:
        return []
    if product is None:
        return [f"it was made for product {made_for!r}, and will judge every product; --product {made_for!r} limits it"]
    return [f"it was made for product {made_for!r}, and is assigned for product {product!r}"]


def _of_preparation(new: Preparation, serving: BundleManifest | None) -> list[str]:
    if serving is None or serving.preparation == new:
        return []
    old = serving.preparation
    told = {
        "channels": f"it takes {new.channels} channels, what serves now takes {old.channels}",
        "crop": f"it looks at {_crop(new)}, what serves now at {_crop(old)}",
        "masks": f"it blanks {len(new.masks)} regions, what serves now {len(old.masks)}",
        "depth_range": f"it takes 16-bit levels {_levels(new)}, what serves now {_levels(old)}",
    }
    return [
        f"{sentence}: is it for this station?"
        for field, sentence in told.items()
        if getattr(new, field) != getattr(old, field)
    ]


def _crop(preparation: Preparation) -> str:
    box = preparation.crop
    return f"{box.width}x{box.height} pixels at ({box.x}, {box.y})" if box else "the whole image"


def _levels(preparation: Preparation) -> str:
    low, high = preparation.depth_range or (0, 65535)
    return f"{low} to {high}"

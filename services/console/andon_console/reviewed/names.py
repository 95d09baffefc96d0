"""Names of folders and files, from words that people wrote. Pure."""

import re
import unicodedata
from hashlib import sha256

LONGEST = 40
OTHERS = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
"""Names that Windows keeps for itself, whatever follows a '.'."""

UNNAMED = "defect"
GOOD = "good"


def slug(text: str) -> str:
    """What of `text` can be a folder's name: letters of any script, digits, '-', '_'; '' where nothing is left."""
    plain = unicodedata.normalize("NFC", text).casefold()
    found = re.sub(r"[^\w-]+", "-", plain).strip("-_")[:LONGEST].strip("-_")
    return f"{found}-" if found in OTHERS else found


def defect_name(defect: str | None) -> str:
    """The kind of defect as a folder's name. Nothing that is defective is ever called good."""
    found = slug(defect or "") or UNNAMED
    return f"{found}-{UNNAMED}" if found == GOOD else found


def category(station: str, product: str | None) -> str:
    """What is inspected as one: a station, and its product where it has one. Two are never one: where a product's name
    had to be changed, six digits of its sha256 follow."""
    if not product:
        return station
    found = slug(product)
    whole = found if found == product else f"{found or 'product'}-{sha256(product.encode()).hexdigest()[:6]}"
    return f"{station}+{whole}"

"""What a webhook is sent: the pages that travel together. Pure."""

from collections.abc import Sequence
from hashlib import sha256

from pydantic import BaseModel, ConfigDict

from andon_alerting.page import Page

PAGES_TYPE = "andon.pages.v1"


class Pages(BaseModel):
    """One or more pages in one call, oldest first. `count` is how many.

    Each keeps its own `id`, by which a receiver tells repeats: a page that is sent again may have other company.
    """

    model_config = ConfigDict(frozen=True)

    type: str = PAGES_TYPE
    count: int
    pages: tuple[Page, ...]


def together(pages: Sequence[Page]) -> Pages:
    """The pages as one call carries them."""
    return Pages(count=len(pages), pages=tuple(sorted(pages, key=lambda each: each.at)))


def call_key(pages: Sequence[Page]) -> str:
    """The same for every call with the same pages: the id of a lone one, else a digest of all their ids."""
    ids = sorted(each.id for each in pages)
    return ids[0] if len(ids) == 1 else "pages/" + sha256("\n".join(ids).encode()).hexdigest()[:32]

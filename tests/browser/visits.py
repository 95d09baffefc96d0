"""Pages that a test opens."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

    from andon_console.safe.people import Role

DESK: "ViewportSize" = {"width": 1440, "height": 900}
PHONE: "ViewportSize" = {"width": 360, "height": 780}


class Visit(Protocol):
    """Opens a page of its own: signed in as `role` (None: nobody), at the board."""

    def __call__(self, role: "Role | None", *, size: "ViewportSize" = DESK, scheme: str = "light") -> "Page": ...

"""Whether the bundle that serves a station has a memory that false calls can be added to."""

from andon.errors import AndonError
from andon_console.frames.bundles import Bundles
from andon_console.live.serving import Models

INSTEAD = "let it learn anew with them among the good frames: andon fit --reviewed"


def why_no_memory(models: Models, bundles: Bundles, station: str, product: str | None) -> str:
    """Why nothing can be added, and what to do instead; '' where it can be, or where only training can tell."""
    serving = models.lookup(station, product)
    if serving is None:
        return f"no bundle serves {station}, so there is no memory to add to; assign one first (Models)"
    digest = serving.active.bundle
    try:
        training = bundles.manifest(digest).training
    except AndonError:
        return ""
    if training.has_memory:
        return ""
    return f"bundle {digest[:12]} ({training.method}) keeps no examples that one could be added to; {INSTEAD} {station}"

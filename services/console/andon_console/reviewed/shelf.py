"""The reviewed frames of the evidence store, as the commands ask for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from andon.errors import Invalid, Mistake
from andon.folder import Folder, redacted
from andon.ids import station_id
from andon.incidents.when import past
from andon.reviewed import ReviewedFrame, read_reviewed
from andon.settings import ServiceSettings, load
from andon_console.reviewed.options import Wanted
from andon_console.settings import EvidenceStore


class ReviewedSettings(ServiceSettings):
    """Settings of `andon reviewed`."""

    evidence: EvidenceStore = EvidenceStore()


@dataclass(frozen=True)
class ReviewedShelf:
    """The store and what people call it."""

    store: Folder
    url: str

    def frames(self, wanted: Wanted) -> list[ReviewedFrame]:
        """Those wanted, by station and id, without their images. Raises Broken when the store fails."""
        places: list[str | None] = [*sorted(wanted.stations)] or [None]
        return [each for place in places for each in read_reviewed(self.store, place) if wanted.has(each)]


def opened() -> ReviewedShelf:
    """The store that the settings name."""
    url = load(ReviewedSettings).evidence.url
    return ReviewedShelf(Folder(url), redacted(url))


def wanted(stations: Sequence[str] | None, product: str | None, since: str | None) -> Wanted:
    """What was asked for on the command line. Raises Mistake for what is no station or no time."""
    try:
        named = tuple(sorted({station_id(each) for each in stations or ()}))
    except Invalid as error:
        raise Mistake(f"--station: {error.detail}") from None
    return Wanted(named, product, past(since, "--since", datetime.now(UTC)) if since else None)

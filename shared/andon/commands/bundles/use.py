"""What each bundle is needed for, according to `models`."""

from dataclasses import dataclass

from andon.assigning import named
from andon.assignments import Assignments
from andon.commands import desk as desks
from andon.commands.shelf import ShelfSettings
from andon.errors import Broken

QUICK_S = 4.0
"""How long a command that can do without Kafka looks for it."""


@dataclass(frozen=True)
class Use:
    """Where a bundle is active, a shadow, or kept to go back to; each as people name a station."""

    active: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    past: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether anybody needs it."""
        return bool(self.active or self.shadow or self.past)

    @property
    def words(self) -> str:
        """For people."""
        told = (("active", self.active), ("shadow", self.shadow), ("past", self.past))
        return "\n".join(f"{what}: {', '.join(where)}" for what, where in told if where)


@dataclass(frozen=True)
class Uses:
    """The use of every bundle; `unknown` says why it cannot be told, where Kafka cannot be reached."""

    by_digest: dict[str, Use]
    unknown: str | None = None

    def of(self, digest: str) -> Use:
        """What this one is needed for."""
        return self.by_digest.get(digest, Use())


def uses(table: Assignments) -> Uses:
    """What the table needs: what is active, proven or was taken over from, the shadows, and every past."""
    found: dict[str, Use] = {}

    def add(digest: str, what: str, where: str) -> None:
        use = found.get(digest, Use())
        names = getattr(use, what)
        if where not in names:
            found[digest] = Use(**{**_fields(use), what: (*names, where)})

    for serving in table.all():
        where = named(serving.active)
        add(serving.active.bundle, "active", where)
        for digest in serving.active.shadows:
            add(digest, "shadow", where)
        for digest in (*serving.bundles[1:], *(past.bundle for past in serving.active.past)):
            add(digest, "past", where)
    return Uses(found)


def uses_now(settings: ShelfSettings) -> Uses:
    """The uses as `models` tells them, or why it does not."""
    try:
        desk = desks.open_desk(settings.kafka, QUICK_S)
    except Broken as error:
        return Uses({}, f"where each one serves is not shown: {error}")
    try:
        return uses(desk.table)
    finally:
        desk.close()


def _fields(use: Use) -> dict[str, tuple[str, ...]]:
    return {"active": use.active, "shadow": use.shadow, "past": use.past}

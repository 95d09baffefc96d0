"""The evidence store: one folder an incident, at any fsspec URL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from uuid import UUID

import structlog

from andon.errors import Broken, Invalid
from andon.evidence import DOSSIER, HEAT, SCORE, Dossier, KeptFrame, extension
from andon.folder import Folder, Listed, redacted
from andon.ids import sha256_hex
from andon.records import read_event, write_event

MAX_DOSSIER_BYTES = 4 * 1024**2
T = TypeVar("T")


class StoreAway(Broken):
    """A store does not answer, or takes nothing: it is waited for, and given up after a while."""


@contextmanager
def told_away() -> Iterator[None]:
    """Whatever is Broken within is the store's."""
    try:
        yield
    except Broken as error:
        raise StoreAway(str(error)) from error


class Shelf:
    """What lies in the store. Everything raises StoreAway when it fails."""

    def __init__(self, url: str) -> None:
        self._folder = Folder(url)
        self.url = redacted(url)

    def dossier(self, incident: str) -> Dossier | None:
        """What is kept of an incident; None where nothing is, or its file is not what it was."""
        try:
            with told_away():
                return read_event(Dossier, self._folder.read(f"{incident}/{DOSSIER}", MAX_DOSSIER_BYTES))
        except FileNotFoundError:
            return None
        except Invalid as error:
            structlog.get_logger().warning("dossier_unreadable", incident=incident, error=str(error))
            return None

    def save(self, dossier: Dossier) -> None:
        """Keeps what is known of an incident."""
        self._write(dossier.turn.incident_id, DOSSIER, write_event(dossier))

    def keep(self, incident: UUID, frame_id: UUID, image: bytes, heat: bytes, score: bytes) -> KeptFrame:
        """Keeps one frame of an incident; `heat` and `score` may be empty."""
        name = f"{frame_id}.{extension(image)}"
        files = {name: image, f"{frame_id}{HEAT}": heat, f"{frame_id}{SCORE}": score}
        for each, data in files.items():
            if data or each == name:
                self._write(incident, each, data)
        sizes = {"size": len(image), "heat": len(heat), "score": len(score)}
        return KeptFrame(frame_id=frame_id, name=name, sha256=sha256_hex(image), **sizes)

    def found(self, incident: UUID, frame_id: UUID) -> KeptFrame | None:
        """A frame that was kept before anything said so: we were stopped in between."""
        sizes = {each.name: each.size for each in self.listed(str(incident))}
        extras = {f"{frame_id}{HEAT}", f"{frame_id}{SCORE}"}
        names = [name for name in sizes if name.startswith(f"{frame_id}.") and name not in extras]
        if not names:
            return None
        with told_away():
            image = self._folder.read(f"{incident}/{names[0]}", sizes[names[0]])
        return KeptFrame(
            frame_id=frame_id,
            name=names[0],
            size=len(image),
            sha256=sha256_hex(image),
            heat=sizes.get(f"{frame_id}{HEAT}", 0),
            score=sizes.get(f"{frame_id}{SCORE}", 0),
        )

    def read(self, incident: str, kept: KeptFrame) -> tuple[bytes, bytes, bytes] | None:
        """The image, heat map and score of a kept frame; None where the image is not what was kept."""
        image = self._read(incident, kept.name, kept.size + 1)
        if sha256_hex(image) != kept.sha256:
            return None
        heat = self._read(incident, f"{kept.frame_id}{HEAT}", kept.heat)
        return image, heat, self._read(incident, f"{kept.frame_id}{SCORE}", kept.score)

    def incidents(self) -> list[str]:
        """The incidents of which something lies there."""
        with told_away():
            return [name for name in self._folder.folders() if _is_uuid(name)]

    def listed(self, incident: str) -> list[Listed]:
        """The files of one."""
        with told_away():
            return self._folder.listed(incident)

    def remove(self, incident: str) -> None:
        """Nothing of it lies there any more."""
        with told_away():
            self._folder.remove_folder(incident, last=DOSSIER)

    def _read(self, incident: str, name: str, size: int) -> bytes:
        with told_away(), suppress(FileNotFoundError):
            return self._folder.read(f"{incident}/{name}", size) if size else b""
        return b""

    def _write(self, incident: UUID, name: str, data: bytes) -> None:
        with told_away():
            self._folder.write(f"{incident}/{name}", data)


class Patience:
    """How long a store may fail: what is asked of it in between fails at once, so that nobody hammers at it."""

    def __init__(self, limit_s: float, clock: Callable[[], float], pause_s: float = 2.0) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._pause_s = pause_s
        self._since: float | None = None
        self._again = 0.0

    @property
    def waits(self) -> bool:
        """Whether it is too early to ask again."""
        return self._since is not None and self._clock() < self._again

    def failed(self, error: StoreAway) -> None:
        """It failed. Raises Broken when it has for too long."""
        now = self._clock()
        if self._since is None:
            self._since = now
            structlog.get_logger().warning("store_away", error=str(error), next="evidence waits for it")
        if now - self._since > self._limit_s:
            raise Broken(f"no store for {self._limit_s:.0f} s: {error}")
        self._again = now + self._pause_s

    def answered(self) -> None:
        """It works."""
        if self._since is not None:
            structlog.get_logger().info("store_back", away_s=round(self._clock() - self._since, 1))
        self._since = None


def _is_uuid(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False

"""Frames, pictures and bundles over the real Kafka and the real stores."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from uuid import UUID

from andon.folder import Folder
from andon.images.limits import ImageLimits
from andon.images.opencv import configure_opencv
from andon.kafka.at import RecordsAt
from andon.records import Answer
from andon.store import BlobStore, BundleStore, default_cache
from andon_console.frames.bundles import Bundles
from andon_console.frames.frames import Frames
from andon_console.frames.gallery import Gallery
from andon_console.frames.kept import Kept, Shows
from andon_console.frames.readers import Readers
from andon_console.settings import ConsoleSettings

ANSWER_S = 4.0


def open_frames(
    settings: ConsoleSettings,
    incidents: Shows,
    said: Callable[[UUID], Answer | None],
    is_away: Callable[[], bool],
    closing: ExitStack,
) -> tuple[Frames, Gallery, Bundles]:
    """Nothing is opened before it is asked for; `closing` gives back what was."""
    limits = ImageLimits()
    configure_opencv(limits.max_pixels)
    readers = Readers(partial(RecordsAt, settings.kafka, answer_s=ANSWER_S))
    closing.callback(readers.close)
    blobs = BlobStore(settings.store.frames, limits.max_bytes)
    kept = Kept(Folder(settings.evidence.url), incidents, said)
    frames = Frames(readers, blobs, kept, settings.frames, is_away)
    bundles = Bundles(BundleStore(settings.store.bundles, default_cache()))
    return frames, Gallery(frames, bundles.crop, limits), bundles

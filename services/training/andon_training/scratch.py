"""A temporary folder that is told to be too small before a library fails in it with words of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from andon.errors import Mistake


@contextmanager
def scratch_folder(needed: int) -> Iterator[Path]:
    """A folder with room for `needed` bytes, removed at the end. Raises Mistake when there is not that much."""
    with TemporaryDirectory(prefix="andon-fit-") as folder:
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise Mistake(
                f"{Path(folder).parent}: {free / 1e6:.1f} MB free, {needed / 1e6:.1f} needed for a moment; "
                "make room, or name another temporary folder in TMPDIR"
            )
        yield Path(folder)

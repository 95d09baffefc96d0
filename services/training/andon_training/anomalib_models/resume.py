"""The work folder of a training: what was asked for, so that only the same command goes on from what lies there."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from andon.bundle import write_whole
from andon.errors import Mistake

ASKED = "training.json"
FRAMES = "frames"
WORTH = ("last.ckpt", "fitted.pt", "frames/collected.json")


@dataclass(frozen=True)
class Work:
    """The folder of one training. `asked` are the arguments that decide what comes of it."""

    folder: Path
    asked: Mapping[str, Any]

    def begin(self) -> bool:
        """Whether there is something to go on from. Raises Mistake when it is another training's, or not writable."""
        self.clear()
        before = _read(self.folder)
        asked = json.loads(json.dumps(dict(self.asked)))
        if before is None:
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise Mistake(f"{self.folder}: holds other files; name another folder with --work, or empty it")
            write_whole(self.folder / ASKED, _text(asked))
            return False
        differing = sorted(name for name in {*before, *asked} - {FRAMES} if before.get(name) != asked.get(name))
        if differing:
            told = "; ".join(f"{name}: {before.get(name)}, now {asked.get(name)}" for name in differing)
            raise Mistake(f"{self.folder}: holds another training ({told}). {self._then()}")
        return True

    def same_frames(self, digest: str) -> None:
        """Raises Mistake when what lies there was learned from other frames than those of `digest`."""
        before = _read(self.folder) or {}
        if before.get(FRAMES, digest) != digest:
            raise Mistake(f"{self.folder}: the good frames are not those this training began with. {self._then()}")
        if FRAMES not in before:
            write_whole(self.folder / ASKED, _text({**before, FRAMES: digest}))

    def end(self) -> None:
        """Removes it: the bundle is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self) -> None:
        """Removes it where nothing was learned or collected yet: there is nothing to go on from."""
        if (self.folder / ASKED).is_file() and not any((self.folder / name).exists() for name in WORTH):
            self.end()

    def _then(self) -> str:
        return f"Repeat the command it began with, name another folder with --work, or start over: rm -r {self.folder}"


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / ASKED).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Mistake(f"{folder / ASKED}: cannot be read: {error}; remove {folder} to start over") from error
    return found if isinstance(found, dict) else {}


def _text(asked: Mapping[str, Any]) -> bytes:
    return json.dumps(asked, indent=1, sort_keys=True).encode() + b"\n"

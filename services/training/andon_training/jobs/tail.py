"""The last lines of a log, as people may see them: few, short, and without secrets."""

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, SecretStr

LINES = 20
LINE_CHARS = 200
HIDDEN = "***"
LEAST = 6  # characters: what is shorter stands in too many words to be hidden
SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|_KEY$", re.IGNORECASE)
NAMED = r"[\w-]*(?:password|secret|token|access.?key)"
IN_TEXT = (
    (re.compile(r"(\w://[^\s/@:]*:)[^\s@]+@"), rf"\1{HIDDEN}@"),  # user:password@host
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(rf"(?i)({NAMED}[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"), rf"\1{HIDDEN}"),
)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
Hide = Callable[[str], str]


class Tail:
    """Keeps the last LINES lines that say something, each cut to LINE_CHARS characters."""

    def __init__(self, hide: Hide) -> None:
        self._hide = hide
        self._lines: deque[str] = deque(maxlen=LINES)

    def add(self, line: str) -> None:
        """One more line. Of a line that was overwritten on a terminal, what was last seen."""
        text = ESCAPES.sub("", line.rstrip("\r").rsplit("\r", 1)[-1]).rstrip()
        if text:
            text = self._hide(text)  # before it is cut: half a secret is one, too
            self._lines.append(text if len(text) <= LINE_CHARS else f"{text[: LINE_CHARS - 1]}…")

    @property
    def lines(self) -> tuple[str, ...]:
        """The last ones."""
        return tuple(self._lines)


def hiding(secrets: Iterable[str]) -> Hide:
    """Hides these, and what looks like a password wherever it stands."""
    known = sorted({each for each in secrets if len(each) >= LEAST}, key=len, reverse=True)

    def hide(text: str) -> str:
        for each in known:
            text = text.replace(each, HIDDEN)
        for pattern, instead in IN_TEXT:
            text = pattern.sub(instead, text)
        return text

    return hide


def secrets_of(settings: BaseModel, environment: Mapping[str, str]) -> Iterator[str]:
    """The secrets that this process knows: of its settings, of variables that are called so, of mounted files."""
    for _, value in settings:
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from secrets_of(value, {})
    yield from (value for name, value in environment.items() if SECRET_NAME.search(name))
    if folder := environment.get("ANDON_SECRETS_DIR"):
        yield from _mounted(Path(folder))


def here(settings: BaseModel) -> Hide:
    """Hides what this process knows."""
    return hiding(secrets_of(settings, os.environ))


def _mounted(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*")):
        if file.is_file() and SECRET_NAME.search(file.name):
            yield file.read_text(errors="replace").strip()

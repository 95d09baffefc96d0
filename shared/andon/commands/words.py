"""How the shared commands speak: tables and --json to stdout, everything else to people on stderr."""

import getpass
import json
import os
import sys
from datetime import datetime
from typing import Any

from rich.console import Console

SHORT = 12
"""Digits of a digest that people are shown; any command takes them back."""


def people() -> Console:
    """Where words and warnings go: stderr, so that --json alone is on stdout."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def paper() -> Console:
    """Where tables go: stdout. Nothing is cut short when it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 240)


def say(text: str) -> None:
    """One sentence to people, nothing in it read as markup."""
    people().print(text, markup=False)


def warn(text: str) -> None:
    """One doubt to people."""
    console = people()
    console.print("warning:", style="yellow", end=" ")
    console.print(text, markup=False)


def print_json(record: Any) -> None:
    """One line of JSON to stdout."""
    sys.stdout.write(json.dumps(record) + "\n")


def who() -> str:
    """Who does it: the user's name, or their number where they have none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def short(digest: str) -> str:
    """A digest as people are shown it."""
    return digest[:SHORT]


def moment(at: datetime | None) -> str:
    """A moment, to the minute, in UTC; '' for none."""
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def size_words(size: int) -> str:
    """Bytes as people read them."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"

"""Secrets never stand in a line file: many may read it, in a ConfigMap or a repository."""

import re

KEY = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|credential|(api|private|access|secret|hmac)[ _-]?key|\bauth", re.I
)
IN_ADDRESS = re.compile(r"://[^/\s@:]*:[^/\s@]*@|[?&](pass\w*|pwd|token|secret|api_?key|key|sig(nature)?)=", re.I)
PEM = "-----BEGIN"
INSTEAD = (
    "a secret never stands in the line file, which many may read; services take theirs from ANDON_ variables or from "
    "files in ANDON_SECRETS_DIR"
)


def is_secret(name: str) -> bool:
    """Whether a name looks as if a secret came after it."""
    return KEY.search(name) is not None


def secret_in(text: str) -> str | None:
    """What to say of a text that holds a secret; None where it seems to hold none. Never repeats it."""
    if IN_ADDRESS.search(text):
        return f"an address with a password or a key in it: {INSTEAD}"
    return f"a key: {INSTEAD}" if PEM in text else None

"""The people who sign in by a token: a YAML file of names, roles and the hashes of their tokens.

    mira:
      role: reviewer
      token_sha256: 9f86d081884c7d65...

A token is 32 random bytes, so a plain SHA-256 of it can be undone by nobody, and needs no slow hash. The file is read
again when it changes: a name taken out of it is signed out at once.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import yaml

from andon.bundle import write_whole
from andon.errors import Mistake
from andon.ids import sha256_hex
from andon_console.safe.people import Role

NAME = re.compile(r"[^\s\x00-\x1f\x7f:,][^\x00-\x1f\x7f:,]{0,63}")
_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of the file."""

    name: str
    role: Role
    token_sha256: str


class Roster:
    """The people of a file, or one person with a token of this process alone."""

    def __init__(self, path: Path | None, entries: Mapping[str, Entry] | None = None) -> None:
        """Raises Mistake where the file is wrong."""
        self._path = path
        self._lock = Lock()
        self._stamp: tuple[int, ...] | None = None
        self._entries = dict(entries or {})
        if path is not None:
            self._entries = read_roster(path)
            self._stamp = _stamp(path)

    @classmethod
    def alone(cls, name: str) -> tuple["Roster", str]:
        """One engineer, and the token that lets them in until this process ends."""
        token = new_token()
        return cls(None, {name: Entry(name, Role.ENGINEER, sha256_hex(token.encode()))}), token

    def by_token(self, token: str) -> Entry | None:
        """Whose token it is. Takes as long whoever it is."""
        given, found = sha256_hex(token.encode()), None
        for entry in self._now().values():
            if hmac.compare_digest(entry.token_sha256, given):
                found = entry
        return found

    def by_name(self, name: str) -> Entry | None:
        """The person as the file says now."""
        return self._now().get(name)

    def _now(self) -> dict[str, Entry]:
        if self._path is None:
            return self._entries
        with self._lock:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                try:
                    self._entries, self._stamp = read_roster(self._path), stamp
                except Mistake:  # half written, or wrong: who was let in stays so until it can be read
                    return self._entries
            return self._entries


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(32)


def read_roster(path: Path) -> dict[str, Entry]:
    """The people in the file. Raises Mistake, naming what is wrong."""
    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}; make it with: andon console people add NAME") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise Mistake(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise Mistake(f"{path}: names people, each with role and token_sha256")
    return {name: _entry(path, name, said) for name, said in data.items()}


def write_roster(path: Path, entries: Mapping[str, Entry]) -> None:
    """Writes the whole file, or nothing; only its owner can read it. Raises Mistake."""
    said = {each.name: {"role": each.role.value, "token_sha256": each.token_sha256} for each in entries.values()}
    try:
        write_whole(path, yaml.safe_dump(said, sort_keys=True, allow_unicode=True).encode())
        path.chmod(0o600)
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}") from None


def checked_name(name: str) -> str:
    """A person's name. Raises Mistake."""
    if NAME.fullmatch(name) is None:
        raise Mistake(_wrong(name))
    return name


def _wrong(name: str) -> str:
    return f"{name[:64]!r}: a person's name has 1 to 64 characters, and no ':' or ','"


def _entry(path: Path, name: object, said: object) -> Entry:
    if not isinstance(name, str) or not isinstance(said, dict) or set(said) != {"role", "token_sha256"}:
        raise Mistake(f"{path}: {name!r}: needs role and token_sha256, and nothing else")
    if said["role"] not in set(Role):
        raise Mistake(f"{path}: {name!r}: role {said['role']!r}: is none of {', '.join(Role)}")
    if not isinstance(said["token_sha256"], str) or _HEX64.fullmatch(said["token_sha256"]) is None:
        raise Mistake(f"{path}: {name!r}: token_sha256 is not 64 hex digits (andon console people add makes one)")
    if NAME.fullmatch(name) is None:
        raise Mistake(f"{path}: {_wrong(name)}")
    return Entry(name, Role(said["role"]), said["token_sha256"])


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size

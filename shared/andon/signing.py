"""Who vouches for a bundle: Ed25519 signatures over its digest, in a file beside it.

What is signed is `DOMAIN` and the digest's 32 bytes, so that no signature made for anything else can stand for one.
`<digest>.sig` holds a line a signature, base64, and nothing else: which key it is by is found by trying those that are
trusted. Ed25519: RFC 8032, by way of `cryptography`.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from andon.errors import Mistake
from andon.ids import sha256_hex

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

DOMAIN = b"andon bundle v1\n"
SUFFIX = ".sig"
MAX_BYTES = 64 * 1024
_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)
_MAKE_ONE = (
    "make a pair: openssl genpkey -algorithm ed25519 -out key.pem; openssl pkey -in key.pem -pubout -out pub.pem"
)


@dataclass(frozen=True)
class TrustedKey:
    """A public key and the file it stands in."""

    name: str
    key: "Ed25519PublicKey"

    @property
    def fingerprint(self) -> str:
        """The first 12 hex digits of the sha256 of its 32 bytes."""
        return sha256_hex(self.key.public_bytes_raw())[:12]


def sign(digest: str, key: Path, password: Callable[[], str]) -> bytes:
    """The signature of the bundle `digest`, 64 bytes, by the private key in the PEM file `key`.

    `password` is asked when the key is encrypted. Raises Mistake when it is no such key.
    """
    return _private(key, password).sign(_message(digest))


def signature_lines(text: bytes) -> list[bytes]:
    """The signatures that a `.sig` file holds, 64 bytes each; lines that are none are passed over."""
    found = [_unbase64(line) for line in text[:MAX_BYTES].split()]
    return [each for each in found if len(each) == 64]


def with_signature(text: bytes, signature: bytes) -> bytes:
    """The `.sig` file with one more signature; one that it has already is not said twice."""
    lines = signature_lines(text)
    kept = lines if signature in lines else [*lines, signature]
    return b"".join(base64.b64encode(each) + b"\n" for each in kept)


def signers(digest: str, text: bytes, keys: Sequence[TrustedKey]) -> tuple[TrustedKey, ...]:
    """Those of `keys` that signed the bundle `digest`."""
    _library()
    lines = signature_lines(text)
    return tuple(key for key in keys if any(_verifies(key, digest, line) for line in lines))


def trusted_keys(path: Path) -> tuple[TrustedKey, ...]:
    """The public keys in a PEM file, or in the `*.pem` files of a folder. Raises Mistake when there are none, or when
    something else stands there: a key that is trusted by accident, or not read by accident, is told.
    """
    files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
    keys = tuple(key for file in files for key in _public(file))
    if not keys:
        raise Mistake(f"{path}: no public key there, and keys are asked for (ANDON_STORE__TRUSTED_KEYS); {_MAKE_ONE}")
    return keys


def _public(file: Path) -> list[TrustedKey]:
    _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    found = []
    for block in _blocks(file):
        if b"PRIVATE KEY" in block:
            raise Mistake(f"{file}: holds a private key; only public ones belong here, and that one may be known now")
        try:
            key = load_pem_public_key(block)
        except ValueError as error:
            raise Mistake(f"{file}: is not a public key in PEM form: {error}") from None
        if not isinstance(key, Ed25519PublicKey):
            raise Mistake(f"{file}: is a key of another kind than Ed25519; {_MAKE_ONE}")
        found.append(TrustedKey(file.name, key))
    return found


def _private(file: Path, password: Callable[[], str]) -> "Ed25519PrivateKey":
    _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(file)
    try:
        try:
            key = load_pem_private_key(data, None)
        except TypeError:  # it is encrypted
            key = load_pem_private_key(data, password().encode())
    except ValueError as error:
        raise Mistake(f"{file}: is not a private key in PEM form that this password opens: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Mistake(f"{file}: is a key of another kind than Ed25519; {_MAKE_ONE}")
    return key


def _verifies(key: TrustedKey, digest: str, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.key.verify(signature, _message(digest))
    except InvalidSignature:
        return False
    return True


def _message(digest: str) -> bytes:
    return DOMAIN + bytes.fromhex(digest)


def _blocks(file: Path) -> list[bytes]:
    data = _read(file)
    found = [match.group(0) for match in _PEM.finditer(data)]
    if not found:
        raise Mistake(f"{file}: holds no key in PEM form; {_MAKE_ONE}")
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Mistake(f"{file}: cannot be read: {error.strerror or error}") from None


def _unbase64(line: bytes) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _library() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise Mistake("signatures need the package cryptography: pip install 'andon[signing]'") from None

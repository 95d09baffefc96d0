"""A command beside a container's own, told to whoever asked as WebSocket frames (v5.channel.k8s.io of Kubernetes).

The first byte of a frame names its channel: 1 output, 2 errors, 3 how it ended, as a Status.
"""

import base64
import hashlib
import json
import subprocess
from collections.abc import Iterator, Sequence

from websocket import ABNF

PROTOCOL = "v5.channel.k8s.io"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
OUTPUT, ERRORS, ENDED = 1, 2, 3
WITHIN_S = 60


def accept(key: str) -> str:
    """What answers the key of an upgrade (RFC 6455, 4.2.2)."""
    digest = hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def frames(command: Sequence[str]) -> Iterator[bytes]:
    """Runs it to its end; what it said, how it ended, and the end of the connection."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=WITHIN_S, check=False)
    for channel, said in ((OUTPUT, done.stdout), (ERRORS, done.stderr), (ENDED, status(done.returncode))):
        if said:
            yield framed(ABNF.OPCODE_BINARY, bytes([channel]) + said)
    yield framed(ABNF.OPCODE_CLOSE, (1000).to_bytes(2, "big"))


def framed(kind: int, content: bytes) -> bytes:
    """A frame of a server: whole, and not masked."""
    return bytes(ABNF(1, 0, 0, 0, kind, 0, content).format())


def status(code: int) -> bytes:
    """An exit status, as kubectl reads it."""
    if code == 0:
        return json.dumps({"metadata": {}, "status": "Success"}).encode()
    causes = [{"reason": "ExitCode", "message": str(code)}]
    told = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
    return json.dumps(told | {"message": f"command terminated with exit code {code}"}).encode()

"""Which frames are asked of people at random, so that what inspection misses can be estimated."""

from hashlib import sha256
from uuid import UUID


def is_audited(frame_id: UUID, share: float) -> bool:
    """Whether a frame that was called ok belongs to the audit sample, `share` (0 to 1) of all frames.

    The first 8 bytes of the sha256 of the id's 16 bytes, as a fraction of 2**64, lie below `share`. So everybody picks
    the same frames and nothing is stored, the choice knows nothing of the picture or its score, and a larger share
    holds every frame of a smaller one.
    """
    return int.from_bytes(sha256(frame_id.bytes).digest()[:8]) < share * 2**64

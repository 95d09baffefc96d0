"""Review queues for tests, and frames that are of the audit sample, or not."""

from collections.abc import Callable
from uuid import UUID

from troubles import STATION

from andon.ids import frame_id
from andon.rates import is_audited
from andon_console.review.queue import Queue
from andon_console.review.worth import worth

SHARE = 0.01
NOBODY: Callable[[UUID], bool] = lambda _: False  # noqa: E731
AUDITED = [seq for seq in range(20_000) if is_audited(frame_id(STATION, 1, seq), SHARE)]
PLAIN = [seq for seq in range(2_000) if not is_audited(frame_id(STATION, 1, seq), SHARE)]


def own(seq: int) -> UUID:
    return frame_id(STATION, 1, seq)


def queue(said: Callable[[UUID], bool] = NOBODY) -> Queue:
    return Queue(worth, said, SHARE)

"""What the ledger can be told."""

from pydantic import Field

from andon.settings import LedgerSettings, Positive, RedisSettings, ServiceSettings
from andon.topics import FRAME_PATTERN
from andon_alerting.ledger.telling import Patience


class LedgerWatchSettings(ServiceSettings):
    """Settings of `andon ledger-watch`."""

    redis: RedisSettings = RedisSettings()
    redis_patience_s: Positive = Field(120.0, description="give up and restart when Redis does not answer for so long")
    frames: str = Field(FRAME_PATTERN, description="topics of frames: a name, or a pattern that begins with '^'")


def patience(ledger: LedgerSettings) -> Patience:
    """How long a frame may take, and how long people are told of it."""
    return Patience(ledger.settle_s, ledger.forget_s)


def look_every_s(ledger: LedgerSettings) -> float:
    """How often it is looked: ten times while a frame may take its time."""
    return min(10.0, ledger.settle_s / 10)

"""Stations that no bundle serves: which of their frames look fit to learn from, and how many have come. Pure.

"Good-looking" is asked of the picture, not of the part: health numbers within wide limits, and not the same picture
over and over. Whether what is left makes a bundle is for the fit to say.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from andon.health import ImageHealth
from andon.records import Score
from andon_training.trainer.settings import OnboardingSettings

ALL_BLACK = ALL_WHITE = 0.98  # share of pixels
NO_CONTRAST = 0.005  # of full scale: little more than one grey level of 255
REMEMBERED = 16  # pictures that the next one is compared with
HOPELESS = 5  # times as many frames as wanted, and still too few that look good


class Look(StrEnum):
    """How a frame looks as an example to learn from."""

    GOOD = "good"
    DARK = "dark"  # all but black
    OVEREXPOSED = "overexposed"  # all but white
    BLANK = "blank"  # of one even tone
    REPEATED = "repeated"  # the same picture as one shortly before
    UNMEASURED = "unmeasured"  # nobody measured it


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What is known of a station without a bundle. `seen` and `looks` count since the last attempt, `attempts` those
    that failed, `not_before` is when the next may be made. `recent` are the healths of its last frames."""

    station: str
    partition: int
    since: datetime
    origin: str = ""
    epoch: int = -1
    seq: int = -1
    looks: tuple[Look, ...] = ()
    recent: tuple[ImageHealth, ...] = ()
    attempts: int = 0
    not_before: datetime | None = None

    @property
    def seen(self) -> int:
        """Frames that came."""
        return len(self.looks)

    @property
    def good(self) -> int:
        """Those that look fit to learn from."""
        return self.looks.count(Look.GOOD)

    @property
    def most_often(self) -> Look:
        """What is most often wrong with the others."""
        return Counter(look for look in self.looks if look is not Look.GOOD).most_common(1)[0][0]


def look(health: ImageHealth | None, recent: Iterable[ImageHealth]) -> Look:
    """How a frame of that health looks after the `recent` ones. Equal numbers to six digits are the same picture."""
    if health is None:
        return Look.UNMEASURED
    if health.clipped_low >= ALL_BLACK:
        return Look.DARK
    if health.clipped_high >= ALL_WHITE:
        return Look.OVEREXPOSED
    if health.contrast < NO_CONTRAST:
        return Look.BLANK
    return Look.REPEATED if health in recent else Look.GOOD


def counted(known: Newcomer, score: Score, most: int) -> Newcomer:
    """`known` with one frame more; one that was counted before, or came too late, changes nothing. Only the `most`
    last frames count, so that a bad hour is forgotten."""
    if known.origin == score.origin and (score.epoch, score.seq) <= (known.epoch, known.seq):
        return known
    recent = (*known.recent, score.health)[-REMEMBERED:] if score.health else known.recent
    return replace(
        known,
        origin=score.origin,
        epoch=score.epoch,
        seq=score.seq,
        looks=(*known.looks, look(score.health, known.recent))[-most:],
        recent=recent,
    )


def most_counted(settings: OnboardingSettings) -> int:
    """How many of a station's last frames are looked at."""
    return HOPELESS * settings.frames


def ready(known: Newcomer, settings: OnboardingSettings, now: datetime) -> bool:
    """Whether an attempt may be made."""
    return known.good >= settings.frames and (known.not_before is None or now >= known.not_before)


def hopeless(known: Newcomer, settings: OnboardingSettings) -> bool:
    """Whether so many frames came that it is time to say that they do not look good."""
    return known.seen >= most_counted(settings) and known.good < settings.frames


def failed(known: Newcomer, settings: OnboardingSettings, now: datetime, *, start_anew: bool) -> Newcomer:
    """After an attempt that failed: a pause that doubles; `start_anew` waits for as many other frames, too."""
    pause_s = min(settings.longest_retry_s, settings.retry_s * 2.0 ** min(known.attempts, 16))
    waits = replace(known, attempts=known.attempts + 1, not_before=now + timedelta(seconds=pause_s))
    return replace(waits, looks=()) if start_anew else waits


def least_worth(newcomers: Iterable[Newcomer]) -> Newcomer:
    """The one to forget where there are too many: with the fewest good frames, so that a flood of invented names drives
    out its own kind."""
    return min(newcomers, key=lambda known: (known.good, known.seen))

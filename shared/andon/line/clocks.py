"""When the clocks on a wall show a time, also where daylight saving skips it or brings it twice."""

from datetime import UTC, datetime, timedelta, tzinfo


def earliest(wall: datetime, zone: tzinfo) -> datetime:
    """The first moment, in UTC, at which clocks of `zone` show `wall` or have jumped over it."""
    first, second = _both(wall, zone)
    return first if first <= second else _jump(second, first, wall, zone)


def latest(wall: datetime, zone: tzinfo) -> datetime:
    """The last moment, in UTC, at which clocks of `zone` show `wall`, or when they jump over it."""
    first, second = _both(wall, zone)
    return second if first <= second else _jump(second, first, wall, zone)


def _both(wall: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """`wall` by the offset before and after a change of the clocks (PEP 495); the same where there is none. The second
    is earlier where `wall` is a time that is skipped."""
    before, after = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return before, after


def _jump(low: datetime, high: datetime, wall: datetime, zone: tzinfo) -> datetime:
    """When, after `low` and until `high`, the clocks jump over `wall`; they do so at a whole second."""
    while (apart := int((high - low).total_seconds())) > 1:
        middle = low + timedelta(seconds=apart // 2)
        passed = middle.astimezone(zone).replace(tzinfo=None) >= wall
        low, high = (low, middle) if passed else (middle, high)
    return high

"""Every check, in the order in which they are told."""

from typing import Any

from andon_alerting.doctor.checks import (
    alertmanager,
    bundles,
    clocks,
    groups,
    kafka,
    line,
    redis,
    settings,
    stores,
    topics,
)
from andon_alerting.doctor.finding import Check

CHECKS: tuple[Check[Any], ...] = (
    *settings.CHECKS,
    *kafka.CHECKS,
    *topics.CHECKS,
    *groups.CHECKS,
    *redis.CHECKS,
    *alertmanager.CHECKS,
    *stores.CHECKS,
    *bundles.CHECKS,
    *clocks.CHECKS,
    *line.CHECKS,
)
AREAS: tuple[str, ...] = tuple(dict.fromkeys(check.area for check in CHECKS))
"""What --only takes."""

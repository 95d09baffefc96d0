"""What `andon evidence --once` did, for machines and for people."""

from collections.abc import Mapping, Sequence
from math import isinf
from typing import Any

from andon_alerting.evidence.janitor import Janitor
from andon_alerting.evidence.retention import Headroom
from andon_alerting.evidence.reviewed_count import ReviewedCount
from andon_alerting.evidence.risk import lasting


def summary(
    url: str,
    outcomes: Mapping[str, int],
    answered: Mapping[str, int],
    janitor: Janitor,
    reviewed: ReviewedCount,
    seen: Sequence[Headroom],
) -> dict[str, Any]:
    """One JSON object. `left_s` is null where nothing waits to be read, or nothing is ever deleted."""
    return {
        "store": url,
        "kept": outcomes.get("kept", 0),
        "lost": {word: count for word, count in sorted(outcomes.items()) if word != "kept"},
        "incidents": janitor.incidents,
        "bytes": janitor.size,
        "removed": janitor.removed,
        "reviewed": {"frames": reviewed.frames, "bytes": reviewed.size, "answers": dict(sorted(answered.items()))},
        "headroom": [
            {
                "group": each.group,
                "topic": each.topic,
                "left_s": None if isinf(each.left_s) else round(each.left_s, 1),
                "waiting": each.waiting,
                "deleted": each.deleted,
            }
            for each in seen
        ],
    }


def said(found: Mapping[str, Any]) -> str:
    """The same in sentences."""
    lost = ", ".join(f"{count} {word}" for word, count in found["lost"].items())
    lines = [
        f"kept {found['kept']} frames" + (f"; could not keep {lost}" if lost else ""),
        f"{found['store']} holds {found['incidents']} incidents, {found['bytes'] / 1e6:.1f} MB; "
        f"{found['removed']} removed",
        f"{found['reviewed']['frames']} reviewed frames, {found['reviewed']['bytes'] / 1e6:.1f} MB{_answers(found)}",
    ]
    waiting = [each for each in found["headroom"] if each["left_s"] is not None]
    lines += [
        f"{each['group']} has {each['waiting']} records of {each['topic']} to read; {lasting(each['left_s'])} left"
        for each in waiting
    ]
    return "\n".join(lines)


def _answers(found: Mapping[str, Any]) -> str:
    became = [f"{count} {word.replace('_', ' ')}" for word, count in found["reviewed"]["answers"].items()]
    return f"; of the answers that came, {', '.join(became)}" if became else ""

"""Most of what `incidents` holds is over and asked for by nobody: it is let go of before it is read as JSON.

Reading an event with all its evidence costs fifty times more than looking at its first fields, which stand where
`write_event` puts them. What looks otherwise is passed on, to be read as a whole.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from andon.stage import Record

_HEAD = re.compile(rb'"incident_id":"([0-9a-f-]{36})","kind":"(\w+)"')
_HEAD_BYTES = 200

Asked = Callable[[Record], bool]
"""Whether an incident is wanted whenever it was, by one of its records."""


def sifted(records: Iterable[Record], since: datetime, asked: Asked = lambda _: False) -> Iterator[Record]:
    """The records of incidents that are not over, were so only after `since` (as their end was written), or are asked
    for. Those of one incident in order."""
    held: dict[bytes, list[Record]] = {}
    gone: set[bytes] = set()
    wanted: set[bytes] = set()
    limit_ms = since.timestamp() * 1000
    for record in records:
        head = _HEAD.search(record.value, 0, _HEAD_BYTES)
        if head is None:
            yield record
            continue
        incident, kind = head.groups()
        if incident not in wanted and asked(record):
            wanted.add(incident)
        if incident in gone and incident not in wanted:
            continue
        if kind == b"resolved" and record.timestamp_ms < limit_ms and incident not in wanted:
            gone.add(incident)
            held.pop(incident, None)
        else:
            held.setdefault(incident, []).append(record)
    for some in held.values():
        yield from some


def named(text: str) -> Asked:
    """Asks for what may be the incident or the station that people call `text`."""
    digits = text.strip().lower().replace("-", "")
    dashed = re.sub(r"^(.{8})(.{0,4})(.{0,4})(.{0,4})(.*)$", _dashes, digits).encode()
    station = text.strip().encode()

    def asked(record: Record) -> bool:
        return b'"incident_id":"' + dashed in record.value or b'"' + station + b'"' in record.value

    return asked


def _dashes(found: re.Match[str]) -> str:
    return "-".join(part for part in found.groups() if part)

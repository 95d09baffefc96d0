"""What sensors beside a station read at one moment. In `signals`."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from andon.errors import Invalid
from andon.ids import station_id
from andon.reasons import Reason
from andon.records.event import Event, read_event
from andon.stage import Record

MOST_VALUES = 64
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Reading(Event):
    """The numbers at `at`, by name (`spindle_temperature`), and their units by the same names (`K`, `bar`; may be left
    out). `source` is who reads them: readings of one source at one station count in the order of `at`, and one that is
    not newer than the last is passed over, so sending one twice changes nothing.
    """

    station: str
    source: str = Field("", max_length=64)
    at: datetime
    values: dict[Name, float] = Field(min_length=1, max_length=MOST_VALUES)
    units: dict[Name, Annotated[str, StringConstraints(max_length=32)]] = Field({}, max_length=MOST_VALUES)


def read_reading(record: Record) -> Reading:
    """The reading in `record`.

    Raises Invalid: BAD_RECORD, SCHEMA_TOO_NEW, or BAD_STATION when the record's key is not its station.
    """
    reading = read_event(Reading, record.value)
    if record.key is None or record.key != station_id(reading.station).encode():
        raise Invalid(Reason.BAD_STATION, f"the record's key is not its station {reading.station!r}")
    if reading.at.tzinfo is None:
        raise Invalid(Reason.BAD_RECORD, "Reading: at needs a time zone")
    return reading

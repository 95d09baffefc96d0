"""JSON records: frozen pydantic models, versioned; unknown fields are accepted and never written on."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records.version import SCHEMA_VERSION, check_version, version_in


class Event(BaseModel):
    """What every JSON record has in common."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    schema_version: int = SCHEMA_VERSION


E_ = TypeVar("E_", bound=Event)


def read_event(model: type[E_], value: bytes) -> E_:
    """The record that `value` holds.

    Raises Invalid: BAD_RECORD for bytes that are not this record, SCHEMA_TOO_NEW for one that a newer Andon wrote.
    """
    try:
        event = model.model_validate_json(value)
    except ValidationError as error:
        check_version(model.__name__, version_in(value))  # of a newer one anything may be missing
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "value"
        raise Invalid(Reason.BAD_RECORD, f"{model.__name__}: {where}: {first['msg']}"[:300]) from None
    check_version(model.__name__, event.schema_version)
    return event


def write_event(event: Event) -> bytes:
    """The bytes of `event`; absent fields are left out."""
    return event.model_dump_json(exclude_none=True).encode()

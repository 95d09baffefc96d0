"""The major version of what travels in the topics: JSON records say it in `schema_version`, frames in their `ce_type`.

Within a version fields are only added, and a reader passes over what it does not know. What an older Andon could not
read, or would read wrongly, is a new version: this Andon refuses it by name, before it looks at anything else.
"""

import json
import re

from andon.errors import Invalid
from andon.reasons import Reason

SCHEMA_VERSION = 1
_FRAME_TYPE = re.compile(r"andon\.frame\.[a-z]+\.v([0-9]{1,9})")


def version_in(value: bytes) -> int | None:
    """What a JSON record says its version is, whatever else stands in it; None where it says none. Raises nothing."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    version = found.get("schema_version") if isinstance(found, dict) else None
    return version if isinstance(version, int) else None


def check_version(name: str, version: int | None) -> None:
    """Raises Invalid(SCHEMA_TOO_NEW) for a record `name` of a version that a newer Andon wrote; none said is 1."""
    if version is not None and version > SCHEMA_VERSION:
        detail = f"{name} has schema version {version}, this Andon reads up to {SCHEMA_VERSION}"
        raise Invalid(Reason.SCHEMA_TOO_NEW, detail)


def check_frame_type(ce_type: str | None) -> None:
    """Raises Invalid(SCHEMA_TOO_NEW) for a type of Andon's own of a newer version; others may say what they like."""
    found = _FRAME_TYPE.fullmatch(ce_type or "")
    check_version("the frame", int(found[1]) if found else None)

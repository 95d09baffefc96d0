"""What numbers are called: any header becomes lower snake case, and its unit is taken off."""

import re

from andon.errors import Invalid
from andon.reasons import Reason

MOST = 64  # characters
_UNIT = re.compile(r"^(?P<name>.+?)\s*[\[(](?P<unit>[^\[\]()]{1,32})[\])]\s*$")
_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "°": "", "µ": "u"}
)


def snake(text: str) -> str:
    """`text` in lower snake case: 'Volume Flow RateRMS' is volume_flow_rate_rms, '1. Druck' is n1_druck.

    Raises Invalid(BAD_RECORD) when no letter or digit is left.
    """
    plain = _WORD_ENDS.sub("_", text.translate(LETTERS))
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:MOST].rstrip("_")
    if not name:
        raise Invalid(
            Reason.BAD_RECORD, f"{text[:80]!r} cannot name a number; use letters, such as spindle_temperature"
        )
    return name if name[0].isalpha() else f"n{name}"[:MOST]


def name_and_unit(header: str) -> tuple[str, str]:
    """'Temperature [K]' and 'Temperature (K)' are temperature, in K. Raises Invalid, as `snake`."""
    found = _UNIT.match(header.strip())
    return (snake(found["name"]), found["unit"].strip()) if found else (snake(header), "")

"""That nobody is to be called about a station for a while. In `silences`, compacted: the last word counts."""

from datetime import datetime

from pydantic import Field

from andon.records.event import Event


class Silence(Event):
    """`target` is a station, or '*' for all of them. Incidents are recorded all the same; what is still open when the
    silence ends is told then. One that is over has `until` in the past."""

    target: str
    since: datetime
    until: datetime
    why: str = Field("", max_length=1000)
    by: str = Field("", max_length=128)

    @property
    def key(self) -> bytes:
        """The record's key."""
        return self.target.encode()

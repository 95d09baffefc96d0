"""Who somebody is, and what they may."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do; each may what those before it may."""

    VIEWER = "viewer"  # look
    REVIEWER = "reviewer"  # answer, acknowledge, resolve, silence
    ENGINEER = "engineer"  # say which bundle serves, ask training, export, read the audit log

    def may(self, needed: "Role") -> bool:
        """Whether this role is `needed`, or more."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = (Role.VIEWER, Role.REVIEWER, Role.ENGINEER)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in. `session` tells one sign-in from another; `address` is where they come from."""

    name: str
    role: Role
    session: str
    address: str = ""
    by_proxy: bool = False

    def may(self, role: str) -> bool:
        """For the pages: `person.may('reviewer')`."""
        return self.role.may(Role(role))

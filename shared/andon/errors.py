"""Every error Andon raises on purpose.

AndonError
├── Invalid   this message can never succeed: it becomes a dead letter, the stage goes on
├── Broken    we are broken: the stage stops, commits nothing, exits 1 and is restarted
└── Mistake   the operator asked for something that cannot be done: told, exit 2
"""

from andon.reasons import Reason


class AndonError(Exception):
    """The root of all errors Andon raises on purpose."""


class Invalid(AndonError):
    """This message can never succeed, however often it is tried.

    `reason` is one of a closed set (it labels metrics); `detail` says what was wrong, with what.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Broken(AndonError):
    """We, or something we cannot work without, are broken. Stop, commit nothing, be restarted."""


class Mistake(AndonError):
    """What the operator gave cannot work: says what, where, and what to do."""

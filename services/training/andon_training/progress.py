"""Long work tells how far it is: `progress(step, done, of)`."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]


def silent(_step: str, _done: int, _of: int) -> None:
    """Progress that nobody watches."""

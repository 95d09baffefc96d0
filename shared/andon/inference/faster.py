"""The faster of two sessions on rows of made-up numbers: where there are no golden frames to decide."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from andon.bundle import BundleError
from andon.errors import Broken
from andon.inference.session import Arrays, Session

RUNS = 5  # of which the shortest counts


def faster_session(known: Session, other: Callable[[], Session]) -> Session:
    """`known`, or what `other` opens, where that is faster. An `other` that cannot run the graph is told and left."""
    given = _made_up(known)
    try:
        found = other()
        other_ms = shortest_ms(lambda: found.run([port.name for port in found.outputs], given))
    except (BundleError, Broken) as error:
        structlog.get_logger().warning("runtime_left_out", why=str(error))
        return known
    known_ms = shortest_ms(lambda: known.run([port.name for port in known.outputs], given))
    tell_choice({known.provider: known_ms, found.provider: other_ms})
    return found if other_ms < known_ms else known


def shortest_ms(act: Callable[[], object], runs: int = RUNS) -> float:
    """Milliseconds of the shortest of `runs`, after one that pays for memory."""
    act()
    return min(_ms(act) for _ in range(runs))


def tell_choice(ms: dict[str, float], **more: str) -> None:
    """Logs which of the providers was the faster, with the milliseconds of all."""
    figures = {provider: round(value, 2) for provider, value in ms.items()}
    structlog.get_logger().info("runtime_chosen", runtime=min(ms, key=lambda name: ms[name]), ms=figures, **more)


def _ms(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _made_up(session: Session) -> Arrays:
    random = np.random.default_rng(0)
    return {port.name: _row(random, port.kind, [side or 1 for side in port.shape[1:]]) for port in session.inputs}


def _row(random: np.random.Generator, kind: str, shape: Sequence[int]) -> NDArray[Any]:
    values = random.uniform(0, 255 if kind == "uint8" else 1, (1, *shape))
    return values.astype(kind)

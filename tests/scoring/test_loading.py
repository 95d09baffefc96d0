"""In which order bundles are loaded in the background, and what becomes of those nobody waits for."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from andon.errors import Broken
from andon_scoring.loading import Loading
from andon_scoring.score import Loaded

A, B, C, D = (letter * 64 for letter in "abcd")


class Slow:
    """Loads what it is asked for, once `go` is set."""

    def __init__(self, loaded: Callable[..., Loaded]) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.order: list[str] = []
        self._loaded = loaded

    def __call__(self, digest: str) -> Loaded:
        self.order.append(digest)
        self.began.set()
        assert self.go.wait(20)
        return self._loaded(digest[0])


@pytest.fixture
def slow(loaded: Callable[..., Loaded]) -> Iterator[Slow]:
    made = Slow(loaded)
    yield made
    made.go.set()


def everything(loading: Loading) -> list[str]:
    found: list[str] = []
    while loading.asked:
        found += [digest for digest, _ in loading.ready(5)]
    return found


def test_what_frames_wait_for_is_loaded_before_the_rest(slow: Slow) -> None:
    loading = Loading(slow, 20)
    loading.begin(A)
    assert slow.began.wait(5)
    loading.begin(B)
    loading.begin(C)
    loading.begin(D, first=True)
    loading.begin(C, first=True)
    loading.begin(C)
    slow.go.set()
    assert everything(loading) == slow.order == [A, C, D, B]
    loading.close()


def test_what_nobody_wants_any_more_is_not_loaded_and_what_is_under_way_not_handed_out(slow: Slow) -> None:
    loading = Loading(slow, 20)
    for digest in (A, B, C):
        loading.begin(digest)
    assert slow.began.wait(5)
    loading.forget([A, B])
    slow.go.set()
    assert everything(loading) == [C]
    assert slow.order == [A, C]
    loading.close()


def test_only_the_load_that_is_under_way_counts_against_the_time(slow: Slow) -> None:
    """However long the queue is, a load that goes on is no reason to stop."""
    loading = Loading(slow, 0.2)
    loading.check()
    loading.begin(A)
    assert slow.began.wait(5)
    loading.check()
    time.sleep(0.3)
    with pytest.raises(Broken, match="aaaaaaaaaaaa was not loaded within"):
        loading.check()
    slow.go.set()
    everything(loading)
    loading.check()
    loading.close()

"""Ctrl-C ends the watching between two turns, and never in the midst of one."""

import os
import signal

import pytest

from andon_demo.watch import asked_to_stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_time_it_is_only_remembered(number: signal.Signals):
    with asked_to_stop() as asked:
        assert not asked.is_set()
        os.kill(os.getpid(), number)
        assert asked.is_set()


def test_the_second_time_it_ends_the_program():
    with asked_to_stop():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_afterwards_it_is_as_it_was_before():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with asked_to_stop():
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) != before
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

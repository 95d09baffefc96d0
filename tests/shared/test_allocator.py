"""Freed images are kept for the next."""

import platform

import pytest

from andon.allocator import give_back_large, keep_memory, one_arena


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the switch")
def test_glibc_is_told_to_keep_the_memory_of_a_batch() -> None:
    assert keep_memory()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the switch")
def test_glibc_is_told_to_share_it_among_threads() -> None:
    assert one_arena()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the switch")
def test_glibc_is_told_to_give_large_memory_back() -> None:
    assert give_back_large()

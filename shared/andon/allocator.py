"""Memory of one batch is kept for the next."""

import ctypes

MIB = 1024 * 1024
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LARGEST_KEPT = 32 * MIB  # glibc takes no more
FREE_KEPT = 64 * MIB


def keep_memory() -> bool:
    """Lets glibc keep freed images instead of giving them back and having them zeroed anew for every frame.

    Measured over 1 MP JPEGs on two cores: 2.15 CPU-ms a frame for the four services instead of 2.65, with the same
    peak memory. Answers whether it was done: only glibc has the switch.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(M_TRIM_THRESHOLD, FREE_KEPT))

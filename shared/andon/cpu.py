"""How many CPUs this process may use: what the machine has, what it is pinned to, what its cgroup allows.

ONNX Runtime and OpenCV size their pools by the host and are then throttled (onnxruntime issues 10113, 29510).
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def cpu_limit(pinned: int | None = None, root: Path = Path("/")) -> int:
    """Whole CPUs this process may keep busy, at least 1.

    The least of the CPUs it is pinned to (`pinned`; None asks the system) and the CPU quota of its cgroup and all
    above it, rounded down, so that no period is throttled. `root` is where /proc and /sys are looked for.
    """
    return max(1, min([_pinned() if pinned is None else pinned, *(int(quota) for quota in _quotas(root))]))


def _pinned() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """CPU quotas in CPUs: cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us` over `cpu.cfs_period_us`."""
    groups = root / "sys/fs/cgroup"
    for folder in _folders(root):
        yield from _ratio(_words(groups / folder / "cpu.max"))
        for mount in ("cpu", "cpu,cpuacct"):
            v1 = groups / mount / folder
            yield from _ratio(_words(v1 / "cpu.cfs_quota_us") + _words(v1 / "cpu.cfs_period_us"))


def _folders(root: Path) -> set[str]:
    """Our cgroup and all above it, relative to the mount; the mount itself is ours inside a container."""
    found = {"."}
    for line in _lines(root / "proc/self/cgroup"):
        _, _, path = line.rpartition(":")
        place = PurePosixPath(path.lstrip("/"))
        found.update(str(p) for p in (place, *place.parents) if ".." not in p.parts)
    return found


def _ratio(words: list[str]) -> Iterator[float]:
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]) > 0:
        yield int(words[0]) / int(words[1])


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []

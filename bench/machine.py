"""Where figures were taken. Needs nothing but what runs a model: bench runs in several environments."""

import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import onnxruntime

PACKAGES = ("andon", "confluent-kafka", "opencv-python-headless", "numpy", "pydantic", "redis", "openvino")


def machine() -> dict[str, str]:
    """CPU, cores, memory, kernel, versions, load and date."""
    told = _cpuinfo()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{told.get('model name', platform.machine())}, {_hz(told)}",
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": ", ".join(_packages()),
        "load average": load(),
    }


def load() -> str:
    """The load average of 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def _cpuinfo() -> dict[str, str]:
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {}


def _hz(told: dict[str, str]) -> str:
    return f"{float(told['cpu MHz']) / 1000:.1f} GHz" if "cpu MHz" in told else "clock unknown"


def _packages() -> list[str]:
    found = [f"onnxruntime {onnxruntime.__version__}"]
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return found

"""Where figures were taken."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import onnxruntime
import psutil

PACKAGES = ("andon", "confluent-kafka", "opencv-python-headless", "numpy", "pydantic", "redis")


def machine() -> dict[str, str]:
    """CPU, cores, memory, kernel, versions, load and date."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{names[0] if names else platform.machine()}, {_hz()}",
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": ", ".join(
            [f"onnxruntime {onnxruntime.__version__}", *(f"{name} {version(name)}" for name in PACKAGES)]
        ),
        "load average": load(),
    }


def load() -> str:
    """The load average of 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def _hz() -> str:
    found = psutil.cpu_freq()
    return f"{found.current / 1000:.1f} GHz" if found and found.current else "clock unknown"


def _packages() -> list[str]:
    return [f"onnxruntime {onnxruntime.__version__}", *(f"{name} {version(name)}" for name in PACKAGES)]

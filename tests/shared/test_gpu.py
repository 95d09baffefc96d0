"""GPU gauges: there when the driver answers, gone when it does not, and never in the way."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from andon.gpu import EVERY_S, GpuGauges, nvml
from andon.metrics import Metrics


class Refused(Exception):
    """As NVMLError."""


class Driver(ModuleType):
    """An NVML with two GPUs; `refuses` names the calls that fail."""

    NVMLError = Refused

    def __init__(self, *refuses: str) -> None:
        super().__init__("fake_nvml")
        self.refuses = set(refuses)

    def __getattr__(self, call: str) -> Any:
        answers = {
            "nvmlInit": lambda: None,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(total=8000 + gpu, used=500),
            "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=40 + gpu),
        }

        def asked(*given: int) -> Any:
            if call in self.refuses:
                raise Refused("Not Supported")
            return answers[call](*given)

        return asked


class Rig:
    """Gauges over a driver, and a clock."""

    def __init__(self, driver: Driver) -> None:
        self.now = 0.0
        self.registry = CollectorRegistry()
        self.turn = GpuGauges(Metrics(self.registry), driver, lambda: self.now)

    def values(self, gpu: str) -> list[float | None]:
        names = ("memory_bytes", "memory_used_bytes", "utilization_ratio")
        return [self.registry.get_sample_value(f"andon_gpu_{name}", {"gpu": gpu}) for name in names]


def test_each_gpu_shows_its_memory_and_how_busy_it_is():
    rig = Rig(Driver())
    rig.turn()
    assert rig.values("0") == [8000, 500, 0.4]
    assert rig.values("1") == [8001, 500, 0.41]


def test_what_a_slice_of_a_gpu_will_not_tell_has_no_series_and_is_logged_once():
    rig = Rig(Driver("nvmlDeviceGetUtilizationRates"))
    with capture_logs() as logs:
        for _ in range(3):
            rig.turn()
            rig.now += EVERY_S
    assert rig.values("0") == [8000, 500, None]
    assert [line["why"] for line in logs] == [f"utilization of GPU {gpu}: Not Supported" for gpu in (0, 1)]


def test_a_driver_that_fails_while_it_runs_takes_its_series_with_it_and_stops_nobody():
    driver = Driver()
    rig = Rig(driver)
    rig.turn()
    driver.refuses = {"nvmlDeviceGetCount"}
    rig.now += EVERY_S
    with capture_logs() as logs:
        rig.turn()
    assert rig.values("0") == [None, None, None]
    assert len(logs) == 1
    driver.refuses = set()
    rig.now += EVERY_S
    rig.turn()
    assert rig.values("0") == [8000, 500, 0.4]


def test_the_driver_is_asked_every_few_seconds_only():
    driver = Driver()
    rig = Rig(driver)
    rig.turn()
    driver.refuses = {"nvmlDeviceGetCount"}
    rig.now += EVERY_S / 2
    rig.turn()
    assert rig.values("0") == [8000, 500, 0.4]


def test_without_the_package_there_is_no_library_and_one_line_in_the_log():
    with capture_logs() as logs:
        assert nvml("no_such_package_of_a_driver") is None
    (line,) = logs
    assert line["event"] == "gpu_not_watched"
    assert "andon-scoring[gpu]" in line["next"]


def test_without_a_driver_there_is_no_library_and_one_line_in_the_log(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "fake_nvml", Driver("nvmlInit"))
    with capture_logs() as logs:
        assert nvml("fake_nvml") is None
    assert [line["why"] for line in logs] == ["Not Supported"]


def test_with_a_driver_the_library_is_ready_to_be_asked(monkeypatch: pytest.MonkeyPatch):
    driver = Driver()
    monkeypatch.setitem(sys.modules, "fake_nvml", driver)
    assert nvml("fake_nvml") is driver

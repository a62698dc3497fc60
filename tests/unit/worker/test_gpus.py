import sys
from types import SimpleNamespace
from typing import Any

import pytest

from services.worker.gpus import Gpus, GpuUse


class FakeNvml:
    """NVML of a machine with one whole GPU and one slice that does not tell its load."""

    class NVMLError(Exception):
        pass

    def __init__(self, *, driver: bool = True) -> None:
        self.driver = driver

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.driver:
            raise self.NVMLError

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802, ANN401
        return SimpleNamespace(used=1000 + handle)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:  # noqa: N802, ANN401
        if handle == 1:
            raise self.NVMLError
        return SimpleNamespace(gpu=75)


def test_every_gpu_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    assert Gpus().read() == [GpuUse(0, 1000, 0.75), GpuUse(1, 1001, 0.0)]


def test_a_machine_without_a_driver_has_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(driver=False))
    assert Gpus().read() == []


def test_a_machine_without_nvml_has_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert Gpus().read() == []

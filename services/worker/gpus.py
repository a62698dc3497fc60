"""Memory and load of this machine's GPUs through NVML; an empty list where there is no GPU or no driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.logs import logger

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class GpuUse:
    """One GPU by its NVML index: bytes in use, and the share of time it was computing (0 to 1)."""

    index: int
    used_bytes: int
    busy_ratio: float


class Gpus:
    """The GPUs of this machine; NVML is opened once, and a machine without it has none."""

    def __init__(self) -> None:
        self._nvml, self._handles = _open()

    def read(self) -> list[GpuUse]:
        """Return how much each GPU is used now."""
        return [self._one(index, handle) for index, handle in enumerate(self._handles)]

    def _one(self, index: int, handle: Any) -> GpuUse:  # noqa: ANN401 - a C pointer of NVML
        used = int(self._nvml.nvmlDeviceGetMemoryInfo(handle).used)
        try:
            busy = int(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100
        except self._nvml.NVMLError:  # a slice of a shared GPU does not tell
            busy = 0.0
        return GpuUse(index, used, busy)


def _open() -> tuple[Any, list[Any]]:
    try:
        # Only here: a machine without a GPU needs no NVML.
        import pynvml
    except ImportError:
        return None, []
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        return pynvml, [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    except pynvml.NVMLError as error:
        _log.info("no_gpu_found", error=type(error).__name__)
        return None, []

"""This module measures how busy a trial's machine is, under the names that MLflow's page keeps for system metrics."""

from contextlib import suppress

import psutil
import torch

from gan import Compute

_MB = 1e6
_CPU, _MEMORY = "system/cpu_utilization_percentage", "system/system_memory_usage_"


class MachineLoad:
    """A MachineLoad tells what a machine does: all of its cores and memory, and the GPUs that the trial sees.

    Of the cores it tells the share of their time that was spent since the last answer; of all else what is now.
    """

    def __init__(self, compute: Compute) -> None:
        self._has_gpu = compute.device == "cuda"
        self._before = _cpu_s()

    def taken(self) -> dict[str, float]:
        """Returns what is known, as metrics by name: percentages and megabytes (of a million bytes)."""
        memory = psutil.virtual_memory()
        found = {
            _CPU: self._busy(),
            f"{_MEMORY}megabytes": memory.used / _MB,
            f"{_MEMORY}percentage": 100 * memory.used / memory.total,
        }
        for number in range(torch.cuda.device_count() if self._has_gpu else 0):
            found |= {f"system/gpu_{number}_{name}": value for name, value in _gpu(number).items()}
        return {name: round(value, 1) for name, value in found.items()}

    def _busy(self) -> float:
        (busy, whole), (busy_before, whole_before) = now, before = _cpu_s(), self._before
        self._before = now
        return 100 * (busy - busy_before) / (whole - whole_before) if now != before else 0.0


def _cpu_s() -> tuple[float, float]:
    """Returns for how many seconds the cores have worked since the machine began, and how many there were."""
    times = psutil.cpu_times()
    # Linux alone has these, and counts what guests take as the user's as well.
    guests, waiting = (
        sum(float(getattr(times, name, 0.0)) for name in names) for names in (("guest", "guest_nice"), ("iowait",))
    )
    whole = sum(times) - guests
    return whole - times.idle - waiting, whole


def _gpu(number: int) -> dict[str, float]:
    free, total = torch.cuda.mem_get_info(number)
    used = total - free
    found = {"memory_usage_megabytes": used / _MB, "memory_usage_percentage": 100 * used / total}
    # It is not to be had without NVIDIA's package nvidia-ml-py, whose errors are its own, nor of a part of a GPU.
    with suppress(Exception):
        found["utilization_percentage"] = float(torch.cuda.utilization(number))
    return found

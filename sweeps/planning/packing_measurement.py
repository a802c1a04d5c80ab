"""This module trains the same student in several processes at once on one device, to see what that gains."""

import multiprocessing
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import torch

from gan import Compute
from sweeps.errors import SweepError
from sweeps.planning.packing import (
    Load,
    Measurement,
    Memory,
    Packing,
    chosen_count,
    device_name,
    joint_rate,
    next_count,
)
from sweeps.planning.packing_trial import PackedTrial, train_when_told

TIMED_S = 4.0
PATIENCE_S = 600.0  # how long a process may take to start and warm up, or to end its timed steps


def measure_packing(
    load: Load, extractor: Path, *, heard: Callable[[int, str], None], timed_s: float = TIMED_S
) -> Packing:
    """Measure 1, 2, 4 and more trials at once on the first device that this process sees. Returns the packing chosen.

    `extractor` is the path of the network that images are measured by. `heard` is called with each count and what came
    of it. Where memory does not suffice for a count, the choice is made among the counts before it. Raises what a trial
    raises.
    """
    found: list[Measurement] = []
    with ExitStack() as ends:
        trial = PackedTrial(
            architecture=load.architecture,
            recipe=load.recipe,
            critic=load.critic,
            compute=load.compute,
            threads=load.threads,
            kind=load.extractor.kind,
            extractor=extractor,
        )
        together = _Together(trial)
        ends.callback(together.end)
        while count := next_count(found, together.memory, most=load.most):
            try:
                found.append(together.measure(count, timed_s))
            except (MemoryError, torch.OutOfMemoryError):
                heard(count, "memory does not suffice")
                break
            heard(count, f"{found[-1].images_per_s:,.0f} images/s")
    return Packing(
        trials=chosen_count(found, together.memory),
        device=device_name(load.compute),
        memory=together.memory,
        measurements=tuple(found),
    )


class _Together:
    """These are processes that train at once, as many as were asked for so far."""

    def __init__(self, trial: PackedTrial) -> None:
        self._trial, self._meter = trial, _Meter(trial.compute)
        self._trials: list[tuple[Any, Connection[Any, Any]]] = []

    @property
    def memory(self) -> Memory:
        return self._meter.memory

    def measure(self, count: int, timed_s: float) -> Measurement:
        """Train in `count` processes at once. Raises MemoryError and its like where that is too much."""
        new = [self._start() for _ in range(count - len(self._trials))]
        self._trials += new
        for process, pipe in new:
            _answer(process, pipe)
        for _, pipe in self._trials:
            with suppress(BrokenPipeError):  # then it cannot answer either
                pipe.send(timed_s)
        traces = [_answer(process, pipe) for process, pipe in self._trials]
        pids = [process.pid for process, _ in self._trials]
        return Measurement(trials=count, images_per_s=joint_rate(traces), memory_bytes=self._meter.in_use_bytes(pids))

    def end(self) -> None:
        """End all of them."""
        for process, pipe in self._trials:
            pipe.close()
            process.terminate()
        for process, _ in self._trials:
            process.join()

    def _start(self) -> tuple[Any, "Connection[Any, Any]"]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=train_when_told, args=(theirs, self._trial))
        process.start()
        theirs.close()
        return process, ours


class _Meter:
    """A _Meter reads the device's memory. If its process uses a GPU itself, it takes some before the first trial."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        total, before = self._read()
        self.memory = Memory(total_bytes=total, before_bytes=before)

    def in_use_bytes(self, pids: list[int]) -> int:
        """Returns the bytes in use while the trials run as the processes `pids`.

        On a CPU these are the bytes in use before them, and their resident memory.
        """
        if self._compute.device == "cuda":
            return self._read()[1]
        return self.memory.before_bytes + sum(psutil.Process(pid).memory_info().rss for pid in pids)

    def _read(self) -> tuple[int, int]:
        """Returns the device's bytes in all, and those in use."""
        if self._compute.torch_device.type == "cuda":
            free, total = torch.cuda.mem_get_info()
            return total, total - free
        host = psutil.virtual_memory()
        return host.total, host.total - host.available


def _answer(process: Any, pipe: "Connection[Any, Any]") -> Any:
    """Returns what a trial says next. Raises what it raised, and MemoryError where the kernel has ended it."""
    if not pipe.poll(PATIENCE_S):
        raise SweepError(
            "A trial that is measured answers within 10 minutes", "none", "Set resources.trials_per_gpu to a number."
        )
    try:
        said = pipe.recv()
    except (EOFError, ConnectionResetError):
        process.join(PATIENCE_S)
        if process.exitcode == -signal.SIGKILL:
            raise MemoryError("a trial that was measured was killed, most likely for want of memory") from None
        raise SweepError(
            "A trial that is measured trains for a moment",
            f"it ended with exit code {process.exitcode}",
            "Mend what is said above, or set resources.trials_per_gpu to a number. A script that calls run_sweep does "
            'so under if __name__ == "__main__":, as for any process that Python starts.',
        ) from None
    if isinstance(said, Exception):
        from sweeps.errors import tells_of_memory

        raise MemoryError(str(said)) if tells_of_memory(str(said)) else said
    return said

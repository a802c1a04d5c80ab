"""This module is Ray Tune as we run it: its settings, and corrections of what does not suit a sweep."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.tune.execution import class_cache, tune_controller

from sweeps.environment import environment

# Ctrl-C must reach the caller as KeyboardInterrupt, who ends the workers and closes the runs; Tune's own
# handler would wait for each worker's next report and then return as if all were well.
SETTINGS = {"TUNE_DISABLE_SIGINT_HANDLER": "1", "RAY_AIR_NEW_OUTPUT": "0"}


class WorkerOutOfMemoryError(RayActorError):
    """Ray has ended a worker because its node had no memory left; this says so in the terms of Tune."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return WorkerOutOfMemoryError, (self._text,)

    def __str__(self) -> str:
        return f"OutOfMemory: {self._text}"


class _Manager(RayActorManager):
    """This is Tune's own manager, except that it survives a worker that Ray has ended for want of memory.

    Tune's would end with that worker, and the whole sweep with it.
    """

    def _actor_task_failed(self, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = WorkerOutOfMemoryError(str(exception).partition("\n")[0])
        super()._actor_task_failed(tracked_actor_task, exception)


@contextmanager
def tune_environment(**more: str) -> Iterator[None]:
    """Run Ray Tune our way for the length of a `with` block. `more` are further settings of its environment.

    Workers have their credentials from their node. Tune would hand them the driver's AWS keys as well, in their runtime
    environment, which Ray writes into its logs on every node.
    """
    handed_on = class_cache.ENV_VARS_TO_PROPAGATE
    manager = tune_controller.RayActorManager  # type: ignore[attr-defined]  # an import of theirs, not exported
    class_cache.ENV_VARS_TO_PROPAGATE = {name for name in handed_on if not name.startswith("AWS_")}
    tune_controller.RayActorManager = _Manager  # type: ignore[attr-defined]  # the same
    try:
        with environment({**SETTINGS, **more}):
            yield
    finally:
        class_cache.ENV_VARS_TO_PROPAGATE = handed_on
        tune_controller.RayActorManager = manager  # type: ignore[attr-defined]  # the same

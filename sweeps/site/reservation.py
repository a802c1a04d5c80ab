"""This module does work before the trials, on a node of the cluster on which they may run."""

from collections.abc import Callable
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster import TrialNeed
from sweeps.display import Display
from sweeps.errors import SweepError

TRIES = 3  # how many nodes may be tried when one is lost; the next finds what the one before has made
SILENCE_S = 10.0

Result = TypeVar("Result")


def run_reserved(
    need: TrialNeed, purpose: str, *, display: Display, work: Callable[[PlacementGroup], Result]
) -> Result:
    """Do `work` where `need` is reserved, on another node if one is lost. `purpose` is in words: "make the models".

    Raises a person's mistakes as they are, and SweepError where node after node is lost.
    """
    for remaining in reversed(range(TRIES)):
        group = placement_group([need.amounts], bundle_label_selector=[dict(need.labels)] if need.labels else None)
        try:
            if not ray.wait([group.ready()], timeout=SILENCE_S)[0]:
                display.say(f"waiting for a node that has {need} free, to {purpose}")
            return work(group)
        except RayTaskError as error:
            if isinstance(error.cause, ValueError):  # a mistake that a person can mend
                raise error.cause from None
            raise
        except RayError as error:
            # Ray's own retry would leave out of the second stream as many events as were read of the first.
            if not remaining:
                raise SweepError(
                    f"The node that is to {purpose} stays until that is done",
                    str(error).strip().splitlines()[0],
                    "The same command again goes on from what is made.",
                ) from error
            display.say(f"the node that was to {purpose} was lost: another one goes on")
        finally:
            remove_placement_group(group)
    raise AssertionError("the last try returns or raises")


def options_in(group: PlacementGroup, need: TrialNeed) -> dict[str, Any]:
    """Returns Ray's options of a task that has all of the reservation, and that Ray does not begin again."""
    return {
        "num_cpus": need.cpus,
        "num_gpus": need.gpus,
        "resources": dict(need.resources),
        "max_retries": 0,
        "scheduling_strategy": PlacementGroupSchedulingStrategy(group),
    }

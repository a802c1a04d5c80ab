"""This module reads what earlier versions stored as they meant it: a setting that they did not have is as it was then.

Today's default of such a setting is another one. A sweep that began before goes on with the trials and the teacher that
it has, so their identities are without it.
"""

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

from gan import DistillationConfig, GanTrainingConfig
from sweeps.spec.phases import BaselineSpec

STATISTICS, BEFORE = "batchnorm_statistics", "running"
RECIPES = (("teacher", "training"), ("student",), ("baseline",))  # of a specification
RecipeT = TypeVar("RecipeT", DistillationConfig, GanTrainingConfig, BaselineSpec)


def as_it_was_meant(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a stored specification with the settings that its version did not have, as they were."""
    made = copy.deepcopy(dict(data))
    for path in RECIPES:
        recipe: Any = made
        for name in path:
            recipe = recipe.get(name) if isinstance(recipe, dict) else None
        if isinstance(recipe, dict):
            recipe.setdefault(STATISTICS, BEFORE)
    return made


def unsaid_before(recipe: DistillationConfig | GanTrainingConfig | None) -> set[str]:
    """Returns the settings of a recipe that an identity leaves out, as they are what they always were before."""
    return {STATISTICS} if recipe and recipe.batchnorm_statistics == BEFORE else set()


def kept_statistics(recipe: RecipeT, before: RecipeT) -> RecipeT:
    """Returns a recipe with the statistics of the one that a sweep began with, where it states none itself."""
    if STATISTICS in recipe.model_fields_set:
        return recipe
    return recipe.model_copy(update={STATISTICS: before.batchnorm_statistics})

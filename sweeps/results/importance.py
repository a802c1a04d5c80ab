"""This module says how much each searched parameter matters for quality, by Optuna's fANOVA over the search's rows."""

import math
from typing import Any

import optuna
import pyarrow as pa

from analysis import COLUMNS, Phase, final_students, settings_of
from sweeps.spec.architecture import dimensions_of_row
from sweeps.spec.space import distributions
from sweeps.spec.sweep import SweepSpec

FEWEST_ROWS = 8  # a forest of trees says nothing about fewer


def importances(spec: SweepSpec, table: pa.Table) -> dict[str, float]:
    """Returns which share of the variation of the rule's metric each searched parameter explains.

    The metric's logarithm is taken where the metric is drawn by its logarithm. The result is empty where fewer than
    FEWEST_ROWS students of the search finished, or nothing varied. The same rows give the same shares. Source: Hutter
    et al., "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014.
    """
    metric = COLUMNS[spec.limit.metric]
    spaces = {name: space for name, space in distributions(spec.domains()).items() if not space.single()}
    study = optuna.create_study()
    for row in final_students(table).to_pylist():
        values = {**row, **settings_of(row), **dimensions_of_row(row, spec.shape)}
        quality = row[metric.name]
        if (
            row["phase"] != Phase.SEARCH
            or quality is None
            or not math.isfinite(quality)
            or (metric.log and quality <= 0)
        ):
            continue
        study.add_trial(
            optuna.create_trial(
                params={name: values[name] for name in spaces},
                distributions=spaces,
                value=math.log(quality) if metric.log else quality,
            )
        )
    if len(study.trials) < FEWEST_ROWS or len(spaces) < 2 or len({trial.value for trial in study.trials}) < 2:
        return {}
    evaluator: Any = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))

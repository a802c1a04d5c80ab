"""This module describes the experiments in MLflow: what is in each of them, and where its other half is."""

import math
from contextlib import suppress

from mlflow.entities import Run

from sweeps.errors import SweepError
from sweeps.ledger.links import experiment_link, model_link, run_link
from sweeps.ledger.notes import describe_experiment
from sweeps.ledger.tags import SWEEP, common_columns
from sweeps.ledger.tracking import Tracking
from sweeps.results.names import ALL_TRIALS, BEST_FID, BYTES, PARAMETERS, RATIO

MOST_LISTED = 20  # in a description, which is a tag


def describe_experiments(tracking: Tracking, experiment_id: str) -> None:
    """Write the descriptions of an experiment that sweeps are in, and of the one with the models."""
    sweeps, models = tracking.sweeps(), tracking.experiments.models
    own = [run for run in sweeps if run.info.experiment_id == experiment_id]
    describe_experiment(tracking, experiment_id, text=sweeps_text(own, models=models))
    names = {run.info.experiment_id: "" for run in sweeps} | {experiment_id: ""}
    others = {each: str(tracking.client.get_experiment(each).name) for each in names}
    describe_experiment(tracking, models, text=models_text(others, tracking.registry.models()))


def sweeps_text(sweeps: list[Run], *, models: str) -> str:
    """Returns the Markdown of an experiment with these sweeps; its first line is what the page shows unopened."""
    datasets = sorted({_dataset_of(run) for run in sweeps} - {""})
    about = f" on **{', '.join(datasets)}**" if datasets else ""
    lines = ["| sweep | limit | parameters | lowest FID | trials |", "|---|---|---:|---:|---:|"]
    lines += [_row(run) for run in sweeps[:MOST_LISTED]]
    return "\n\n".join(
        [
            f"How far can a GAN{about} be compressed? Each sweep is a run whose description has the answer.",
            "The runs below a sweep (open it with +) are its trials: students that were distilled from one teacher.",
            "\n".join(lines),
            f"[Teachers and extractors]({experiment_link(models)}) have an experiment of their own.",
            "```\nganlimit sweep list\nganlimit sweep status NAME\nganlimit report NAME\n```",
        ]
    )


def _dataset_of(run: Run) -> str:
    with suppress(SweepError):  # a person has changed the tag: the others are described all the same
        return common_columns(run.data.tags).get("dataset", "")
    return ""


def _row(run: Run) -> str:
    name = run.data.tags[SWEEP]
    metrics = {key: value for key, value in run.data.metrics.items() if math.isfinite(value)}  # NaN is withdrawn
    ratio = f"1/{metrics[RATIO]:.1f}" if RATIO in metrics else ""
    values = [
        f"{metrics[BYTES]:,.0f} bytes" if BYTES in metrics else ratio,  # which leads, where there are some
        f"{metrics[PARAMETERS]:,.0f}" if PARAMETERS in metrics else "",
        f"{metrics[BEST_FID]:.1f}" if BEST_FID in metrics else "",
        f"{metrics[ALL_TRIALS]:.0f}" if ALL_TRIALS in metrics else "",
    ]
    return f"| [{name}]({run_link(run.info.experiment_id, run.info.run_id)}) | {' | '.join(values)} |"


def models_text(experiments: dict[str, str], models: list[str]) -> str:
    """Returns the Markdown of the experiment with the models, for sweeps in `experiments`, which have names by id."""
    sweeps = ", ".join(f"[{name}]({experiment_link(each)})" for each, name in experiments.items())
    registered = ", ".join(f"[{name}]({model_link(name)})" for name in models[:MOST_LISTED])
    return "\n\n".join(
        [
            "What sweeps stand on: teachers, and the extractors that quality is measured in. Each run is a training.",
            f"Sweeps: {sweeps}.",
            f"Registered models: {registered}." if registered else "",
            "```\nganlimit teacher show SPEC\nganlimit sample NAME-teacher --out grid.png\n```",
        ]
    )

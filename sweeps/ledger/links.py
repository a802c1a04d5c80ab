"""This module has the addresses of MLflow's pages, relative to a page of the same server: its descriptions hold them.

MLflow 3.17 opens an experiment as one of language models unless the browser was told otherwise, or the address says
so: no tag of an experiment does.
"""

import json
from collections.abc import Sequence
from urllib.parse import quote

from mlflow.entities import Run

_TRAINING = "workflowType=machine_learning"


def experiment_link(experiment_id: str) -> str:
    """Returns the list of an experiment's runs."""
    return f"#/experiments/{experiment_id}/runs?{_TRAINING}"


def run_link(experiment_id: str, run_id: str, *, page: str = "") -> str:
    """Returns a run's page, or one of those behind it, such as `artifacts/report/report.html`."""
    return f"#/experiments/{experiment_id}/runs/{run_id}{f'/{page}' if page else ''}?{_TRAINING}"


def version_link(version: str) -> str:
    """Returns the page of a registered model's version, which is written NAME/NUMBER."""
    name, _, number = version.partition("/")
    return f"#/models/{quote(name)}/versions/{number}?{_TRAINING}"


def artifact_link(run: Run, path: str, *, fresh: object) -> str:
    """Returns an artifact as an image's address; another value of `fresh` is not taken from the browser's memory."""
    return f"get-artifact?path={quote(path, safe='')}&run_uuid={run.info.run_id}&v={fresh}"


def model_link(name: str) -> str:
    """Returns the page of a registered model."""
    return f"#/models/{quote(name)}?{_TRAINING}"


def compare_link(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Returns the page that compares runs of an experiment: what differs among them, side by side."""
    runs, experiments = (quote(json.dumps(ids, separators=(",", ":"))) for ids in (list(run_ids), [experiment_id]))
    return f"#/compare-runs?runs={runs}&experiments={experiments}&{_TRAINING}"


def view_link(experiment_id: str, key: str, *, charts: bool = True) -> str:
    """Returns the list of an experiment's runs as a saved view has it, with its charts."""
    shown = "&compareRunsMode=CHART" if charts else ""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={quote(key)}{shown}&{_TRAINING}"

"""Sweeps: the one place that composes networks, cluster, search, tracking and analysis.

    import sweeps
    result = sweeps.run_sweep(sweeps.load_spec("digits"))
    print(result.limit.sentence())

Everything the command line does is a function here. Names are imported on first use, because torch,
Ray and MLflow take seconds to load.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

# Before mlflow and ray are imported anywhere, and inherited by the workers: no call home, no warnings
# about a missing git, and only the loggers that are asked for.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# A tracking server that is away is asked again later, from the trials' journals, rather than waited for.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
# Threads that soon fall asleep while they wait: spinning on, as they do by default, they make training
# several times slower beside one other busy process; falling asleep at once, slower without one.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")

if TYPE_CHECKING:
    from sweeps.errors import SpecError, SweepError, UndeliveredError
    from sweeps.export import Export, export_sweeps
    from sweeps.reading import StoredTrials, read_trials
    from sweeps.reporting import Report, write_report
    from sweeps.results import sweep_table
    from sweeps.runner import SweepResult, run_sweep, run_sweeps, train_teacher
    from sweeps.sampling import sample_to_file
    from sweeps.spec import SweepSpec
    from sweeps.spec_file import load_spec, load_specs, preset_names
    from sweeps.workspace import Workspace

_HOMES = {
    "SpecError": "sweeps.errors",
    "SweepError": "sweeps.errors",
    "UndeliveredError": "sweeps.errors",
    "Export": "sweeps.export",
    "export_sweeps": "sweeps.export",
    "StoredTrials": "sweeps.reading",
    "read_trials": "sweeps.reading",
    "Report": "sweeps.reporting",
    "write_report": "sweeps.reporting",
    "sweep_table": "sweeps.results",
    "SweepResult": "sweeps.runner",
    "run_sweep": "sweeps.runner",
    "run_sweeps": "sweeps.runner",
    "train_teacher": "sweeps.runner",
    "sample_to_file": "sweeps.sampling",
    "SweepSpec": "sweeps.spec",
    "load_spec": "sweeps.spec_file",
    "load_specs": "sweeps.spec_file",
    "preset_names": "sweeps.spec_file",
    "Workspace": "sweeps.workspace",
}

__all__ = [
    "Export",
    "Report",
    "SpecError",
    "StoredTrials",
    "SweepError",
    "SweepResult",
    "SweepSpec",
    "UndeliveredError",
    "Workspace",
    "export_sweeps",
    "load_spec",
    "load_specs",
    "preset_names",
    "read_trials",
    "run_sweep",
    "run_sweeps",
    "sample_to_file",
    "sweep_table",
    "train_teacher",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sweeps' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)

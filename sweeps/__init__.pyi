from .deployment.deploying import Deployment, deploy
from .deployment.exports import DeployedExport
from .deployment.measuring import Timing
from .driver.runner import SweepResult, run_sweep, run_sweeps, train_teacher
from .errors import NothingFeasibleError, NothingFinishedError, SpecError, SweepError, UndeliveredError
from .ledger.workspace import Workspace
from .results.export import Export, export_sweeps
from .results.reading import StoredTrials, read_trials
from .results.report import Report, write_report
from .results.sampling import sample_to_file
from .results.table import sweep_table
from .spec.file import load_spec, load_specs, preset_names
from .spec.sweep import SweepSpec

__all__ = [
    "DeployedExport",
    "Deployment",
    "Export",
    "NothingFeasibleError",
    "NothingFinishedError",
    "Report",
    "SpecError",
    "StoredTrials",
    "SweepError",
    "SweepResult",
    "SweepSpec",
    "Timing",
    "UndeliveredError",
    "Workspace",
    "deploy",
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

"""A search as Ray Tune asks it, without any training."""

from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

import sweeps
from analysis import Phase
from analysis import TrialState as Ended
from gan import Compute, DistillationConfig, Protocol
from sweeps.driver.tune_searcher import QueueSearcher
from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.records import LedgerEntry
from sweeps.ledger.store import TrackingStore
from sweeps.planning.points import listed_points
from sweeps.search.study import open_study
from sweeps.search.study_file import open_storage
from sweeps.search.study_queue import SearchBasis, ToRequest, study_queue
from sweeps.spec.architecture import architecture_of
from sweeps.trial.log import TrialContext
from sweeps.trial.request import Job, TrialRequest

TEACHER = {"teacher_fid": 5.0, "teacher_inception_score": 8.0, "teacher_parameters": 10_000}

SHAPE = {"image_size": 16, "image_channels": 1, "latent_size": 16}  # the tiny sweep's


def request_of(point: Any, **changes: Any) -> TrialRequest:
    values: dict[str, Any] = {
        "phase": Phase.SEARCH,
        "architecture": architecture_of(point, SHAPE),
        "distillation": DistillationConfig(kimg=1.0, gan_weight=float(point["gan_weight"])),
        "seed": int(point.get("seed", 0)),
        "teacher_digest": "t",
        "pool_digest": "l",
        "protocol_digest": "p",
        "threads": 1,
    }
    return TrialRequest(**values | changes)


def context_of(folder: Path, **changes: Any) -> TrialContext:
    """What trials share that train nothing, and keep their files in `folder`."""
    values: dict[str, Any] = {
        "sweep": "s",
        "parent_run_id": "none",
        "store": TrackingStore(f"sqlite:///{folder / 'never-opened.db'}"),
        "dataset": "digits",
        "compute": Compute(),
        "protocol": Protocol(dataset_digest="d", extractor="classifier", extractor_digest="e", num_samples=100),
        "materials": None,
        "teacher_version": "1",
        "teacher_parameters": 100,
        "rungs_kimg": (),
        "trials": MountedTrials(folder / "trials"),
    }
    return TrialContext(**values | changes)


def grid_size(spec: sweeps.SweepSpec) -> int:
    return len(listed_points(spec, 0) or [])


class Search:
    """A study as Ray Tune asks it."""

    def __init__(
        self, spec: sweeps.SweepSpec, folder: Path, finished: Any = None, *, to_request: ToRequest = request_of
    ) -> None:
        ledger = {
            key: LedgerEntry(
                trial=number,
                phase="search",
                state=Ended.COMPLETED if objectives else Ended.DIVERGED,
                objectives=objectives,
                wall_s=1.0,
                point={},
            )
            for number, (key, objectives) in enumerate((finished or {}).items(), start=1)
        }
        self.cost = spec.search.objectives[0]
        self.study = open_study(spec, open_storage(folder), teacher=TEACHER)
        total = grid_size(spec) if spec.search.sampler == "grid" else spec.search.trials
        self.queue = study_queue(
            SearchBasis(spec=spec, to_request=to_request, study=self.study, ledger=ledger, total=total)
        )
        self.tune = QueueSearcher([self.queue])

    def ask(self, number: int) -> TrialRequest | None:
        config = self.tune.suggest(f"t{number}")
        if config == Searcher.FINISHED or config is None:
            return None
        return Job.model_validate_json(config["job"]).request

    def tell(self, number: int, fid: float, cost: float = 5, state: str = "COMPLETED") -> None:
        """Tell what a trial came to: its FID, and what it costs of the search's first objective."""
        self.tune.on_trial_complete(f"t{number}", {"state": state, self.cost: cost, "fid": fid})


SMALL_SPACE = {
    "width": {"type": "int", "low": 1, "high": 2},
    "depth": {"type": "choice", "values": [1]},
    "gan_weight": {"type": "choice", "values": [0.0, 0.1]},
}

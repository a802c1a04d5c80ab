"""One trial, as a worker runs it: train, report at each rung, keep the student, close the run.

Knows nothing of the search: it gets a complete request and depends on nothing else.
"""

import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from ray.tune import report

from analysis import TrialState
from gan import (
    Classifier,
    Compute,
    DataRoot,
    DatasetConfig,
    Evaluator,
    GeneratorCard,
    ImageDataset,
    Metrics,
    Progress,
    Protocol,
    RealReference,
    TeacherPool,
    agreement,
    count_parameters,
    distill,
    generate,
    load_dataset,
    mac_g,
    open_pool,
    save_generator,
    train_gan,
)
from gan.images import save_grid
from gan.losses import Features
from sweeps.extractors import ExtractorFiles, load_network
from sweeps.requests import TrialRequest
from sweeps.tracking import Tracking, TrackingStore


@dataclass(frozen=True)
class TrialContext:
    """What all trials of a sweep share. Small and hashable: it travels to every worker."""

    sweep: str
    parent_run_id: str
    store: TrackingStore
    dataset: DatasetConfig
    data_root: DataRoot
    compute: Compute
    protocol: Protocol
    extractor_files: ExtractorFiles
    pool_path: Path
    agreement_path: Path
    teacher_version: str
    teacher_parameters: int
    rungs_kimg: tuple[float, ...]


@dataclass(frozen=True)
class _Shared:
    """Loaded once per worker and kept for all its trials."""

    tracking: Tracking
    dataset: ImageDataset
    evaluator: Evaluator
    features: Features | None  # of a classifier, for feature matching
    pool: TeacherPool
    agreement: TeacherPool  # the teacher's images at latents that no student learns at


@lru_cache(maxsize=1)
def _shared(context: TrialContext) -> _Shared:
    dataset = load_dataset(context.dataset, context.data_root)
    network = load_network(context.protocol, context.extractor_files.model, context.compute)
    evaluator = Evaluator(context.protocol, network, RealReference.load(context.extractor_files.reference))
    features = network.features if isinstance(network, Classifier) else None
    pools = open_pool(context.pool_path), open_pool(context.agreement_path)
    return _Shared(Tracking(context.store), dataset, evaluator, features, *pools)


def run_trial(config: dict[str, Any], context: TrialContext) -> None:
    """Ray Tune's entry: `config["job"]` holds a TrialRequest as JSON and the trial's ordinal in the sweep."""
    job = config["job"]
    request = TrialRequest.model_validate_json(job["request"])
    # A matter of this thread: how a sum is split over threads decides its last bits.
    torch.set_num_threads(request.threads)
    shared = _shared(context)
    trial = _Trial(request, int(job["trial"]), context, shared)
    try:
        trial.run()
    except Exception as error:
        trial.fail(error)
        raise


class _Trial:
    """A request under way, and its MLflow run."""

    def __init__(self, request: TrialRequest, number: int, context: TrialContext, shared: _Shared) -> None:
        self._request, self._context, self._shared = request, context, shared
        self._began = time.monotonic()
        self._parameters = count_parameters(request.architecture)
        name = f"{number:03d} {request.mode} w{request.architecture.width} d{request.architecture.depth}"
        run = shared.tracking.open_trial(context.parent_run_id, request.key, name, trial_tags(request, number, context))
        self._run_id: str = run.info.run_id
        shared.tracking.log(self._run_id, self._costs(), params=self._params())

    def run(self) -> None:
        """Train to the full budget, or until divergence or memory ends it."""
        best_fid = float("inf")
        try:
            for progress in self._training():
                if progress.diverged:
                    self._end(TrialState.DIVERGED, f"a loss was NaN or infinite at {progress.kimg:g} kimg")
                    return
                last = progress.kimg >= self._request.kimg
                metrics = self._shared.evaluator.evaluate(progress.generator, whole=last)
                best_fid = min(best_fid, metrics.fid)
                self._report(progress, metrics, best_fid)
        except (MemoryError, torch.OutOfMemoryError) as error:
            self._end(TrialState.OUT_OF_MEMORY, str(error))
            return
        if self._request.distillation:
            found = agreement(progress.generator, self._shared.agreement)
            self._shared.tracking.log(self._run_id, found.as_dict(), progress.kimg)
        self._keep(progress, metrics)
        self._end(TrialState.COMPLETED, None, metrics)

    def fail(self, error: Exception) -> None:
        """Close the run of a trial that ended with an unexpected error."""
        text = "".join(traceback.format_exception_only(error)).strip()
        self._shared.tracking.close(self._run_id, TrialState.FAILED, text)

    def _training(self) -> Iterator[Progress]:
        request, shared, rungs = self._request, self._shared, self._context.rungs_kimg
        if request.distillation:
            recipe, seed, compute = request.distillation, request.seed, request.compute
            return distill(
                request.architecture, recipe, shared.pool, shared.dataset, seed, rungs, compute, shared.features
            )
        assert request.training is not None
        return train_gan(request.architecture, request.training, shared.dataset, request.seed, rungs, request.compute)

    def _report(self, progress: Progress, metrics: Metrics, best_fid: float) -> None:
        place = {"best_fid": best_fid, "kimg": progress.kimg, "wall_s": self._elapsed_s()}
        values = {**metrics.as_dict(), **progress.losses, **place}
        self._shared.tracking.log(self._run_id, values, progress.kimg)
        if progress.kimg < self._request.kimg:
            report(
                {
                    "parameters": self._parameters,
                    "fid": metrics.fid,
                    "kimg": progress.kimg,
                    "state": "RUNNING",
                }
            )

    def _keep(self, progress: Progress, metrics: Metrics) -> None:
        request, context, client = self._request, self._context, self._shared.tracking.client
        recipe = request.distillation or request.training
        assert recipe is not None
        card = GeneratorCard(
            architecture=request.architecture,
            parameters=self._parameters,
            dataset=context.dataset.name,
            dataset_digest=context.protocol.dataset_digest,
            training=recipe.model_dump(mode="json"),
            kimg=progress.kimg,
            seed=request.seed,
            metrics=metrics.as_dict(),
            protocol_digest=request.protocol_digest,
        )
        latents_BL = self._shared.evaluator.latents(request.architecture.latent_size)[:64]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            save_generator(folder, progress.generator, card)
            save_grid(generate(progress.generator, latents_BL), folder / "samples.png")
            client.log_artifacts(self._run_id, name, "model")

    def _end(self, state: TrialState, error: str | None, metrics: Metrics | None = None) -> None:
        self._shared.tracking.log(self._run_id, {"wall_s": self._elapsed_s()}, self._request.kimg)
        self._shared.tracking.close(self._run_id, state, error)
        fid = metrics.fid if metrics else float("nan")
        report({"parameters": self._parameters, "fid": fid, "kimg": self._request.kimg, "state": str(state)})

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def _costs(self) -> dict[str, float]:
        return {
            "parameters": float(self._parameters),
            "compression_ratio": self._context.teacher_parameters / self._parameters,
            "mac_g": mac_g(self._request.architecture),
        }

    def _params(self) -> dict[str, object]:
        request = self._request
        params: dict[str, object] = {
            "width": request.architecture.width,
            "depth": request.architecture.depth,
            "block": request.architecture.block,
            "seed": request.seed,
        }
        if request.gan_weight is not None:
            params["gan_weight"] = request.gan_weight
        return {**params, "mode": request.mode, "budget_kimg": request.kimg}


def trial_tags(request: TrialRequest, number: int, context: TrialContext) -> dict[str, str]:
    """What a trial's run says of itself, for people who filter runs."""
    return {
        "ganlimit.sweep": context.sweep,
        "ganlimit.trial": str(number),
        "ganlimit.phase": request.phase,
        "ganlimit.mode": request.mode,
        "ganlimit.dataset": context.dataset.name,
        "ganlimit.teacher_version": context.teacher_version,
        "ganlimit.protocol": request.protocol_digest,
        "ganlimit.state": str(TrialState.RUNNING),
    }

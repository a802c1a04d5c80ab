"""One trial, as a worker runs it: train, report at each rung, keep the student, close the record.

Knows nothing of the search: it gets a complete request and depends on nothing else. What happens goes to
the trial's journal first; where an earlier try was cut off, the trial goes on from its last checkpoint.
"""

import os
import socket
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

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
    save_checkpoint,
    save_generator,
    train_gan,
)
from gan.images import save_grid
from gan.losses import Features
from sweeps.delivery import Delivery
from sweeps.extractors import ExtractorFiles, load_network
from sweeps.journal import Event, TrialFolder
from sweeps.ledger import SETTLED
from sweeps.requests import Job
from sweeps.tracking import ERROR, POINT, STATE, WORKER, TrackingStore


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
    trials: Path  # where each trial has its folder


@dataclass(frozen=True)
class _Shared:
    """Loaded once per worker and kept for all its trials."""

    delivery: Delivery
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
    return _Shared(Delivery(context.store, context.parent_run_id), dataset, evaluator, features, *pools)


def run_trial(job: Job, context: TrialContext) -> None:
    """Do the job inside a Ray Tune trial, from its last checkpoint on."""
    # A matter of this thread: how a sum is split over threads decides its last bits.
    torch.set_num_threads(job.request.threads)
    trial = _Trial(job, context, _shared(context))
    try:
        trial.run()
    except Exception as error:
        trial.fail(error)
        raise


class _Trial:
    """A job under way."""

    def __init__(self, job: Job, context: TrialContext, shared: _Shared) -> None:
        self._request, self._context, self._shared = job.request, context, shared
        self._parameters = count_parameters(job.request.architecture)
        self._folder = TrialFolder(context.trials / job.request.key)
        record = self._folder.record()
        if record and record.state in SETTLED:
            self._folder.delete()  # the ledger asks for it again: its run was deleted from the store
        reported = self._folder.reported()
        # A trial that was cut off between two rungs does the later one again, and says nothing twice.
        self._reported_kimg = max((event.kimg for event in reported), default=0.0)
        self._best_fid = min((event.metrics["fid"] for event in reported), default=float("inf"))
        self._resume = self._folder.checkpoint()
        self._began = time.monotonic() - (reported[-1].metrics["wall_s"] if reported else 0.0)
        self._tell(opening(job, context))

    def run(self) -> None:
        """Train to the full budget, or until divergence or memory ends it."""
        try:
            for progress in self._training():
                if progress.diverged:
                    self._end(TrialState.DIVERGED, f"a loss was NaN or infinite at {progress.kimg:g} kimg")
                    return
                last = progress.kimg >= self._request.kimg
                metrics = self._shared.evaluator.evaluate(progress.generator, whole=last)
                self._report(progress, metrics, last)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            self._end(TrialState.OUT_OF_MEMORY, str(error))
            return
        found: Mapping[str, float] = {}
        if self._request.distillation:
            found = agreement(progress.generator, self._shared.agreement).as_dict()
        self._keep(progress, metrics)
        self._end(TrialState.COMPLETED, None, metrics, found)

    def fail(self, error: Exception) -> None:
        """Close the record of a trial that ended with an unexpected error."""
        text = "".join(traceback.format_exception_only(error)).strip()
        self._close(TrialState.FAILED, text)

    def _training(self) -> Iterator[Progress]:
        request, shared, rungs = self._request, self._shared, self._context.rungs_kimg
        architecture, seed, compute, resume = request.architecture, request.seed, request.compute, self._resume
        if recipe := request.distillation:
            return distill(
                architecture, recipe, shared.pool, shared.dataset, seed, rungs, compute, shared.features, resume
            )
        assert request.training is not None
        return train_gan(architecture, request.training, shared.dataset, seed, rungs, compute, resume)

    def _report(self, progress: Progress, metrics: Metrics, last: bool) -> None:
        self._best_fid = min(self._best_fid, metrics.fid)
        place = {"best_fid": self._best_fid, "kimg": progress.kimg, "wall_s": self._elapsed_s()}
        if progress.kimg > self._reported_kimg:
            values = {**metrics.as_dict(), **progress.losses, **place}
            self._tell(Event("reported", progress.kimg, values))
        if not last:
            save_checkpoint(self._folder.checkpoint_path, progress.checkpoint(), self._request.key)
            self._tell_tune(TrialState.RUNNING, progress.kimg, metrics.fid)

    def _keep(self, progress: Progress, metrics: Metrics) -> None:
        request, context = self._request, self._context
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
        save_generator(self._folder.model, progress.generator, card)
        save_grid(generate(progress.generator, latents_BL), self._folder.model / "samples.png")
        self._folder.append(Event("kept"))

    def _end(
        self,
        state: TrialState,
        error: str | None,
        metrics: Metrics | None = None,
        found: Mapping[str, float] | None = None,
    ) -> None:
        self._close(state, error, {**(found or {}), "wall_s": self._elapsed_s()})
        self._tell_tune(state, self._request.kimg, metrics.fid if metrics else float("nan"))

    def _close(self, state: TrialState, error: str | None, metrics: Mapping[str, float] | None = None) -> None:
        self._tell(closing(state, error, self._request.kimg, metrics))

    def _tell(self, event: Event) -> None:
        self._folder.append(event)
        self._shared.delivery.deliver(self._folder)

    def _tell_tune(self, state: TrialState, kimg: float, fid: float) -> None:
        report({"parameters": self._parameters, "fid": fid, "kimg": kimg, "state": str(state)})

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began


def opening(job: Job, context: TrialContext) -> Event:
    """The event that begins a trial: what is known of it before any training."""
    architecture, request = job.request.architecture, job.request
    parameters = count_parameters(architecture)
    costs = {
        "parameters": float(parameters),
        "compression_ratio": context.teacher_parameters / parameters,
        "mac_g": mac_g(architecture),
    }
    params: dict[str, object] = {
        "width": architecture.width,
        "depth": architecture.depth,
        "block": architecture.block,
        "seed": request.seed,
        "mode": request.mode,
        "budget_kimg": request.kimg,
    }
    if request.gan_weight is not None:
        params["gan_weight"] = request.gan_weight
    params = {**job.point, **params}
    return Event("opened", 0.0, costs, {name: str(value) for name, value in params.items()}, _tags(job, context))


def _tags(job: Job, context: TrialContext) -> dict[str, str]:
    # What a trial's run says of itself, for people who filter runs.
    request = job.request
    name = f"{job.trial:03d} {request.mode} w{request.architecture.width} d{request.architecture.depth}"
    return {
        "mlflow.runName": name,
        "ganlimit.sweep": context.sweep,
        "ganlimit.trial": str(job.trial),
        "ganlimit.phase": request.phase,
        "ganlimit.mode": request.mode,
        "ganlimit.dataset": context.dataset.name,
        "ganlimit.teacher_version": context.teacher_version,
        "ganlimit.teacher_digest": request.teacher_digest,
        "ganlimit.protocol": request.protocol_digest,
        POINT: job.point_json,
        WORKER: f"{socket.gethostname()}:{os.getpid()}",
        STATE: str(TrialState.RUNNING),
    }


def closing(
    state: TrialState, error: str | None, kimg: float = 0.0, metrics: Mapping[str, float] | None = None
) -> Event:
    """The event that ends a trial."""
    return Event("closed", kimg, metrics or {}, tags={STATE: str(state), **({ERROR: error[:500]} if error else {})})


def _is_out_of_memory(error: Exception) -> bool:
    # PyTorch's allocator on the CPU has no exception type of its own.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)

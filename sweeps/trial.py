"""One trial, as a worker runs it: train, report at each rung, keep the student, close the record.

Knows nothing of the search: it gets a complete request and depends on nothing else. What happens goes to
the trial's journal first; where an earlier try was cut off, the trial goes on from its last checkpoint.
"""

import math
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from ray.tune import report

from analysis import TrialState
from gan import (
    Classifier,
    Evaluator,
    GeneratorCard,
    Metrics,
    Progress,
    agreement,
    distill,
    generate,
    latency_ms,
    save_generator,
    train_gan,
)
from gan.images import save_grid
from gan.losses import Features
from sweeps.materials import Materials
from sweeps.requests import Job
from sweeps.search_spec import OBJECTIVES
from sweeps.trial_log import TrialContext, TrialLog, costs_of, delivery_of

WANT_OF_MEMORY = (
    "OutOfMemory",  # Ray, and PyTorch on a GPU
    "out of memory",  # CUDA, where not even its context finds room
    "ALLOC_FAILED",  # cuBLAS and cuDNN
    "can't allocate memory",  # PyTorch's allocator on the CPU
    "could not create a primitive",  # oneDNN
    "Cannot allocate memory",  # the operating system
    "failed to map segment",  # the loader of shared libraries
)


@dataclass(frozen=True)
class _Shared:
    """Loaded once per worker and kept for all its trials."""

    materials: Materials
    evaluator: Evaluator
    features: Features | None  # of a classifier, for feature matching


@lru_cache(maxsize=8)  # sweeps on several data sets share the workers
def _shared(context: TrialContext) -> _Shared:
    materials = context.materials.load(context.protocol, context.compute)
    network = materials.extractor
    features = network.features if isinstance(network, Classifier) else None
    return _Shared(materials, Evaluator(context.protocol, network, materials.reference), features)


def run_trial(job: Job, context: TrialContext) -> None:
    """Do the job inside a Ray Tune trial, from its last checkpoint on."""
    # A matter of this thread: how a sum is split over threads decides its last bits.
    torch.set_num_threads(job.request.threads)
    context.trials.require_here()
    shared = _shared(context)
    log = TrialLog(job, context, delivery_of(context))
    if record := log.finished():
        tell_tune(record.state, record.metrics)  # its worker was lost after the end, before Tune heard of it
        return
    log.open()
    try:
        _Trial(job, context, shared, log).run()
    except Exception as error:
        text = "".join(traceback.format_exception_only(error)).strip()
        log.close(TrialState.FAILED, text, job.request.kimg)
        raise


class _Trial:
    """A job under way."""

    def __init__(self, job: Job, context: TrialContext, shared: _Shared, log: TrialLog) -> None:
        self._request, self._context, self._shared, self._log = job.request, context, shared, log
        self._costs = costs_of(job.request.architecture)

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
        except (MemoryError, RuntimeError, OSError, ImportError) as error:
            if not _is_out_of_memory(error):
                raise
            self._end(TrialState.OUT_OF_MEMORY, str(error))
            return
        found = {"latency_ms": latency_ms(progress.generator)}
        if self._request.distillation:
            found |= agreement(progress.generator, self._shared.materials.agreement).as_dict()
        self._keep(progress, metrics)
        self._end(TrialState.COMPLETED, None, metrics, found)

    def _training(self) -> Iterator[Progress]:
        request, shared, rungs = self._request, self._shared, self._context.rungs_kimg
        architecture, seed, compute = request.architecture, request.seed, request.compute
        materials = shared.materials
        resume = self._log.folder.checkpoint()
        if recipe := request.distillation:
            return distill(
                architecture, recipe, materials.pool, materials.dataset, seed, rungs, compute, shared.features, resume
            )
        assert request.training is not None
        return train_gan(architecture, request.training, materials.dataset, seed, rungs, compute, resume)

    def _report(self, progress: Progress, metrics: Metrics, last: bool) -> None:
        self._log.report(progress.kimg, {**metrics.as_dict(), **progress.losses})
        if not last:
            self._log.folder.save_checkpoint(progress.checkpoint())
            tell_tune(TrialState.RUNNING, {**self._costs, **metrics.as_dict(), "kimg": progress.kimg})

    def _keep(self, progress: Progress, metrics: Metrics) -> None:
        request, context, folder = self._request, self._context, self._log.folder
        recipe = request.distillation or request.training
        assert recipe is not None
        card = GeneratorCard(
            architecture=request.architecture,
            parameters=int(self._costs["parameters"]),
            dataset=context.dataset,
            dataset_digest=context.protocol.dataset_digest,
            training=recipe.model_dump(mode="json"),
            kimg=progress.kimg,
            seed=request.seed,
            metrics=metrics.as_dict(),
            protocol_digest=request.protocol_digest,
        )
        latents_BL = self._shared.evaluator.latents(request.architecture.latent_size)[:64]
        save_generator(folder.model, progress.generator, card)
        save_grid(generate(progress.generator, latents_BL), folder.model / "samples.png")
        self._log.keep()

    def _end(
        self,
        state: TrialState,
        error: str | None,
        metrics: Metrics | None = None,
        found: Mapping[str, float] | None = None,
    ) -> None:
        self._log.close(state, error, self._request.kimg, found)
        tell_tune(state, {**self._costs, **(metrics.as_dict() if metrics else {}), "kimg": self._request.kimg})


def tell_tune(state: TrialState, metrics: Mapping[str, float]) -> None:
    """Report to Ray Tune what scheduler, search and view look at. To be called inside a trial."""
    report({name: metrics.get(name, math.nan) for name in ("kimg", *OBJECTIVES)} | {"state": str(state)})


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or tells_of_memory(str(error))


def tells_of_memory(text: str) -> bool:
    """Whether an error's text is one of those that want of memory has: not all who ask for it have a type for that."""
    return any(words in text for words in WANT_OF_MEMORY)

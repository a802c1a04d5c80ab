"""This module runs trials as a worker does, mostly one at a time: train, report at each rung, keep the student, close.

It knows nothing of the search: it gets complete requests and depends on nothing else. What happens goes to the trial's
journal first; where an earlier try was cut off, the trial continues from its last checkpoint.
"""

import contextlib
import math
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from typing import Any

from ray.tune import report

from analysis import TrialState
from gan import (
    DifferentiableExtractor,
    Evaluator,
    GeneratorCard,
    Lesson,
    Metrics,
    Progress,
    Student,
    agreement,
    distill,
    distill_fused,
    generate,
    latency_ms,
    save_generator,
    train_gan,
)
from gan.compute import set_threads
from gan.training.losses import Features
from sweeps.models.materials import Materials
from sweeps.spec.search import OBJECTIVES
from sweeps.trial.failures import is_final, is_mistake, is_out_of_memory
from sweeps.trial.log import TakenOverError, TrialContext, TrialLog, costs_of, delivery_of
from sweeps.trial.pictures import save_step
from sweeps.trial.request import Job

SHOWN = 8  # images over the steps of a training


@dataclass(frozen=True)
class _Shared:
    """This is loaded once per worker and kept for all its trials."""

    materials: Materials
    evaluator: Evaluator
    _: KW_ONLY
    features: Features | None  # of an extractor of ours, for feature matching


@lru_cache(maxsize=8)  # sweeps on several data sets share the workers
def _shared(context: TrialContext) -> _Shared:
    materials = context.materials.load(context.protocol, context.compute)
    network = materials.extractor
    features = network.features if isinstance(network, DifferentiableExtractor) else None
    return _Shared(materials, Evaluator(context.protocol, network, real=materials.reference), features=features)


def run_trial(jobs: Sequence[Job], context: TrialContext) -> None:
    """Do the jobs inside a Ray Tune trial, fused if there are several, from their last checkpoints on."""
    set_threads(jobs[0].request.threads)
    context.trials.require_here()
    missing_materials = _load(context)
    trials = [
        _Trial(job, context, log=TrialLog(job, context, delivery=delivery_of(context), fused=len(jobs))) for job in jobs
    ]
    missing = [trial for trial in trials if not trial.is_finished()]
    for trial in missing:
        trial.begin()
    try:
        if missing_materials:
            raise missing_materials
        _train(missing, trials)
    except Exception as error:
        for trial in missing:
            trial.fail(error)
        if not is_final(error):
            raise
        _tell(trials)


def _load(context: TrialContext) -> ValueError | None:
    """Loads what all trials share, before the time of the first one begins. Returns a person's mistake, if it is one.

    Every trial then ends with it.
    """
    try:
        _shared(context)
    except ValueError as error:
        if not is_mistake(error):
            raise
        return error
    return None


def _train(missing: Sequence["_Trial"], trials: Sequence["_Trial"]) -> None:
    """Train the `missing` trials to the full budget, or until divergence ends them.

    An error of one of several trials ends that one. It is raised when the others have ended, so that Ray Tune tries
    again and finds those finished.
    """
    failed: list[Exception] = []
    for progresses in _trainings(missing):
        reached = list(zip(missing, progresses, strict=False))  # further progresses only fill places
        for trial, progress in reached:
            try:
                trial.reach(progress)
            except Exception as error:
                trial.fail(error)
                failed += [] if is_final(error) else [error]
            running = [other for other in missing if not other.has_ended]
            for other in running:
                other.log.share_time(len(running))
        if not running:
            break
        # Only when all are measured: trials that are cut off between two checkpoints of one rung would begin anew.
        for trial, progress in reached:
            trial.save(progress)
        _tell(trials)
    if len(trials) > 1 or not failed:
        _tell(trials)
    if failed:
        raise failed[0]


def _trainings(missing: Sequence["_Trial"]) -> Iterator[tuple[Progress, ...]]:
    if not missing:
        return iter(())
    first = missing[0]
    if first.request.fused == 1:
        return ((progress,) for progress in first.training())
    # All places are always taken, so that what is computed in one does not depend on how many trials are missing.
    places = [*missing, *[first] * (first.request.fused - len(missing))]
    return distill_fused(
        first.request.architecture,
        [
            Student(recipe, place.request.seed, resume=place.log.folder.checkpoint())
            for place in places
            if (recipe := place.request.distillation)
        ],
        lesson=first.lesson,
        report_at_kimg=first.rungs_kimg,
        compute=first.request.compute,
    )


def _tell(trials: Sequence["_Trial"]) -> None:
    """Report to Ray Tune where all trials stand."""
    first, *others = trials
    fused = {trial.request.key: trial.outcome for trial in trials} if others else {}
    report({**first.outcome, **({"fused": fused} if fused else {})})


class _Trial:
    """A _Trial is a job under way: its record, and where it stands."""

    def __init__(self, job: Job, context: TrialContext, *, log: TrialLog) -> None:
        self.request, self._context, self.log = job.request, context, log
        self._costs = {**costs_of(job.request.architecture, job.request.bits), **job.priced}
        self.outcome: dict[str, Any] = outcome(TrialState.RUNNING, self._costs)

    @property
    def shared(self) -> _Shared:
        return _shared(self._context)

    @property
    def rungs_kimg(self) -> tuple[float, ...]:
        return self._context.rungs_kimg

    @property
    def lesson(self) -> Lesson:
        """Returns what students learn from; a training from scratch needs its data set alone."""
        return self.shared.materials.lesson(self.shared.features)

    @property
    def has_ended(self) -> bool:
        return bool(self.outcome["state"] != str(TrialState.RUNNING))

    def is_finished(self) -> bool:
        """Returns whether an earlier try came to an end, but its worker was lost before Tune heard of it."""
        record = self.log.finished()
        if record:
            self.outcome = outcome(record.state, {**record.metrics, **self._costs})
        return record is not None

    def begin(self) -> None:
        """Begin the record, or continue it."""
        self.log.open()

    def training(self) -> Iterator[Progress]:
        """Returns the training of this trial alone."""
        request, resume = self.request, self.log.folder.checkpoint()
        if request.distillation:
            return distill(
                request.architecture,
                request.distillation,
                lesson=self.lesson,
                seed=request.seed,
                report_at_kimg=self.rungs_kimg,
                compute=request.compute,
                resume=resume,
            )
        assert request.training is not None
        return train_gan(
            request.architecture,
            request.training,
            dataset=self.lesson.dataset,
            seed=request.seed,
            report_at_kimg=self.rungs_kimg,
            compute=request.compute,
            resume=resume,
        )

    def reach(self, progress: Progress) -> None:
        """Measure and report; at the full budget keep the student and end."""
        if self.has_ended:
            return
        if progress.diverged:
            self._end(TrialState.DIVERGED, f"a loss was NaN or infinite at {progress.kimg:g} kimg")
            return
        last = progress.kimg >= self.request.kimg
        metrics = self.shared.evaluator.evaluate(progress.generator, whole=last)
        at_rungs = self._context.samples == "rungs"
        if at_rungs or (last and self._context.samples == "end"):
            inputs_BI = self.shared.evaluator.latents(self.request.architecture)[:SHOWN]
            kimg = progress.kimg if at_rungs else None
            save_step(generate(progress.generator, inputs_BI), self.log.folder.images, kimg=kimg)
        self.log.report(progress.kimg, {**metrics.as_dict(), **progress.losses})
        if not last:
            found = {**self._costs, **metrics.as_dict(), "kimg": progress.kimg}
            self.outcome = outcome(TrialState.RUNNING, found)
            return
        found = {"latency_ms": latency_ms(progress.generator)}
        if self.request.distillation:
            found |= agreement(progress.generator, self.shared.materials.agreement).as_dict()
        self._keep(progress, metrics)
        self._end(TrialState.COMPLETED, None, metrics=metrics, found=found)

    def save(self, progress: Progress) -> None:
        """Keep the training as it stands, to continue from it."""
        if not self.has_ended:
            self.log.folder.save_checkpoint(progress.checkpoint())

    def fail(self, error: Exception) -> None:
        """End the trial with `error`, unless it has ended. Where another worker has taken over, record nothing."""
        if self.has_ended:
            return
        said = str(error) if is_mistake(error) else "".join(traceback.format_exception_only(error)).strip()
        state, text = TrialState.FAILED, said
        if is_out_of_memory(error):
            alone = self.request.fused == 1
            state, text = TrialState.OUT_OF_MEMORY, str(error) + ("" if alone else "; lower resources.fused_trials")
        self.outcome = outcome(state, {**self._costs, "kimg": self.request.kimg})
        if not isinstance(error, TakenOverError):
            with contextlib.suppress(TakenOverError):
                self.log.close(state, text, kimg=self.request.kimg)

    def _keep(self, progress: Progress, metrics: Metrics) -> None:
        request, context, folder = self.request, self._context, self.log.folder
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
            absent=metrics.absent,
            protocol_digest=request.protocol_digest,
        )
        save_generator(folder.model, progress.generator, card=card)
        self.log.keep()

    def _end(
        self,
        state: TrialState,
        error: str | None,
        *,
        metrics: Metrics | None = None,
        found: Mapping[str, float] | None = None,
    ) -> None:
        absent = metrics.absent if metrics else None
        self.log.close(state, error, kimg=self.request.kimg, metrics=found, absent=absent)
        measured = metrics.as_dict() if metrics else {}
        self.outcome = outcome(state, {**self._costs, **measured, "kimg": self.request.kimg})


def outcome(state: TrialState, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Returns what scheduler, search and view look at."""
    return {name: metrics.get(name, math.nan) for name in ("kimg", *OBJECTIVES)} | {"state": str(state)}

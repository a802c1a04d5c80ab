"""The loop that anyone would write: train a student, and evaluate it where a sweep would."""

import time

import torch
from threadpoolctl import threadpool_limits

import sweeps
from gan import Evaluator, Lesson, agreement, distill
from sweeps.models.foundation import Foundation


def bare_s(spec: sweeps.SweepSpec, foundation: Foundation, width: int, seed: int = 0) -> float:
    """Seconds of one student of `spec`, on one core, with a sweep's evaluations at the rungs and at the end."""
    torch.set_num_threads(1)
    plain, protocol = spec.student_architecture(width=width, depth=spec.trained_teacher.depth), foundation.protocol
    architecture = plain.model_copy(update={"block": spec.trained_teacher.block})
    materials = foundation.materials.load(protocol, spec.resources.compute)
    evaluator = Evaluator(protocol, materials.extractor, real=materials.reference)
    rungs_kimg = spec.evaluation.rungs_kimg
    began = time.perf_counter()
    with threadpool_limits(1):  # NumPy's and SciPy's as well, as in a worker
        for progress in distill(
            architecture,
            spec.student,
            lesson=Lesson(materials.pool, materials.dataset),
            seed=seed,
            report_at_kimg=rungs_kimg,
        ):
            evaluator.evaluate(progress.generator, whole=progress.kimg >= spec.student.kimg)
        agreement(progress.generator, materials.agreement)
    return time.perf_counter() - began

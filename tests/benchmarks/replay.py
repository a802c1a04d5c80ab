"""A trial without any training: it sleeps, and reports a recorded learning curve as a real one reports its own."""

import math
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import requests
import torch
from ray.tune import report

import sweeps.trial.log
from analysis import TrialState
from gan import GeneratorConfig
from sweeps.trial.log import TrialContext, TrialLog, costs_of, delivery_of
from sweeps.trial.pictures import save_step
from sweeps.trial.request import Job
from sweeps.trial.worker import outcome
from tests.benchmarks.simulation import Curves, Student

NOISE = 0.02  # of the whole curve, in log FID: no two trials have the same result
FLOAT_BYTES = 4
PICTURED = (8, 1, 16, 16)  # images NCHW of a student's end


@dataclass(frozen=True)
class Replay:
    """What a worker does with a job: everything but training.

    A whole training takes `seconds`, in proportion to its kimg. Every request that the process makes is noted in
    `requests`, a folder. A trial that completes keeps files of its student's size; there are no checkpoints. Each rung
    is told at once, as those of trials of hours are.
    """

    curves: Path
    seconds: float
    requests: Path

    def __call__(self, jobs: Sequence[Job], context: TrialContext) -> None:
        (job,) = jobs
        note_requests(self.requests)
        sweeps.trial.log.SOON_S = sweeps.trial.log.LATER_S = 0.0
        costs = costs_of(job.request.architecture)
        log = TrialLog(job, context, delivery=delivery_of(context))
        log.open()
        before = 0.0
        for kimg, fid in curve_of(_curves(self.curves), job):
            time.sleep(self.seconds * (kimg - before) / job.request.kimg)
            measured, before = {"fid": fid, "kid": fid / 1e3, "inception_score": 5.0}, kimg
            log.report(kimg, {**measured, "mse": 0.05, "critic_loss": 1.0, "generator_loss": 1.0})
            if kimg < job.request.kimg:
                report(outcome(TrialState.RUNNING, {**costs, **measured, "kimg": kimg}))
        log.folder.model.mkdir(parents=True, exist_ok=True)
        if context.samples != "none":
            save_step(torch.zeros(PICTURED, dtype=torch.uint8), log.folder.images)
        for name, size in {"weights.safetensors": FLOAT_BYTES * int(costs["parameters"]), "card.json": 1024}.items():
            (log.folder.model / name).write_bytes(b"\0" * size)
        log.keep()
        log.close(TrialState.COMPLETED, None, kimg=job.request.kimg, metrics={"latency_ms": 1.0})
        report(outcome(TrialState.COMPLETED, {**costs, **measured, "kimg": job.request.kimg}))


def curve_of(curves: Curves, job: Job) -> list[tuple[float, float]]:
    """(kimg, FID) at each rung: one seed of the recorded student that is the nearest, with a little noise."""
    student = nearest(curves, job.request.architecture, job.request.gan_weight or 0.0)
    chance = random.Random(job.request.key)
    factor = math.exp(chance.gauss(0.0, NOISE))
    return [(kimg, fid * factor) for kimg, fid in chance.choice(curves.runs[student])]


def nearest(curves: Curves, architecture: GeneratorConfig, gan_weight: float) -> Student:
    """The recorded student of the same depth and block whose width, by ratio, and then GAN weight are the nearest."""
    alike = [s for s in curves.runs if s[1:3] == (architecture.depth, architecture.block)]
    return min(alike, key=lambda s: (abs(np.log(s[0] / architecture.width)), abs(s[3] - gan_weight)))


def note_requests(folder: Path) -> None:
    """From now on, note each request of this process in a file of its own in `folder`: endpoint, seconds, thread."""
    if hasattr(requests.Session.send, "noted"):
        return
    send = requests.Session.send
    file = (folder / f"{time.time_ns()}.csv").open("a", buffering=1)

    def noted_send(self: requests.Session, request: requests.PreparedRequest, **options: object) -> requests.Response:
        began = time.perf_counter()
        answer = send(self, request, **options)
        where = "main" if threading.current_thread() is threading.main_thread() else "other"
        file.write(f"{endpoint_of(request)},{time.perf_counter() - began:.6f},{where},{answer.status_code}\n")
        return answer

    noted_send.noted = True  # type: ignore[attr-defined]  # a mark on a function
    requests.Session.send = noted_send  # type: ignore[method-assign]  # in place of theirs


def endpoint_of(request: requests.PreparedRequest) -> str:
    """What a request asks for, without ids: "POST runs/log-batch"."""
    path = (request.url or "").partition("?")[0].partition("/mlflow")[2]
    name = "artifacts" if path.startswith("-artifacts") else path.strip("/")
    return f"{request.method} {name}"


@lru_cache(maxsize=1)
def _curves(path: Path) -> Curves:
    return Curves.load(path)

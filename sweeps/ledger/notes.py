"""This module writes the descriptions that MLflow's page shows, and leaves those alone that a person has written."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from mlflow.exceptions import MlflowException

from analysis import AnalysisError
from sweeps.ledger.tags import EXPERIMENT_KIND, MODEL_TRAINING, NOTE, NOTE_DIGEST, TAG_LENGTH
from sweeps.ledger.tracking import Tracking


@contextmanager
def only_shown(say: Callable[[str], None]) -> Iterator[None]:
    """Say what keeps MLflow from showing what the `with` block is about, and go on: nothing rests on it."""
    try:
        yield
    except (MlflowException, AnalysisError, OSError) as error:
        say(f"MLflow's page shows less than it could: {error}")


def describe_run(tracking: Tracking, run_id: str, *, text: str) -> None:
    """Write a run's description, unless a person changed the one that was written here before."""
    tags = tracking.client.get_run(run_id).data.tags
    if changes := _changes(tags, text):
        tracking.log(run_id, tags=changes)


def describe_experiment(tracking: Tracking, experiment_id: str, *, text: str) -> None:
    """Write an experiment's description likewise, and say that models are trained in it."""
    tags = tracking.client.get_experiment(experiment_id).tags
    kind = {} if EXPERIMENT_KIND in tags else {EXPERIMENT_KIND: MODEL_TRAINING}
    for name, value in {**kind, **_changes(tags, text)}.items():
        tracking.client.set_experiment_tag(experiment_id, name, value)


def _changes(tags: Mapping[str, str], text: str) -> dict[str, str]:
    text = text[:TAG_LENGTH]
    before = tags.get(NOTE, "")
    is_own = not before or _digest(before) == tags.get(NOTE_DIGEST)
    return {NOTE: text, NOTE_DIGEST: _digest(text)} if is_own and text != before else {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

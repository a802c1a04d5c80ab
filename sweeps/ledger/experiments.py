"""This module finds the experiments that sweeps and models are in, whatever a person did to them on MLflow's page."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from mlflow import MlflowClient
from mlflow.entities import Experiment, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

from sweeps.errors import SweepError
from sweeps.ledger.answers import is_away
from sweeps.ledger.run_query import PAGE
from sweeps.ledger.store import MODELS_EXPERIMENT, SWEEPS_EXPERIMENT, TrackingStore
from sweeps.ledger.tags import EXPERIMENT, EXPERIMENT_KIND, MODEL_TRAINING
from sweeps.spec.sweep import SweepSpec

_LISTED = f"tags.`{EXPERIMENT}` LIKE '%'"
_OTHER_KINDS = {"genai_development": "traces of language models"}  # MLflow's page opens it as such
_GUESSED = "_inferred"  # behind a kind that MLflow's page has found by itself
_ANOTHER = "Choose another with mlflow.experiment in the sweep's file, or leave it out."


def experiment_of(spec: SweepSpec) -> str:
    """Returns the name of the experiment that a new sweep is placed in: the spec's, or that of its data set."""
    return spec.mlflow.experiment or f"{SWEEPS_EXPERIMENT}/{spec.dataset.name}"


class Experiments:
    """Experiments are those of one store that ganlimit has made: one of models, and those that sweeps are in.

    Each of these is made when a sweep is first placed in it. Those of sweeps of earlier versions are all in one.
    """

    def __init__(self, client: MlflowClient, store: TrackingStore) -> None:
        self._client, self._store = client, store
        self.models = self._models()
        listed = [(name, each) for name, each in self._listed() if each != self.models]
        self._by_name, self._known = dict(listed), [each for _, each in listed]
        before = None if SWEEPS_EXPERIMENT in self._by_name else self._existing(SWEEPS_EXPERIMENT)
        if before and before.lifecycle_stage == "active":
            self._by_name[SWEEPS_EXPERIMENT] = self._in_use(before)
            with suppress(MlflowException):  # of one who may only read
                self._mark(before, SWEEPS_EXPERIMENT)
        self._deleted_before = [] if before is None or before.lifecycle_stage == "active" else [before]

    @property
    def of_sweeps(self) -> Sequence[str]:
        """Returns the ids of the experiments that sweeps are in."""
        return list(dict.fromkeys([*self._known, *self._by_name.values()]))

    def deleted(self) -> list[Experiment]:
        """Returns those that a person deleted."""
        listed = self._client.search_experiments(ViewType.DELETED_ONLY, filter_string=_LISTED, max_results=PAGE)
        return list({each.experiment_id: each for each in (*listed, *self._deleted_before)}.values())

    def place(self, name: str) -> str:
        """Returns the id of the experiment that was made as `name` for sweeps, made if there is none.

        Raises SweepError where it is deleted, holds something else than sweeps, or has its artifacts behind a server
        that this store is opened without; and where MLflow refuses it, or its mark, by which its sweeps are found.
        """
        if name not in self._by_name:
            try:
                self._by_name[name] = self._placed(name)
            except MlflowException as error:
                if is_away(error):
                    raise
                raise SweepError(
                    f"MLflow takes sweeps in the experiment {name}", f"its refusal: {error.message}", _ANOTHER
                ) from error
        return self._by_name[name]

    def _placed(self, name: str) -> str:
        found = self._existing(name)
        if found is None:
            return self._made(name)
        place, kind = self._in_use(found), found.tags.get(EXPERIMENT_KIND, MODEL_TRAINING)
        others = "models" if place == self.models else _OTHER_KINDS.get(kind.removesuffix(_GUESSED))
        if others:
            raise SweepError(f"The experiment {name} is one that sweeps are in", f"one of {others}", _ANOTHER)
        self._mark(found, name)
        return place

    def refusal(self, experiment: Experiment) -> SweepError:
        """Returns the error of a deleted experiment, with the command that restores it."""
        name = experiment.tags.get(EXPERIMENT, experiment.name)
        return SweepError(
            f"MLflow's experiment {name} is there",
            "a deleted one",
            f"Restore it: mlflow experiments restore --experiment-id {experiment.experiment_id}, with "
            f"MLFLOW_TRACKING_URI set to {self._store.shown_uri}.",
        )

    def _listed(self) -> Iterator[tuple[str, str]]:
        listed = self._client.search_experiments(ViewType.ACTIVE_ONLY, filter_string=_LISTED, max_results=PAGE)
        for experiment in listed:
            self._store.require_reachable(str(experiment.artifact_location))
            yield experiment.tags[EXPERIMENT] or experiment.name, str(experiment.experiment_id)

    def _models(self) -> str:
        found = self._existing(MODELS_EXPERIMENT)
        if found is None:
            return self._made(MODELS_EXPERIMENT)
        models = self._in_use(found)
        with suppress(MlflowException):  # of one who may only read
            self._mark(found, MODELS_EXPERIMENT)
        return models

    def _made(self, name: str) -> str:
        tags = {EXPERIMENT: name, EXPERIMENT_KIND: MODEL_TRAINING}
        try:
            return str(self._client.create_experiment(name, self._artifacts_of(name), tags=tags))
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
            made = self._client.get_experiment_by_name(name)  # by another driver, meanwhile
            assert made is not None
            return str(made.experiment_id)

    def _existing(self, name: str) -> Experiment | None:
        """Returns the experiment that was made as `name`, deleted or not; None where there is none."""
        return self._client.get_experiment_by_name(name) or self._renamed(name)

    def _in_use(self, found: Experiment) -> str:
        """Returns the id of an experiment to work in. Raises SweepError where it is deleted or out of reach."""
        if found.lifecycle_stage != "active":
            raise self.refusal(found)
        self._store.require_reachable(str(found.artifact_location))
        return str(found.experiment_id)

    def _mark(self, found: Experiment, name: str) -> None:
        """Mark an experiment as the one that was made as `name`; by the mark it is listed."""
        if EXPERIMENT not in found.tags:
            self._client.set_experiment_tag(found.experiment_id, EXPERIMENT, name)

    def _renamed(self, name: str) -> Experiment | None:
        """Returns the experiment that was made as `name`, by its tag, or by where a local store has its artifacts."""
        tagged = self._client.search_experiments(ViewType.ALL, filter_string=f"tags.`{EXPERIMENT}` = '{name}'")
        place = self._artifacts_of(name)
        if tagged or place is None:
            return tagged[0] if tagged else None
        everything = self._client.search_experiments(ViewType.ALL)
        return next((each for each in everything if each.artifact_location == place), None)

    def _artifacts_of(self, name: str) -> str | None:
        root = self._store.artifact_root
        return f"{root}/{name}" if root else None

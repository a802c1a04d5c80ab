"""This module is MLflow's model registry: teachers, extractors and students are versions of registered models."""

import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

from sweeps.errors import SweepError
from sweeps.ledger.run_query import PAGE
from sweeps.ledger.tags import IDENTITY

CHAMPION = "champion"
CRITIC = "critic"  # the folder of a critic among the files of a version


class Registry:
    """A Registry has the registered models of one store, and the files of their versions."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def close(self) -> None:
        """Remove what was downloaded. A later call downloads it again."""
        if downloads := self.__dict__.pop("_downloads", None):
            downloads.cleanup()

    def find_version(self, model: str, identity: str) -> ModelVersion | None:
        """Returns the newest version of a registered model with this identity; None where there is none."""
        found = [version for version in self.versions(model) if version.tags.get(IDENTITY) == identity]
        return found[0] if found else None

    def find_made(self, model: str, identity: str) -> ModelVersion | None:
        """Returns the same of a model that was made under this name, which a person may have given another since."""
        found = self.find_version(model, identity)
        others = () if found else self._search(f"tags.`{IDENTITY}` = '{identity}'")
        return found or next((version for version in others if self._made_as(version) == model), None)

    def find_weights(self, model: str, weights_digest: str) -> ModelVersion | None:
        """Returns the newest version with these weights that was made under this name; None where there is none."""
        found = self._search(f"tags.weights_digest = '{weights_digest}'")
        return next((version for version in found if self._made_as(version) == model), None)

    def versions(self, model: str) -> list[ModelVersion]:
        """Returns all versions of a registered model, newest first; none where the model is unknown."""
        return self._search(f"name = '{model}'")

    def version(self, model: str, number: str) -> ModelVersion | None:
        """Returns one version of a registered model; None where there is none."""
        return next((version for version in self.versions(model) if str(version.version) == number), None)

    def models(self) -> list[str]:
        """Returns the names of all registered models."""
        return sorted(model.name for model in self._client.search_registered_models(max_results=PAGE))

    def champion(self, model: str) -> ModelVersion | None:
        """Returns the version with the alias `champion`; None where no version has it."""
        try:
            return self._client.get_model_version_by_alias(model, CHAMPION)
        except MlflowException:
            return None

    def register(self, model: str, run_id: str, *, folder: Path, tags: Mapping[str, str]) -> ModelVersion:
        """Store `folder` with the run and register it as a new version of `model`. Returns that version."""
        self._client.log_artifacts(run_id, str(folder), "model")
        return self.register_files(model, run_id, tags=tags)

    def register_files(self, model: str, run_id: str, *, tags: Mapping[str, str]) -> ModelVersion:
        """Register what the run has kept as a new version of `model`. Returns that version."""
        if model not in self.models():
            try:
                self._client.create_registered_model(model)
            except MlflowException as error:  # another worker made it, meanwhile
                if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                    raise
        source = f"{self._client.get_run(run_id).info.artifact_uri}/model"
        return self._client.create_model_version(model, source, run_id, tags=dict(tags))

    def crown(self, version: ModelVersion) -> None:
        """Give `version` the alias `champion`."""
        self._client.set_registered_model_alias(version.name, CHAMPION, version.version)

    def fetch(self, version: ModelVersion) -> Path:
        """Returns the local folder of a version's files, downloaded where the store is remote."""
        folder = self.model_folder(version.run_id or "")
        if folder is None:
            raise SweepError(
                "A registered model's files are in the artifact store",
                f"none for {version.name}/{version.version}",
                "Restore them, or train the model again: ganlimit teacher train SPEC --again.",
            )
        return folder

    def model_folder(self, run_id: str) -> Path | None:
        """Returns the folder of the model that a run kept; None where there is no such run, or it kept none.

        The folder is a local store's own, or a download that lasts until this object is closed, and as long as it.
        """
        try:
            artifacts = urlparse(self._client.get_run(run_id).info.artifact_uri)
            if artifacts.scheme == "file":
                folder = Path(url2pathname(artifacts.path)) / "model"
                return folder if folder.is_dir() else None
            own = Path(self._downloads.name) / run_id  # or the next model would be written over this one
            own.mkdir(exist_ok=True)
            return Path(self._client.download_artifacts(run_id, "model", str(own)))
        except (MlflowException, OSError):
            return None

    def _search(self, where: str) -> list[ModelVersion]:
        """Returns the versions of which `where` is true, newest first."""
        found = self._client.search_model_versions(where, max_results=PAGE)
        return sorted(found, key=lambda version: -int(version.version))

    def _made_as(self, version: ModelVersion) -> str | None:
        try:
            return str(self._client.get_run(version.run_id or "").info.run_name)
        except MlflowException:
            return None

    @cached_property
    def _downloads(self) -> tempfile.TemporaryDirectory[str]:
        # Only a process that downloads makes it: a worker that is ended from outside could not remove it.
        return tempfile.TemporaryDirectory(prefix="ganlimit-download-", ignore_cleanup_errors=True)

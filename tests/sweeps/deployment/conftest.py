"""A copy of the finished sweep's data directory, to go on with."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache


@pytest.fixture(scope="module")
def copied(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy without what other tests have deployed.

    MLflow keeps for as long as a process runs where a run's files are, and here the same runs have them elsewhere.
    """
    data_dir = Path(shutil.copytree(finished.data_dir, tmp_path_factory.mktemp("copied") / "data"))
    for deployed in (data_dir / "artifacts").rglob("artifacts/deployment"):
        shutil.rmtree(deployed)
    _artifact_repos_cache.clear()
    yield data_dir
    _artifact_repos_cache.clear()

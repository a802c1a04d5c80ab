"""A sweep so small that it runs for real in half a minute, and one finished run of it that many tests read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import sweeps
from sweeps.tracking import Tracking
from sweeps.workspace import Workspace

TINY = """
name: tiny
dataset: digits
extractor: {epochs: 3}
teacher:
  width: 8
  latent_size: 16
  pool_size: 512
  training: {kimg: 6}
student: {kimg: 4}
search:
  trials: 4
  space:
    width: {type: int, low: 1, high: 4}
    depth: {type: int, low: 1, high: 2}
    gan_weight: {type: choice, values: [0.0, 0.05]}
  points:
    - {width: 2, depth: 1, gan_weight: 0.0}
    - {width: 3, depth: 1, gan_weight: 0.05}
phases: [search, baseline]
baseline: {kimg: 2}
evaluation: {num_samples: 256, inception_splits: 2, rungs_kimg: [2]}
limit: {metric: fid, tolerance: 1.0}
"""


@pytest.fixture
def tiny() -> dict[str, Any]:
    """The tiny sweep as plain data, to change and write."""
    data: dict[str, Any] = yaml.safe_load(TINY)
    return data


@pytest.fixture
def spec_file(tmp_path: Path) -> Any:
    """Writes a spec, given as data or as text, and returns its path."""

    def write(content: dict[str, Any] | str) -> Path:
        path = tmp_path / "sweep.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


class Finished:
    """The tiny sweep after one run."""

    def __init__(self, spec: sweeps.SweepSpec, data_dir: Path, result: sweeps.SweepResult) -> None:
        self.spec, self.data_dir, self.result = spec, data_dir, result

    @property
    def tracking(self) -> Tracking:
        return Tracking(Workspace.existing(self.data_dir).store)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(TINY)
    data_dir = tmp_path_factory.mktemp("data")
    spec = sweeps.load_spec(path)
    return Finished(spec, data_dir, sweeps.run_sweep(spec, data_dir, workers=2))

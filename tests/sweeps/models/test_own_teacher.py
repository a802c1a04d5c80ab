"""A sweep that distils a generator of the user's own, which was stored by torch.export."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import analysis
import sweeps
from gan import GeneratorConfig, build_generator
from sweeps.cli import main
from sweeps.driver.runner import train_teacher
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.report import write_report
from sweeps.results.sampling import sample_to_file
from tests.sweeps.trained_here import trained_here

OWN = GeneratorConfig(image_size=16, image_channels=1, width=8, latent_size=12)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "own.pt2"
    network = build_generator(OWN, seed=5).eval()
    with torch.no_grad():
        network.layers[-1].weight.mul_(800)  # so that its images fill the range
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(network, (torch.randn(4, 12),), dynamic_shapes=({0: batch},))
    torch.export.save(program, path)
    return path


@pytest.fixture
def spec(own: Path, tiny: dict[str, Any], spec_file: Any) -> Path:
    teacher = {"file": str(own), "latent_size": 12, "output_range": [-1.0, 1.0], "pool_size": 512, "kimg": 9.0}
    search = {**tiny["search"], "trials": 1, "points": [{"width": 2, "depth": 1, "gan_weight": 0.0}]}
    path: Path = spec_file(
        {**tiny, "name": "own", "teacher": teacher, "search": search, "baseline": {"of": "none", "kimg": 1}}
    )
    return path


def test_a_sweep_distils_it_like_any_teacher(spec: Path, finished: Any, tmp_path: Path) -> None:
    data_dir = shutil.copytree(finished.data_dir, tmp_path / "data")  # with its classifier
    table, workspace = trained_here(sweeps.load_spec(spec), data_dir), Workspace.existing(data_dir)
    report = write_report("own", workspace, tracking=Tracking(workspace.store), formats=("png",))
    (row,) = table.to_pylist()
    assert row["teacher_version"] == "digits-imported-teacher/1"
    assert row["teacher_parameters"] == sum(p.numel() for p in build_generator(OWN, 0).parameters())
    assert row["teacher_kimg"] == 9.0
    assert row["latent_mse"] > 0
    assert {path.name for path in report.files} >= {"samples.png", "pareto.png"}
    assert analysis.final_students(table).num_rows == 1
    sample_to_file("digits-imported-teacher", tmp_path / "grid.png", data_dir=data_dir)
    assert (tmp_path / "grid.png").stat().st_size > 0
    again = train_teacher(sweeps.load_spec(spec), data_dir)
    assert again.version == "digits-imported-teacher/1", "it is registered once"


def test_one_that_is_not_as_declared_is_one_error_and_leaves_nothing(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec.write_text(spec.read_text().replace("latent_size: 12", "latent_size: 13"))
    monkeypatch.setattr("sys.argv", ["ganlimit", "sweep", "run", str(spec), "--data-dir", str(tmp_path / "d"), "-q"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "takes latents BL with L = 13" in capsys.readouterr().err

"""Memory is that of a process in which nothing happens but the drawing."""

import sys
from pathlib import Path

import pytest

from gan import (
    DrawingCost,
    DrawingCosts,
    GanError,
    Generator,
    GeneratorCard,
    MeasurementProtocol,
    count_parameters,
    deploy_generator,
    load_deployed,
    peak_memory,
    record_costs,
    save_generator,
)
from gan.deployment.drawing_process import peak_bytes
from tests.gan.deployment.conftest import ORIGIN

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process's peak")
MANY = 20_000  # images, of 1,024 bytes each


def test_an_export_draws_with_its_runtime_and_numpy_alone(
    small: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    (tmp_path / "torch.py").write_text("raise ImportError('PyTorch is not needed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = peak_memory(tmp_path / "export", (MANY, 1))
    one, many = found[1], found[MANY]
    assert one is not None
    assert many is not None
    assert 10_000_000 < one < many - 1024 * MANY
    own = peak_bytes()
    assert own is not None
    assert one < own  # of this process, which has PyTorch and began it


def test_a_stored_generator_draws_with_pytorch(small: Generator, tmp_path: Path) -> None:
    card = GeneratorCard(
        architecture=small.config,
        parameters=count_parameters(small.config),
        dataset="digits",
        dataset_digest="d",
        training={"kimg": 1.0},
        kimg=1.0,
        seed=0,
        metrics={},
        protocol_digest="p",
    )
    save_generator(tmp_path / "stored", small, card=card)
    deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    stored, exported = (peak_memory(tmp_path / name, [1])[1] for name in ("stored", "export"))
    assert stored is not None
    assert exported is not None
    assert stored > 2 * exported


def test_a_process_that_cannot_draw_is_one_error(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    (tmp_path / "export" / "model.onnx").write_bytes(b"no network")
    with pytest.raises(GanError, match=r"draws in a process of its own.*got .*export 1 3 \(.+\)\. See"):
        peak_memory(tmp_path / "export", [3])


def test_what_was_measured_stands_in_the_card(small: Generator, tmp_path: Path) -> None:
    before = deploy_generator(tmp_path, small, origin=ORIGIN)
    assert "measured" not in (tmp_path / "card.json").read_text()
    cost = DrawingCost(batch=1, median_ms=2.0, low_ms=1.0, high_ms=3.0, calls=9, peak_bytes=50_000_000)
    costs = DrawingCosts(protocol=MeasurementProtocol.here(threads=2), costs=(cost,))
    found = record_costs(tmp_path, costs)
    assert found == before.model_copy(update={"measured": costs}) == load_deployed(tmp_path).card
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "model.onnx", "run.py"]

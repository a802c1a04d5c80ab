"""torch.compile has its turn beside PyTorch and the exports, where there is a compiler, and draws the same images."""

import shutil
from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters

import sweeps
from analysis import read_measurements
from gan import GeneratorCard, GeneratorConfig, build_generator, count_parameters, save_generator
from gan.deployment.in_pytorch import compiled, eager

SMALL = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="torch.compile needs a compiler"),
]


def test_what_is_compiled_draws_the_same_images() -> None:
    generator = build_generator(SMALL, seed=0).eval()
    counters.clear()
    for batch in (1, 3):
        found, expected = compiled(generator, batch)(), eager(generator, batch)()
        assert isinstance(found, torch.Tensor)
        assert isinstance(expected, torch.Tensor)
        assert torch.allclose(found, expected, atol=1e-5)
    assert counters["stats"]["unique_graphs"] == 2  # each batch has been compiled, and not run as it was
    assert not counters["graph_break"]


def test_a_deployment_measures_what_is_compiled(tmp_path: Path) -> None:
    card = GeneratorCard(
        architecture=SMALL,
        parameters=count_parameters(SMALL),
        dataset="digits",
        dataset_digest="d",
        training={"kimg": 1.0},
        kimg=1.0,
        seed=0,
        metrics={},
        protocol_digest="p",
    )
    save_generator(tmp_path / "stored", build_generator(SMALL, seed=0), card=card)
    timing = sweeps.Timing(threads=1, compile_too=True)
    sweeps.deploy(str(tmp_path / "stored"), out=tmp_path / "out", timing=timing)
    rows = read_measurements(tmp_path / "out" / "measurements.parquet").to_pylist()
    assert [(row["form"], row["batch"]) for row in rows] == [
        (form, batch) for batch in (1, 64) for form in ("pytorch", "torch.compile", "onnx")
    ]
    assert all(row["median_ms"] > 0 for row in rows)
    assert {row["peak_bytes"] is None for row in rows if row["form"] == "torch.compile"} == {True}

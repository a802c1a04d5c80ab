"""A LiteRT file makes the images of what it was made of, in batches of any size, by LiteRT and NumPy alone."""

import copy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gan import (
    ArtifactError,
    Generator,
    GeneratorConfig,
    deploy_generator,
    fold,
    latency_alone,
    load_deployed,
    peak_memory,
)
from gan.deployment.card import Format
from gan.deployment.formats import FORMS
from gan.digests import file_digest
from tests.gan.deployment.conftest import ARCHITECTURES, ORIGIN, SIZES, SMALL, trained

interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="the extra litert has it")
FORMATS: tuple[Format, ...] = ("litert", "litert-int8")


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("form", FORMATS)
def test_every_architecture_is_exported_and_loads(generator: Generator, form: Format, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path / "export", generator, origin=ORIGIN, form=form)
    deployed = load_deployed(tmp_path / "export")
    assert deployed.card == card
    assert files_of(tmp_path / "export") == {"card.json", "model.tflite", "run.py"}
    for number in (5, 1, 2):  # a batch of another size than the one before
        inputs_NI = generator.config.inputs(number, "another place", number, seed=1)
        with torch.no_grad():
            found = deployed(inputs_NI.numpy()) - generator(inputs_NI).numpy()
        assert np.abs(found).max() <= FORMS[form].largest
        assert np.sqrt((found**2).mean()) <= FORMS[form].rms


@pytest.mark.parametrize("sized", SIZES, indirect=True)
def test_every_size_has_the_images_of_the_original(sized: Generator, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path, sized, origin=ORIGIN, form="litert")
    assert card.checked_latents == 256
    assert card.checked_batches == (1, 3, 64)
    assert card.largest_difference < 1e-4


def test_the_card_says_what_the_file_is(tmp_path: Path) -> None:
    generator = trained(GeneratorConfig.model_validate(SMALL | {"image_channels": 3}))
    card = deploy_generator(tmp_path, generator, origin=ORIGIN, form="litert")
    network = interpreter.Interpreter(str(tmp_path / card.file), num_threads=1)
    ((given,), (made,)) = network.get_input_details(), network.get_output_details()
    assert (given["name"], made["name"]) == (card.input.name, card.output.name) == ("latent", "images")
    assert [-1 if axis == "N" else axis for axis in card.input.shape] == given["shape_signature"].tolist() == [-1, 8]
    assert [-1 if axis == "N" else axis for axis in card.output.shape] == made["shape_signature"].tolist()
    assert given["dtype"] == made["dtype"] == np.float32
    assert card.output.shape == ("N", 3, 16, 16)
    assert card.producers["ai-edge-litert"] == version("ai-edge-litert")
    assert card.file_digest == file_digest(tmp_path / card.file)
    assert card.opset is None


def test_a_program_names_input_and_output(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path, small, origin=ORIGIN, form="litert")
    network = interpreter.Interpreter(str(tmp_path / "model.tflite"), num_threads=1)
    draw = network.get_signature_runner()
    inputs_NI = small.config.inputs(3, "another place", seed=1)
    with torch.no_grad():
        expected_NCHW = small(inputs_NI).numpy()
    assert np.abs(draw(latent=inputs_NI.numpy())["images"] - expected_NCHW).max() < 1e-5


@pytest.mark.parametrize(("block", "share"), [("dcgan", 0.3), ("resize", 0.3), ("separable", 0.5)])
def test_weights_take_the_bytes_of_their_type(block: str, share: float, tmp_path: Path) -> None:
    config = GeneratorConfig.model_validate(SMALL | {"image_size": 32, "width": 8, "block": block, "latent_size": 64})
    generator = trained(config)
    whole, eighth = (deploy_generator(tmp_path / form, generator, origin=ORIGIN, form=form) for form in FORMATS)
    assert whole.file_bytes < 4 * 1.03 * whole.parameters + 8000
    assert eighth.file_bytes < share * whole.file_bytes


@pytest.mark.parametrize("gain", [0.0, 1e-3, 0.03])
def test_a_channel_that_has_nearly_died_costs_no_quality(gain: float, small: Generator, tmp_path: Path) -> None:
    """What follows it has its bias alone, which one scale for all channels must not round to nothing."""
    generator = copy.deepcopy(small)
    with torch.no_grad():
        norm = next(layer for layer in generator.modules() if isinstance(layer, torch.nn.BatchNorm2d))
        norm.weight[0], norm.bias[0] = gain, 0.5
    found = {
        form: deploy_generator(tmp_path / form, generator, origin=ORIGIN, form=form).rms_difference
        for form in ("onnx-int8", "litert-int8")
    }
    assert found["litert-int8"] <= 2 * found["onnx-int8"]


@pytest.mark.parametrize("name", ["dcgan", "deep", "low-rank", "separable", "resize"])
def test_an_even_first_map_changes_no_image(name: str) -> None:
    from gan.deployment.litert import with_even_map

    folded = fold(trained(ARCHITECTURES[name]))
    inputs_NI = folded.config.inputs(16, "another place", seed=1)
    before, even = folded(inputs_NI), with_even_map(folded)
    assert (even(inputs_NI) - before).abs().max() < 1e-5
    assert torch.equal(folded(inputs_NI), before)  # which is still its own


@pytest.mark.parametrize(("form", "changes"), [
    ("litert", {"num_classes": 4, "latent_distribution": "sphere"}), ("litert-int8", {"image_channels": 3}),
])  # fmt: skip
def test_the_script_draws_images(form: Format, changes: dict[str, Any], tmp_path: Path) -> None:
    generator = trained(GeneratorConfig.model_validate(SMALL | changes))
    deploy_generator(tmp_path / "export", generator, origin=ORIGIN, form=form)
    program = (
        "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__'); assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-I", "-c", program, str(tmp_path / "export" / "run.py"), "--count", "11"]
    subprocess.run([*command, "--out", "images.npy"], cwd=tmp_path, check=True, timeout=60)
    images_NCHW = np.load(tmp_path / "images.npy")
    assert images_NCHW.shape == (11, changes.get("image_channels", 1), 16, 16)
    assert 0.1 < images_NCHW.std() < 1


def test_what_is_no_file_of_litert_is_refused(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path, small, origin=ORIGIN, form="litert")
    path = tmp_path / "model.tflite"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtifactError, match=r"SHA-256 digest .*Export it again"):
        load_deployed(tmp_path)
    for left in (b"", b"no file of LiteRT", content[: len(content) // 2]):
        path.write_bytes(left)
        with pytest.raises(ArtifactError, match=r"is one that LiteRT reads, got .*model\.tflite .*Export it again"):
            FORMS["litert"].open(path, 1)


def test_nothing_is_said_beside_the_images(small: Generator, tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from gan import deploy_generator, build_generator, GeneratorConfig, Origin; "
        f"generator = build_generator(GeneratorConfig(**{SMALL}), seed=0).eval(); "
        "origin = Origin(weights_digest='d', dataset='digits'); "
        "deploy_generator(pathlib.Path(sys.argv[1]), generator, origin=origin, form='litert'); "
        "print('still heard', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "export"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "still heard\n")


def test_a_file_is_measured_alone(small: Generator, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path, small, origin=ORIGIN, form="litert")
    assert latency_alone(tmp_path).median_ms > 0
    (peak,) = peak_memory(tmp_path, [64]).values()
    assert peak is None or card.file_bytes < peak < 150e6  # PyTorch alone takes more

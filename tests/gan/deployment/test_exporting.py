"""An export is one folder with the file, its card and a script, and makes the images of what it was made of."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import nn

import gan.deployment
from gan import (
    AnyGenerator,
    ArtifactError,
    GanError,
    Generator,
    GeneratorConfig,
    ImportedConfig,
    count_parameters,
    deploy_generator,
    load_any_generator,
    load_deployed,
    load_imported,
)
from gan.deployment import exporting, folder
from gan.deployment.card import Format
from gan.deployment.formats import FORMS, require_packages
from gan.digests import file_digest
from tests.gan.deployment.conftest import ORIGIN, SMALL, trained
from tests.waiting import PATIENCE_S

ONNX: tuple[Format, ...] = ("onnx", "onnx-fp16", "onnx-int8", "onnx-int8-static", "onnx-packed")


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class Own(nn.Module):
    """A generator of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(8, 64)
        self.layers = nn.Sequential(nn.BatchNorm2d(4), nn.SiLU(), nn.ConvTranspose2d(4, 3, 4, stride=4))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(40 * self.layers(self.map(latents).view(-1, 4, 4, 4)))


@pytest.fixture
def own_program(tmp_path: Path) -> Path:
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(Own().eval(), (torch.zeros(2, 8),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "own.pt2")
    return tmp_path / "own.pt2"


@pytest.mark.parametrize("form", ONNX)
def test_every_architecture_is_exported_and_loads(generator: Generator, form: Format, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path / "export", generator, origin=ORIGIN, form=form)
    deployed = load_deployed(tmp_path / "export")
    assert deployed.card == card
    inputs_NI = generator.config.inputs(5, "another place", seed=1)
    with torch.no_grad():
        found = deployed(inputs_NI.numpy()) - generator(inputs_NI).numpy()
    assert np.sqrt((found**2).mean()) <= FORMS[form].rms
    assert files_of(tmp_path / "export") == {"card.json", "model.onnx", "run.py"}
    assert files_of(tmp_path) == {"export"}


def test_the_card_says_what_the_file_is(small: Generator, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path, small, origin=ORIGIN)
    model = onnx.load(tmp_path / card.file)
    ((given,), (made,)) = model.graph.input, model.graph.output
    assert (given.name, made.name) == (card.input.name, card.output.name) == ("latent", "images")
    assert [each.dim_param or each.dim_value for each in given.type.tensor_type.shape.dim] == ["N", 8]
    assert [each.dim_param or each.dim_value for each in made.type.tensor_type.shape.dim] == ["N", 1, 16, 16]
    assert [each.version for each in model.opset_import] == [card.opset]
    assert card.origin == ORIGIN
    assert card.architecture == small.config
    assert card.parameters == count_parameters(small.config)
    assert card.file_digest == file_digest(tmp_path / card.file)
    assert card.file_bytes == (tmp_path / card.file).stat().st_size > card.compressed_bytes
    assert card.checked_latents == 256
    assert 0 < card.rms_difference < card.largest_difference < 1e-5
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert not any(each.external_data for each in model.graph.initializer)


@pytest.mark.parametrize(
    "changes", [{"width": 16}, {"image_size": 32, "width": 8, "block": "separable", "latent_size": 64}]
)
def test_weights_take_the_bytes_of_their_type(changes: dict[str, Any], tmp_path: Path) -> None:
    generator = trained(GeneratorConfig.model_validate(SMALL | changes))
    whole, half, eighth, static, packed = (
        deploy_generator(tmp_path / form, generator, origin=ORIGIN, form=form).file_bytes for form in ONNX
    )
    assert count_parameters(generator.config) > 10_000
    assert whole < 4 * count_parameters(generator.config) + 2000
    assert half < 0.55 * whole
    assert eighth < 0.30 * whole
    assert static < 0.32 * whole
    assert packed == whole  # of floats


def test_an_exported_program_takes_any_batch(small: Generator, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path, small, origin=ORIGIN, form="torch-export")
    assert files_of(tmp_path) == {"card.json", "model.pt2", "run.py"}
    assert card.largest_difference < 1e-5
    assert card.opset is None
    network = torch.export.load(str(tmp_path / "model.pt2")).module()
    inputs_NI = small.config.inputs(7, "another place", seed=1)
    with torch.no_grad():
        assert torch.allclose(network(inputs_NI), small(inputs_NI), atol=1e-5)


def test_the_script_refuses_mistakes_and_a_changed_file(small: Generator, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    deploy_generator(folder, small, origin=ORIGIN, form="onnx")

    def said(*words: str) -> str:
        command = [sys.executable, "-I", str(folder / "run.py"), *words]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert ended.returncode == 2
        assert "Traceback" not in ended.stderr
        return ended.stderr

    for words in (["--count", "0"], ["--seed", "-1"], ["--out", "images.jpg"], ["--out", "nowhere/images.png"]):
        assert words[0] in said(*words).splitlines()[-1]
    changed = bytearray((folder / "model.onnx").read_bytes())
    changed[len(changed) // 2] ^= 1
    (folder / "model.onnx").write_bytes(changed)
    assert "model.onnx has another SHA-256 digest" in said()
    assert {path.name for path in tmp_path.iterdir()} == {"export"}, "nothing is drawn"


@pytest.mark.parametrize(("form", "classes", "distribution"), [
    ("onnx", 4, "truncated-normal"), ("onnx-int8", 0, "sphere"), ("torch-export", 0, "uniform"),
])  # fmt: skip
def test_the_script_draws_images(form: Format, classes: int, distribution: str, tmp_path: Path) -> None:
    space = {"num_classes": classes, "latent_distribution": distribution}
    generator = trained(GeneratorConfig.model_validate(SMALL | {"image_channels": 3} | space))
    deploy_generator(tmp_path / "export", generator, origin=ORIGIN, form=form)
    for name in ("images.npy", *(["images.png"] if form == "onnx" else [])):
        command = [sys.executable, "-I", str(tmp_path / "export" / "run.py"), "--count", "11", "--out", name]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=PATIENCE_S)
    images_NCHW = np.load(tmp_path / "images.npy")
    assert images_NCHW.shape == (11, 3, 16, 16)
    assert 0.1 < images_NCHW.std() < 1
    if form != "onnx":
        return
    picture = cv2.imread(str(tmp_path / "images.png"), cv2.IMREAD_COLOR_RGB)
    assert picture.shape == (32, 128, 3)
    second = picture[:16, 16:32].transpose(2, 0, 1)
    assert np.abs(second - (images_NCHW[1] + 1) * 127.5).max() < 0.51
    assert (picture[16:, 48:] == 255).all()  # where no image is left


def own_of(program: Path) -> AnyGenerator:
    return load_imported(ImportedConfig(file=str(program), latent_size=8, output_range=(0.0, 1.0)))


def test_a_generator_of_ones_own_is_exported_as_a_program(own_program: Path, tmp_path: Path) -> None:
    own = own_of(own_program)
    card = deploy_generator(tmp_path / "export", own, origin=ORIGIN, form="torch-export")
    assert card.architecture == own.config
    assert load_deployed(tmp_path / "export")(np.zeros((2, 8), np.float32)).shape == (2, 3, 16, 16)
    for form in ("onnx-int8", "litert", "litert-int8"):
        with pytest.raises(
            GanError, match=r"own architectures, got .*own\.pt2\)\. Export it as onnx, torch-export or executorch"
        ):
            deploy_generator(tmp_path / "other", own, origin=ORIGIN, form=form)  # type: ignore[arg-type]
    assert files_of(tmp_path) == {"export", "own.pt2"}


def test_a_program_of_ones_own_is_exported_as_onnx(own_program: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="PyTorch's exporter needs it")
    own = own_of(own_program)
    card = deploy_generator(tmp_path / "export", own, origin=ORIGIN)
    inputs_NI = own.config.inputs(7, "another place", seed=1)
    with torch.no_grad():
        found = load_deployed(tmp_path / "export")(inputs_NI.numpy()) - own(inputs_NI).numpy()
    assert np.abs(found).max() < 1e-5
    assert files_of(tmp_path / "export") == {"card.json", "model.onnx", "run.py"}
    model = onnx.load(tmp_path / "export" / "model.onnx")
    ((given,), (made,)) = model.graph.input, model.graph.output
    assert (given.name, made.name) == ("latent", "images")
    assert [each.dim_param or each.dim_value for each in given.type.tensor_type.shape.dim] == ["N", 8]
    assert [each.version for each in model.opset_import if not each.domain] == [card.opset]
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert not any(each.external_data for each in model.graph.initializer)
    assert card.file_bytes < 4 * card.parameters + 2000
    program = subprocess.run(
        [sys.executable, str(tmp_path / "export" / "run.py"), "--count", "3", "--out", "own.npy"],
        cwd=tmp_path, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert program.returncode == 0
    assert np.load(tmp_path / "own.npy").shape == (3, 3, 16, 16)


def test_a_network_that_no_exporter_follows_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="PyTorch's exporter needs it")
    torch.jit.save(torch.jit.trace(Own().eval(), torch.zeros(2, 8)), tmp_path / "own.pt")
    with pytest.raises(GanError, match=r"torch\.export can follow, got .*Give the teacher as a torch\.export file"):
        deploy_generator(tmp_path / "export", own_of(tmp_path / "own.pt"), origin=ORIGIN)
    assert files_of(tmp_path) == {"own.pt"}


def test_a_missing_exporter_is_named(own_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # as where it is not installed
    monkeypatch.delitem(sys.modules, "gan.deployment.own_graph", raising=False)
    monkeypatch.delattr(gan.deployment, "own_graph", raising=False)
    with pytest.raises(GanError, match=r"none called onnxscript\. Install them: pip install 'ganlimit\[deploy\]'"):
        deploy_generator(tmp_path / "export", own_of(own_program), origin=ORIGIN)
    assert files_of(tmp_path) == {"own.pt2"}


def test_an_export_with_other_images_is_refused_and_leaves_nothing(small: Generator, tmp_path: Path) -> None:
    generator = trained(small.config)
    deploy_generator(tmp_path / "export", generator, origin=ORIGIN)
    before = (tmp_path / "export" / "card.json").read_bytes()
    for form in ("onnx-fp16", "onnx-int8"):
        with torch.no_grad():
            generator.layers[-1].weight *= 1e5  # so that an image is a matter of rounding
        with pytest.raises(GanError, match=rf"export as {form} differ .* got .*Export it as onnx"):
            deploy_generator(tmp_path / "export", generator, origin=ORIGIN, form=form)
    assert files_of(tmp_path) == {"export"}
    assert (tmp_path / "export" / "card.json").read_bytes() == before


def test_an_earlier_export_is_replaced_and_nothing_else_is(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path / "export", small, origin=ORIGIN, form="torch-export")
    deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    assert files_of(tmp_path / "export") == {"card.json", "model.onnx", "run.py"}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(GanError, match="new, empty or an earlier export"):
        deploy_generator(tmp_path / "mine", small, origin=ORIGIN)
    (tmp_path / "mine" / "card.json").write_text('{"kind": "generator"}')
    with pytest.raises(GanError, match="is new, empty or an earlier export"):
        deploy_generator(tmp_path / "mine", small, origin=ORIGIN)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(GanError, match=r"folder can be written, got .*File exists"):
        deploy_generator(tmp_path / "file" / "export", small, origin=ORIGIN)
    assert files_of(tmp_path) == {"export", "mine", "file"}


def test_an_export_is_not_taken_for_the_generator_it_was_made_of(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path, small, origin=ORIGIN)
    with pytest.raises(ArtifactError, match=r"stored generator is read here, got .*of an export\. Name the model"):
        load_any_generator(tmp_path)


def test_an_earlier_export_stays_where_its_place_cannot_be_taken(
    small: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    monkeypatch.setattr(folder, "exchanged", lambda one, other: False)
    with pytest.raises(KeyboardInterrupt):
        deploy_generator(tmp_path / "export", small, origin=ORIGIN, form="onnx-fp16")
    assert load_deployed(tmp_path / "export").card == before
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_a_changed_byte_is_refused(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path, small, origin=ORIGIN)
    content = bytearray((tmp_path / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"SHA-256 digest .*Export it again"):
        load_deployed(tmp_path)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ArtifactError, match="no such file"):
        load_deployed(tmp_path)


@pytest.mark.parametrize(("package", "form", "extra"), [
    ("onnx", "onnx", "deploy"), ("onnxruntime", "onnx", "deploy"),
    ("ai_edge_litert", "litert", "litert"), ("ai_edge_litert", "litert-int8", "litert"),
    ("executorch", "executorch", "executorch"),
])  # fmt: skip
def test_a_missing_extra_is_named(
    small: Generator, package: str, form: Format, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [each for each in sys.modules if each.startswith(f"{package}.")]:  # what another test imported
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)  # as where it is not installed
    for module in ("graph", "litert", "litert_file", "executorch_program"):
        monkeypatch.delitem(sys.modules, f"gan.deployment.{module}", raising=False)
        monkeypatch.delattr(gan.deployment, module, raising=False)
    said = rf"the extra {extra}, got none called {package}\. Install them: pip install 'ganlimit\[{extra}\]'"
    with pytest.raises(GanError, match=said):
        deploy_generator(tmp_path / "export", small, origin=ORIGIN, form=form)
    with pytest.raises(GanError, match=said):
        require_packages([form])
    assert not files_of(tmp_path)


def test_nothing_heavy_is_loaded_before_it_is_used() -> None:
    code = "import sys, gan; gan.deploy_generator; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "gan.deployment.exporting" in said
    assert not {"onnx", "onnxruntime", "ai_edge_litert", "torch._dynamo"} & set(said)


def test_the_card_is_plain_json(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path, small, origin=ORIGIN)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["input"] == {
        "name": "latent", "dtype": "float32", "shape": ["N", 8], "latent_size": 8, "distribution": "normal",
        "bound": None, "classes": 0,
    }  # fmt: skip
    assert card["output"] == {"name": "images", "dtype": "float32", "shape": ["N", 1, 16, 16], "range": [-1.0, 1.0]}
    assert exporting.BATCHES == (1, 3, 64) == tuple(card["checked_batches"])

"""What cannot be taken is refused by name, with how to wrap it, and without a word of a library before it."""

import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gan import GanError, OwnGenerator, inspect_generator
from tests.gan.networks.own_generators import ByOneHot, Plain, config, exported, scripted, traced


def refused(own: OwnGenerator, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> str:
    with pytest.raises(GanError) as caught:
        inspect_generator(own)
    assert capfd.readouterr() == ("", ""), "a library speaks before it"
    assert not recwarn.list
    return str(caught.value)


def keras(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", "")


def saved_model(path: Path) -> None:
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"\x08\x01")


def truncated(path: Path) -> None:
    whole = exported(path.with_suffix(".pt2"), Plain()).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a checkpoint": (
        lambda path: torch.save(
            {"G": Plain().state_dict(), "opt": torch.optim.Adam(Plain().parameters()).state_dict(), "it": 3}, path
        ),
        r"a checkpoint with the entries G, opt, it\).*`entry`",
    ),
    "a state dict": (
        lambda path: torch.save(Plain().state_dict(), path),
        r"the state dict convolution.weight, convolution.bias, without the network.*factory: package.module:function",
    ),
    "safetensors": (lambda path: save_file(Plain().state_dict(), path), r"the state dict convolution.bias.*factory"),
    "a pickled module": (
        lambda path: torch.save(Plain(), path),
        r"a pickled object of tests.gan.networks.own_generators.Plain\).*torch.export.save",
    ),
    "a pickle": (
        lambda path: path.write_bytes(pickle.dumps({"G_ema": Plain()}, protocol=2)),
        r"a pickled object of tests.gan.networks.own_generators.Plain\).*A pickle runs code",
    ),
    "ONNX": (lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x052.9.0:\x80"), "an ONNX model.*Convert it"),
    "HDF5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64)), "an HDF5 file, as Keras.*Convert it"),
    "Keras": (keras, "a Keras model.*Convert it"),
    "TensorFlow": (saved_model, "a folder with a TensorFlow model.*Convert it"),
    "a folder": (lambda path: path.mkdir(), "a folder.*Name the generator's file in it"),
    "nothing": (lambda path: None, "no such file.*Correct the path"),
    "a picture": (lambda path: path.write_bytes(b"\x89PNG\r\n"), "a PNG image"),
    "a half": (truncated, r"only a part of one"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_called_what_it_is(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    write, expected = FILES[kind]
    path = tmp_path / "theirs"
    write(path)
    message = refused(OwnGenerator(file=str(path)), capfd, recwarn)
    assert "theirs" in message
    assert re.search(expected, message), message


@pytest.mark.parametrize("model", [b"{", b"{}"])
def test_a_damaged_program_is_one_error(
    model: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    for path in (exported(tmp_path / "theirs.pt2", Plain()), scripted(tmp_path / "theirs.pt", Plain())):
        with zipfile.ZipFile(path) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, model if name.endswith(("model.json", "data.pkl")) else data)
        recwarn.clear()
        capfd.readouterr()
        assert "a damaged" in refused(OwnGenerator(file=str(path)), capfd, recwarn)


@pytest.mark.parametrize(
    ("network", "values", "expected"),
    [
        (Plain(), {"latent_size": 7}, "takes latents BL with L = 7.*it takes 6"),
        (Plain(size=(16, 32)), {}, "square images of 16, 20.*16x32.*crops or resizes"),
        (Plain(noise=0.2), {"output_range": (0.0, 1.2)}, "one image of one latent.*noise_seed: 0"),
        (Plain(scale=3.0), {}, r"in \[0, 1\], \[-1, 1\] or \[0, 255\].*clamps its images"),
        (Plain(), {"output": "images"}, "output is the place or the name.*images for"),
        (Plain(), {"latent_size": 6, "labels": {"classes": 3, "as": "index"}}, r"it takes none of these \(.*argument"),
        (Plain(), {"labels": {"classes": 3, "as": "index"}}, "latent_size is that of the generator.*Give latent_size"),
    ],
)
def test_a_network_that_cannot_be_taken_is_refused_with_what_to_do(
    network: nn.Module,
    values: dict[str, object],
    expected: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    path = scripted(tmp_path / "theirs.pt", network)
    recwarn.clear()
    own = OwnGenerator.model_validate({"file": str(path), **values})
    message = refused(own, capfd, recwarn)
    assert re.search(expected, message), message


def test_what_cannot_be_told_is_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    path = traced(tmp_path / "theirs.pt", ByOneHot(), torch.randn(2, 6), torch.eye(10)[:2])
    recwarn.clear()
    message = refused(OwnGenerator(file=str(path)), capfd, recwarn)
    assert "16 columns of both together" in message
    assert "Give latent_size, and labels" in message


def test_a_batch_of_a_fixed_size_is_called_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    path = exported(tmp_path / "theirs.pt2", Plain(), torch.randn(8, 6), fixed=True)
    capfd.readouterr()
    recwarn.clear()
    for own in (OwnGenerator(file=str(path)), config(file=str(path))):
        message = refused(own, capfd, recwarn)
        assert "a batch of any size" in message
        assert "one of 8" in message
        assert "torch.export.Dim" in message


@pytest.mark.parametrize(
    ("content", "entry", "expected"),
    [
        ({"g": "whole", "g_ema": "whole"}, None, "one part of the file of weights is the network's.*g, g_ema.*`entry`"),
        ({"g": "whole"}, "ema", "entry is a part.*ema; it has g"),
        ({"g": "part"}, None, "body.0.bias is missing"),
        ({"g": "wide"}, None, r"body.0.weight is \[768, 7\], \[768, 6\] in the network"),
        ({"g": "code"}, None, "would run code"),
        ({"g": "sparse"}, None, "weights are tensors that the factory's network can take.*Make them dense"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    factory: Path,
    content: dict[str, str],
    entry: str | None,
    expected: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    whole = {"body.0.weight": torch.zeros(768, 6), "body.0.bias": torch.zeros(768)}
    kinds = {
        "whole": whole,
        "part": {"body.0.weight": torch.zeros(768, 6)},
        "wide": {**whole, "body.0.weight": torch.zeros(768, 7)},
        "code": Plain(),
        "sparse": {**whole, "body.0.weight": torch.zeros(768, 6).to_sparse()},
    }
    torch.save({name: kinds[kind] for name, kind in content.items()}, tmp_path / "theirs.pth")
    values = {"factory": "theirs_gan:build", "weights": str(tmp_path / "theirs.pth"), "entry": entry}
    own = OwnGenerator.model_validate({name: value for name, value in values.items() if value})
    recwarn.clear()
    message = refused(own, capfd, recwarn)
    assert re.search(expected, message), message

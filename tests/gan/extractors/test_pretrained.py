"""Extractors of published numbers, with random weights in files of the true shape, against torch-fidelity."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torch_fidelity
import torchvision
from torch import Tensor, nn
from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16
from torchvision.transforms.functional import normalize

from gan import PRETRAINED, Evaluator, GanError, Pretrained, Protocol, RealReference, find_weights
from gan.extractors.dinov2 import VisionTransformer
from gan.extractors.features import extract
from gan.measuring.metrics import FeatureStatistics
from tests.gan.extractors.random_weights import Archived, clip_shapes, dino_shapes, random_state

IMAGES = 4
DINO, CLIP = "dinov2-vit-s-14", "clip-vit-b-32"


@pytest.fixture(scope="module")
def dino_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dino") / "dinov2_vits14_pretrain.pth"
    torch.save(random_state(dino_shapes(384, 12, heads=6)), path)
    return path


@pytest.fixture(scope="module")
def clip_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "ViT-B-32.pt"
    state = random_state(clip_shapes(768, 12, patch=32, features=512))
    torch.jit.script(Archived({name: tensor.half() for name, tensor in state.items()})).save(path)
    return path


class SecondDino(nn.Module):
    """DINOv2's transformer written a second time, as functions of its state."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.state = state

    def forward(self, images: Tensor) -> Tensor:
        state = self.state
        tokens = F.conv2d(images, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=14)
        places = state["pos_embed"][:, 1:].view(1, 37, 37, 384).movedim(3, 1)
        places = F.interpolate(places, scale_factor=16.1 / 37, mode="bicubic", recompute_scale_factor=False)
        first = (state["cls_token"] + state["pos_embed"][:, :1]).expand(len(images), 1, 384)
        tokens = torch.cat([first, (tokens + places).flatten(2).mT], dim=1)
        for at in (f"blocks.{index}." for index in range(12)):
            attended = self._linear(at + "attn.proj", self._attention(at, self._norm(at + "norm1", tokens)))
            tokens = tokens + attended * state[at + "ls1.gamma"]
            hidden = F.gelu(self._linear(at + "mlp.fc1", self._norm(at + "norm2", tokens)))
            tokens = tokens + self._linear(at + "mlp.fc2", hidden) * state[at + "ls2.gamma"]
        return self._norm("norm", tokens)[:, 0]

    def _attention(self, at: str, tokens: Tensor) -> Tensor:
        parts = self._linear(at + "attn.qkv", tokens).chunk(3, dim=-1)
        heads = [part.unflatten(-1, (6, 64)).transpose(1, 2) for part in parts]
        return F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)

    def _linear(self, name: str, tokens: Tensor) -> Tensor:
        return F.linear(tokens, self.state[name + ".weight"], self.state[name + ".bias"])

    def _norm(self, name: str, tokens: Tensor) -> Tensor:
        return F.layer_norm(tokens, (384,), self.state[name + ".weight"], self.state[name + ".bias"], eps=1e-6)


def require_equal(kind: str, weights: Path, *, images: Any, **options: Any) -> None:
    """FID, KID, precision and recall of images are torch-fidelity's."""
    real, fake = images(1, 0, count=IMAGES), images(2, 60, count=IMAGES)
    network = Pretrained(find_weights(kind, weights))
    features, logits = extract(network, real.images)
    assert logits is None
    assert features.shape == (IMAGES, PRETRAINED[kind]) == (IMAGES, network.num_features)
    protocol = Protocol(dataset_digest="d", extractor=kind, extractor_digest="e", num_samples=IMAGES)
    reference = RealReference(FeatureStatistics.of(features), features)
    ours = Evaluator(protocol, network, real=reference).measure(fake.images, splits=1, whole=True)
    theirs = torch_fidelity.calculate_metrics(
        input1=fake, input2=real, feature_extractor=kind, kid_subset_size=IMAGES // 2, **options
    )
    assert ours.fid > 0.1
    assert ours.fid == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    # Its products are of float32, ours of float64.
    assert ours.kid == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)
    assert (ours.precision, ours.recall) == (theirs["precision"], theirs["recall"])
    assert ours.inception_score is None


def test_dinov2_equals_torch_fidelity_end_to_end(
    dino_weights: Path, images: Any, few: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch-fidelity would fetch the network's code; it gets a second one instead, which the next test's holds for."""
    second = SecondDino(torch.load(dino_weights, weights_only=True))
    monkeypatch.setattr(torch.hub, "load", lambda repository, name: second)
    require_equal(DINO, dino_weights, images=images, **few)


def test_clip_equals_torch_fidelity_end_to_end(clip_weights: Path, images: Any, few: dict[str, Any]) -> None:
    require_equal(CLIP, clip_weights, images=images, feature_extractor_weights_path=str(clip_weights), **few)


@pytest.mark.parametrize(
    ("gated", "expected"),
    [
        (False, [0.87431, -1.11976, -2.60898, -2.56553, 0.26638, -0.99893, 1.4557, 1.99763]),
        (True, [2.24932, 0.9232, -0.74911, -1.01452, 5.7873, -1.37458, -0.8947, 1.00163]),
    ],
)
def test_dinov2_is_what_its_authors_published(gated: bool, expected: list[float]) -> None:
    """`expected` came from the code of the package dinov2 0.0.1.dev2, with these weights and this image."""
    network = VisionTransformer(8, 2, heads=2, gated=gated)
    network.load_state_dict(random_state(network.state_dict()))
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert network(image)[0].tolist() == pytest.approx(expected, abs=2e-5)


def test_vgg16_is_read_at_the_layer_of_torch_fidelitys_metrics(tmp_path: Path, images: Any) -> None:
    with torch.device("meta"):
        reference = torchvision.models.vgg16()
    # One row, stored once and repeated: the true shapes, 200 times smaller.
    rows = random_state({name: given[:1] for name, given in reference.state_dict().items()})
    state = {name: rows[name].abs().expand(given.shape) for name, given in reference.state_dict().items()}
    torch.save(state, path := tmp_path / "vgg16.pth", _use_new_zipfile_serialization=False)  # as it is published
    image = images(1, 0, count=1).images.repeat_interleave(7, 2).repeat_interleave(7, 3)  # 224x224
    features, logits = Pretrained(find_weights("vgg16", path)).read(image[:, :1])
    reference.load_state_dict(state, assign=True)
    colour = normalize(image[:, :1].repeat(1, 3, 1, 1) / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        flat = reference.avgpool(reference.features(colour)).flatten(1)
        second = reference.classifier[3](F.relu(reference.classifier[0](flat)))
    assert {FeatureExtractorVGG16.get_default_feature_layer_for_metric(name) for name in ("fid", "kid", "prc")} == {
        "fc2_relu"
    }
    assert logits is None
    assert features.shape == (1, PRETRAINED["vgg16"])
    torch.testing.assert_close(features, F.relu(second), rtol=1e-4, atol=0)


@pytest.mark.parametrize("kind", [name for name in PRETRAINED if name != "inception"])
def test_missing_weights_are_named_with_where_they_come_from(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("GANLIMIT_EXTRACTOR_WEIGHTS", raising=False)
    with pytest.raises(
        GanError, match=rf"weights of {kind} are the file \S+\.pth? from https://\S+, whose SHA-256"
    ) as found:
        find_weights(kind, download=False)
    assert str(tmp_path) in str(found.value)
    assert "--extractor-weights PATH or GANLIMIT_EXTRACTOR_WEIGHTS" in found.value.remedy
    monkeypatch.setenv("GANLIMIT_EXTRACTOR_WEIGHTS", str(tmp_path / "mine.pth"))
    with pytest.raises(GanError, match=r"mine\.pth \(no file\)"):
        find_weights(kind)


def test_weights_where_torch_keeps_them_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("GANLIMIT_EXTRACTOR_WEIGHTS", raising=False)
    path = tmp_path / "hub" / "checkpoints" / "dinov2_vits14_pretrain.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    found = find_weights(DINO, download=False)
    assert (found.path, found.customary) == (path, False)


def test_a_file_in_the_format_before_pytorch_1_6_is_the_same_network(dino_weights: Path, tmp_path: Path) -> None:
    state = torch.load(dino_weights, weights_only=True)
    torch.save(state, path := tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    pixels = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    features = [Pretrained(find_weights(DINO, file)).read(pixels)[0] for file in (dino_weights, path)]
    assert torch.equal(*features)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(GanError, match=r"legacy\.pth \(\S"):
        Pretrained(find_weights(DINO, path))


def test_one_folder_serves_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANLIMIT_EXTRACTOR_WEIGHTS", str(tmp_path))
    for kind, name in ((DINO, "dinov2_vits14_pretrain.pth"), ("dinov2-vit-b-14", "dinov2_vitb14_pretrain.pth")):
        with pytest.raises(GanError, match=rf"{name} \(no file\)"):
            find_weights(kind)
        (tmp_path / name).write_bytes(b"weights")
        assert find_weights(kind).path == find_weights(kind, tmp_path).path == tmp_path / name


class Explosive:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return open, ("exploded",)


def file_of(content: str, folder: Path) -> Path:
    path = folder / "weights.pt"
    if content == "code":
        path.write_bytes(pickle.dumps(Explosive()))
    elif content == "a torch file with code":
        torch.save({"norm.weight": Explosive()}, path)
    elif content == "other tensors":
        torch.save({"norm.weight": torch.zeros(3)}, path)
    elif content == "another network's archive":
        torch.jit.script(Archived({"visual.proj": torch.zeros(3)})).save(path)
    elif content == "another CLIP":
        torch.jit.script(Archived(random_state(clip_shapes(64, 1, patch=32, features=16)))).save(path)
    return path


@pytest.mark.parametrize("kind", [DINO, CLIP, "vgg16"])
@pytest.mark.parametrize(
    "content", ["code", "a torch file with code", "other tensors", "another network's archive", "another CLIP"]
)
def test_a_file_of_something_else_is_refused_and_runs_nothing(
    kind: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = file_of(content, tmp_path)
    with pytest.raises(GanError, match=rf"tensors of torch-fidelity's {kind}, got .*weights\.pt \("):
        Pretrained(find_weights(kind, path))
    assert not (tmp_path / "exploded").exists()

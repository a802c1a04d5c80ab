"""A network of the user's own as extractor: what it is given, what it must be, and how it is kept."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan import (
    ArtifactError,
    GanError,
    OwnExtractorConfig,
    import_extractor,
    load_extractor,
    load_own_extractor,
    save_own_extractor,
)

SIZE, FEATURES = 8, 6


class Net(nn.Module):
    """Maps an image to means of its quarters in each channel, of which the first two are the logits too."""

    def __init__(self, *, logits: bool = False, noise: float = 0.0, dead: bool = False) -> None:
        super().__init__()
        self.logits, self.noise, self.scale = logits, noise, 0.0 if dead else 1.0
        self.dropout = nn.Dropout(0.5)
        self.weight = nn.Parameter(torch.eye(12)[:, :FEATURES] * 1.0)

    def forward(self, images: Tensor) -> Any:
        features = nn.functional.adaptive_avg_pool2d(images, 2).flatten(1) @ self.weight * self.scale
        if self.noise:
            features = features + self.noise * torch.rand_like(features)
        return (features, features[:, :2]) if self.logits else features


class Told(Net):
    """Has as many classes as it is told, each with the logit that it is told."""

    def __init__(self, classes: int, logit: float) -> None:
        super().__init__()
        self.classes, self.logit = classes, logit

    def forward(self, images: Tensor) -> Any:
        features = super().forward(images)
        return features, 0 * features[:, : self.classes] + self.logit


class Batched(Net):
    """Forgets which image is whose."""

    def forward(self, images: Tensor) -> Any:
        return super().forward(images) - super().forward(images).mean(0)


@pytest.fixture
def config(tmp_path: Path) -> OwnExtractorConfig:
    return own(tmp_path, Net())


def own(folder: Path, network: nn.Module, *, exported: bool = False, **changes: Any) -> OwnExtractorConfig:
    images = torch.rand(4, 3, SIZE, SIZE)
    path = folder / ("net.pt2" if exported else "net.pt")
    if exported:
        batch = torch.export.Dim("batch", min=1)
        torch.export.save(torch.export.export(network.eval(), (images,), dynamic_shapes=({0: batch},)), path)
    else:
        torch.jit.save(torch.jit.trace(network.eval(), images, check_trace=False), path)
    stated = {"file": str(path), "image_size": SIZE, "image_channels": 3, "range": (0.0, 1.0), "features": FEATURES}
    return OwnExtractorConfig.model_validate(stated | changes)


def images_of(colour: tuple[int, int, int], size: int = SIZE) -> Tensor:
    return torch.tensor(colour, dtype=torch.uint8)[None, :, None, None].repeat(2, 1, size, size)


@pytest.mark.parametrize("exported", [False, True])
def test_images_get_to_it_in_the_range_and_normalisation_that_are_declared(exported: bool, tmp_path: Path) -> None:
    config = own(tmp_path, Net(), exported=exported, range=(-1.0, 1.0), mean=(0.5, 0.0, 0.0), std=(2.0, 1.0, 1.0))
    features, logits = import_extractor(config).read(images_of((255, 0, 51)))
    assert logits is None
    # Four quarters of the red channel, then two of the green.
    expected = torch.tensor([(1 - 0.5) / 2] * 4 + [-1.0] * 2).expand(2, -1)
    torch.testing.assert_close(features, expected)


def test_logits_are_told_from_features(tmp_path: Path) -> None:
    features, logits = import_extractor(own(tmp_path, Net(logits=True))).read(images_of((255, 0, 0)))
    assert logits is not None
    assert torch.equal(logits, features[:, :2])


def test_images_of_another_size_are_resized_and_grey_ones_are_three_equal_channels(config: OwnExtractorConfig) -> None:
    extractor = import_extractor(config)
    halves = torch.zeros(1, 1, 4 * SIZE, 4 * SIZE, dtype=torch.uint8)
    halves[:, :, :, 2 * SIZE :] = 255
    features, _ = extractor.read(halves)
    torch.testing.assert_close(features, torch.tensor([[0.0, 1, 0, 1, 0, 1]]), atol=0.05, rtol=0)
    assert torch.equal(features, extractor.read(halves.repeat(1, 3, 1, 1))[0])


def test_features_do_not_depend_on_the_batch(config: OwnExtractorConfig) -> None:
    images = torch.randint(0, 256, (70, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    extractor = import_extractor(config)
    torch.testing.assert_close(extractor.read(images)[0][65:], extractor.read(images[65:])[0])


@pytest.mark.parametrize(
    ("network", "changes", "rule"),
    [
        (Net(), {"features": 5}, r"features BF with F = 5, got .*net\.pt: \(8, 6\)"),
        (Net(), {"image_channels": 1}, r"maps images BCHW of \(1, 8, 8\) to features BF.*dynamic batch"),
        (Net(noise=0.1), {}, r"one row of features of one image, in any batch.*eval mode"),
        (Batched(), {}, r"one row of features of one image, in any batch"),
        (Net(dead=True), {}, r"tells images apart, got .*equal features"),
        (Told(1, 0.0), {}, r"logits are BK, with K of 2 or more, got .*\(8, 1\)"),
        (Told(2, float("nan")), {}, r"makes finite logits, got .*NaN or infinity"),
        (nn.Identity(), {}, r"features BF with F = 6, got .*\(8, 3, 8, 8\)"),
    ],
)
def test_a_network_that_is_not_what_is_declared_is_refused(
    network: nn.Module, changes: dict[str, Any], rule: str, tmp_path: Path
) -> None:
    with pytest.raises(GanError, match=rule):
        import_extractor(own(tmp_path, network, **changes))


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_a_file_that_is_no_network_is_refused(content: bytes, tmp_path: Path, config: OwnExtractorConfig) -> None:
    Path(config.file).write_bytes(content)
    with pytest.raises(GanError, match=r"An own extractor is a readable TorchScript or torch\.export file, got .*net"):
        import_extractor(config)


def test_it_is_kept_as_it_was_and_damage_is_found(tmp_path: Path, config: OwnExtractorConfig) -> None:
    card = save_own_extractor(tmp_path / "kept", config)
    Path(config.file).unlink()
    network, found = load_own_extractor(tmp_path / "kept")
    assert found == card
    loaded = load_extractor("own", tmp_path / "kept")
    assert (loaded.digest, loaded.network.num_features) == (card.digest, FEATURES)
    assert torch.equal(loaded.network.read(images_of((9, 8, 7)))[0], network.read(images_of((9, 8, 7)))[0])
    path = tmp_path / "kept" / card.config.file
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ArtifactError, match="has the SHA-256 digest"):
        load_own_extractor(tmp_path / "kept")


@pytest.mark.parametrize("change", [{"range": (0.0, 2.0)}, {"mean": (0.5, 0.5, 0.5)}, {"resize": "bicubic"}])
def test_how_images_get_to_it_is_part_of_its_identity(
    change: dict[str, Any], tmp_path: Path, config: OwnExtractorConfig
) -> None:
    before = save_own_extractor(tmp_path / "before", config)
    after = save_own_extractor(tmp_path / "after", config.model_copy(update=change))
    assert before.weights_digest == after.weights_digest
    assert before.digest != after.digest
    moved = config.model_copy(update={"file": str(tmp_path / "before" / before.config.file)})
    assert save_own_extractor(tmp_path / "moved", moved).digest == before.digest

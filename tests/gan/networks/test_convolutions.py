from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gan.networks.convolutions import ImageToMap, LatentToMap, MapToImage, MapToScore, image_to_map


@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (LatentToMap(12, 6, side=4), nn.ConvTranspose2d(12, 6, 4, 1, 0, bias=False), (5, 12, 1, 1)),
        (LatentToMap(12, 6, side=7), nn.ConvTranspose2d(12, 6, 7, 1, 0, bias=False), (5, 12, 1, 1)),
        (MapToImage(6, 3), nn.ConvTranspose2d(6, 3, 4, 2, 1, bias=False), (5, 6, 8, 8)),
        (ImageToMap(3, 6), nn.Conv2d(3, 6, 4, 2, 1), (5, 3, 16, 16)),
        (MapToScore(6, side=4), nn.Conv2d(6, 1, 4), (5, 6, 4, 4)),
        (MapToScore(6, side=5), nn.Conv2d(6, 1, 5), (5, 6, 5, 5)),
    ],
    ids=["latent", "latent to 7x7", "to image", "from image", "to score", "to score from 5x5"],
)
def test_the_sums_are_those_of_torch_and_so_are_the_gradients(
    ours: nn.Module, theirs: nn.Module, shape: tuple[int, ...]
) -> None:
    one, other = ours.double(), theirs.double()
    other.load_state_dict(one.state_dict())
    inputs = [torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) for _ in range(2)]
    outputs = [layer(x.requires_grad_()) for layer, x in zip((one, other), inputs, strict=True)]
    assert outputs[0].shape == outputs[1].shape
    torch.testing.assert_close(*outputs)
    for output in outputs:
        output.square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("layer", [MapToImage(3, 2), ImageToMap(2, 3)], ids=["to image", "from image"])
def test_gradients_have_gradients_for_a_gradient_penalty(layer: nn.Module) -> None:
    size, channels = (4, 3) if isinstance(layer, MapToImage) else (8, 2)
    double = layer.double()
    inputs = torch.randn(2, channels, size, size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(double, inputs)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_gradient_penalty_trains_the_weights_as_with_torchs_own_convolution(groups: int) -> None:
    random = torch.Generator().manual_seed(0)
    images = torch.randn(3, 4, 8, 8, dtype=torch.float64, generator=random, requires_grad=True)
    weight = torch.randn(6, 4 // groups, 4, 4, dtype=torch.float64, generator=random, requires_grad=True)

    def penalty(convolve: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, ...]:
        (slope,) = torch.autograd.grad(convolve().pow(3).sum(), images, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), [weight, images])

    ours = penalty(lambda: image_to_map(images, weight, bias=None, groups=groups))
    theirs = penalty(lambda: F.conv2d(images, weight, None, 2, 1, groups=groups))
    torch.testing.assert_close(ours, theirs)

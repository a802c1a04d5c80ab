"""Files of pretrained networks' true shapes with random weights, whose images still differ at the far end."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch_fidelity import feature_extractor_clip as clip
from torch_fidelity import feature_extractor_inceptionv3 as reference

from gan.extractors.dinov2 import VisionTransformer


def random_state(shapes: dict[str, Tensor]) -> dict[str, Tensor]:
    """So large that images still differ at the far end."""
    random = torch.Generator().manual_seed(0)
    state = {}
    for name, given in sorted(shapes.items()):
        scale = 0.5 / given[0].numel() ** 0.5 if given.ndim > 1 else 1.0
        shift = 1.0 if given.ndim == 1 and name.endswith("weight") else 0.0
        state[name] = torch.randn(given.shape, generator=random) * scale + shift
    return state


class Archived(nn.Module):
    """A module with a state of any names, to be stored as a TorchScript archive."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in state.items():
            *parents, last = name.split(".")
            place: nn.Module = self
            for parent in parents:
                if not hasattr(place, parent):
                    place.add_module(parent, nn.Module())
                place = getattr(place, parent)
            place.register_buffer(last, tensor)

    def forward(self) -> int:
        return 0


def clip_shapes(width: int, layers: int, *, patch: int, features: int) -> dict[str, Tensor]:
    visual = clip.CLIPVisual(features, 224, layers, width, patch)
    return {**visual.state_dict(), "text_projection": torch.empty(8, features)}


def dino_shapes(features: int, layers: int, *, heads: int, gated: bool = False) -> dict[str, Tensor]:
    return VisionTransformer(features, layers, heads=heads, gated=gated).state_dict()


def write_inception(path: Path) -> Path:
    """Write Inception's state, as torch-fidelity reads it. Returns the path."""

    class Fresh(reference.FeatureExtractorInceptionV3):
        """Keeps the weights it was born with."""

        def load_state_dict(self, state: dict[str, Tensor]) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        patch.setattr(reference, "load_state_dict_from_url", lambda *given, **named: {})
        network = Fresh("random", ["2048"])
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)  # so that images still differ at the far end
        network.fc.weight.mul_(100)
        torch.save(network.state_dict(), path)
    return path

"""This module builds DINOv2's vision transformer (Oquab et al., 2023) for the weights as they are published.

torch-fidelity fetches the network's code from a network with its weights, so that it cannot be had where there is none
and changes with its repository. Here is the network alone; how images get to it is torch-fidelity's.

Shapes: B batch, N tokens, F features, H attention heads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2

_PATCH, _LEARNT = 14, 37  # pixels of a patch, and patches on a side of the images that it learnt from (518x518)
_DEPTHS_HEADS = {
    "dinov2-vit-s-14": (12, 6),
    "dinov2-vit-b-14": (12, 12),
    "dinov2-vit-l-14": (24, 16),
    "dinov2-vit-g-14": (40, 24),
}


class DinoV2(FeatureExtractorDinoV2):  # type: ignore[misc]  # torch-fidelity has no types
    """torch-fidelity's DINOv2 with the weights `state`. Raises RuntimeError where they do not fit."""

    def __init__(self, kind: str, state: dict[str, Tensor]) -> None:
        FeatureExtractorBase.__init__(self, kind, ["dinov2"])  # its own fetches code
        self.feature_extractor_internal_dtype = torch.float32
        depth, heads = _DEPTHS_HEADS[kind]
        with torch.device("meta"):  # a billion weights take a minute to draw
            gated = "blocks.0.mlp.w12.weight" in state
            self.model = VisionTransformer(state["norm.weight"].shape[0], depth, heads=heads, gated=gated)
        copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in state.items()}
        self.model.load_state_dict(copies, assign=True)
        self.requires_grad_(requires_grad=False)
        self.eval()


class VisionTransformer(nn.Module):
    """A vision transformer maps normalised images to the features BF of its class token."""

    def __init__(self, features: int, depth: int, *, heads: int, gated: bool) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, features))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + _LEARNT**2, features))
        self.mask_token = nn.Parameter(torch.empty(1, features))  # of its training
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, features, _PATCH, stride=_PATCH)})
        self.blocks = nn.Sequential(*[_Block(features, heads, gated=gated) for _ in range(depth)])
        self.norm = nn.LayerNorm(features, eps=1e-6)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        patches_BFHW: Tensor = self.patch_embed["proj"](images_BCHW)
        patches_BNF = patches_BFHW.flatten(2).transpose(1, 2) + self._positions(patches_BFHW.shape[-1])
        first_B1F = (self.cls_token + self.pos_embed[:, :1]).expand(len(images_BCHW), -1, -1)
        tokens_BNF = self.blocks(torch.cat([first_B1F, patches_BNF], dim=1))
        features_BF: Tensor = self.norm(tokens_BNF)[:, 0]
        return features_BF

    def _positions(self, side: int) -> Tensor:
        """Returns the places' embeddings 1NF of `side` patches on a side, interpolated from those that were learnt."""
        places_1FHW = self.pos_embed[:, 1:].unflatten(1, (_LEARNT, _LEARNT)).permute(0, 3, 1, 2)
        if side != _LEARNT:
            # The published numbers are of this scale, a tenth of a patch more than the size says.
            scale = (side + 0.1) / _LEARNT
            places_1FHW = F.interpolate(places_1FHW, scale_factor=(scale, scale), mode="bicubic")
        places_1NF: Tensor = places_1FHW.flatten(2).transpose(1, 2)
        return places_1NF


class _Block(nn.Module):
    """This is attention and then two layers a token, each scaled by feature and added to what came in."""

    def __init__(self, features: int, heads: int, *, gated: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(features, eps=1e-6)
        self.attn = _Attention(features, heads)
        self.ls1 = _Scale(features)
        self.norm2 = nn.LayerNorm(features, eps=1e-6)
        self.mlp = _Gated(features) if gated else _Layers(features)
        self.ls2 = _Scale(features)

    def forward(self, tokens_BNF: Tensor) -> Tensor:
        tokens_BNF = tokens_BNF + self.ls1(self.attn(self.norm1(tokens_BNF)))
        moved_BNF: Tensor = tokens_BNF + self.ls2(self.mlp(self.norm2(tokens_BNF)))
        return moved_BNF


class _Attention(nn.Module):
    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(features, 3 * features)
        self.proj = nn.Linear(features, features)

    def forward(self, tokens_BNF: Tensor) -> Tensor:
        three_BN3HF = self.qkv(tokens_BNF).unflatten(2, (3, self.heads, -1))
        query_BHNF, key_BHNF, value_BHNF = three_BN3HF.permute(2, 0, 3, 1, 4)
        mixed_BHNF = F.scaled_dot_product_attention(query_BHNF, key_BHNF, value_BHNF)
        moved_BNF: Tensor = self.proj(mixed_BHNF.transpose(1, 2).flatten(2))
        return moved_BNF


class _Scale(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(features))

    def forward(self, tokens_BNF: Tensor) -> Tensor:
        return tokens_BNF * self.gamma


class _Layers(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)

    def forward(self, tokens_BNF: Tensor) -> Tensor:
        moved_BNF: Tensor = self.fc2(F.gelu(self.fc1(tokens_BNF)))
        return moved_BNF


class _Gated(nn.Module):
    """This is SwiGLU (Shazeer, 2020), with two thirds of the hidden features, a multiple of 8."""

    def __init__(self, features: int) -> None:
        super().__init__()
        hidden = (int(4 * features * 2 / 3) + 7) // 8 * 8
        self.w12 = nn.Linear(features, 2 * hidden)
        self.w3 = nn.Linear(hidden, features)

    def forward(self, tokens_BNF: Tensor) -> Tensor:
        gate_BNF, value_BNF = self.w12(tokens_BNF).chunk(2, dim=-1)
        moved_BNF: Tensor = self.w3(F.silu(gate_BNF) * value_BNF)
        return moved_BNF

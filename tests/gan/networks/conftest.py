"""A module of generators on the path, as people have their own."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.gan.networks.own_generators import FACTORY


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module theirs_gan on the path, and a file of weights for its `build`."""
    (tmp_path / "theirs_gan.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "theirs_gan", raising=False)
    import theirs_gan  # type: ignore[import-not-found]

    weights = {name: torch.randn_like(tensor) for name, tensor in theirs_gan.build().state_dict().items()}
    save_file(weights, tmp_path / "theirs.safetensors")
    return tmp_path / "theirs.safetensors"

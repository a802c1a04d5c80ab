"""This module loads networks of the user's own that hold their code with their weights: TorchScript, torch.export."""

import zipfile
from pathlib import Path

import torch
from torch import nn

from gan.errors import GanError


def load_program(path: Path, *, what: str) -> nn.Module:
    """Returns the network in `path`, on the CPU, in eval mode. Its file is code: load only one that you trust.

    Raises GanError, whose rule begins with `what`, for a file that is neither TorchScript nor of torch.export.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            scripted = any("/code/" in name or name.endswith("/constants.pkl") for name in archive.namelist())
        if scripted:
            network: nn.Module = torch.jit.load(str(path), map_location="cpu")
            return network.eval()
        return torch.export.load(str(path)).module()
    except (OSError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GanError(
            f"{what} is a readable TorchScript or torch.export file",
            f"{path} ({reason})",
            "Write it with torch.jit.save or torch.export.save.",
        ) from error

"""This module states what making a model takes beside its specification."""

from dataclasses import dataclass, field

from gan import DataRoot
from sweeps.display import Display, QuietDisplay
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """A Workshop is where models are found or made: data in, files and registered versions out, progress shown."""

    workspace: Workspace
    tracking: Tracking
    data_root: DataRoot
    display: Display = field(default_factory=QuietDisplay)

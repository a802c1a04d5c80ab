"""This module examines a spec's extractor without a sweep."""

from pathlib import Path

from gan import DataRoot, default_data_root, load_dataset
from sweeps.display import Display, QuietDisplay
from sweeps.ledger.data_dir import default_data_dir
from sweeps.ledger.lock import at_work
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.extractors import Extractor, find_or_make_extractor
from sweeps.models.workshop import Workshop
from sweeps.spec.sweep import SweepSpec


def check_extractor(
    spec: SweepSpec,
    data_dir: Path | None = None,
    *,
    tracking_uri: str | None = None,
    display: Display | None = None,
    data_root: DataRoot | None = None,
) -> Extractor:
    """Returns the spec's extractor with its examination: both found where they are, and else made.

    Raises SweepError where it failed and the spec does not go on with a mark.
    """
    workspace = Workspace.open(data_dir or default_data_dir(), tracking_uri)
    workshop = Workshop(
        workspace=workspace,
        tracking=Tracking(workspace.store),
        data_root=data_root or default_data_root(),
        display=display or QuietDisplay(),
    )
    with at_work(workspace.root):
        return find_or_make_extractor(spec, load_dataset(spec.dataset, workshop.data_root), workshop=workshop)

"""This module keeps what a student makes while it learns, as images that MLflow's page shows over steps."""

from contextlib import suppress
from pathlib import Path

from torch import Tensor

from gan import GanError
from gan.images import save_grid
from sweeps.ledger.store import TrackingStore
from sweeps.spec.browsing import MlflowSpec

COLUMNS = 4
SIDE = 256  # pixels across, at least
_STEP = "samples+step+{step}+timestamp+{step}+{step}"  # MLflow 3.17 finds key, step and time between the signs


def save_step(images_NCHW: Tensor, folder: Path, *, kimg: float) -> None:
    """Write uint8 images, made at `kimg`, to `folder`: once as they are and once as the small image that is shown.

    The names are the same whenever a rung is done again. No trial ends for want of them: where they cannot be written,
    there are none.
    """
    enlarge = max(1, -(-SIDE // (COLUMNS * images_NCHW.shape[-1])))
    name = _STEP.format(step=round(kimg))
    with suppress(GanError, OSError):
        folder.mkdir(parents=True, exist_ok=True)
        for ending in (".png", "+compressed.webp"):
            save_grid(images_NCHW, folder / (name + ending), columns=COLUMNS, enlarge=enlarge)


def samples_at(spec: MlflowSpec, store: TrackingStore) -> str:
    """Returns at which budgets images are kept: at all `rungs`, at the `end`, or at `none`."""
    return spec.samples or ("rungs" if store.takes_files_freely else "end")

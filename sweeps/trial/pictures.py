"""This module keeps what a student makes while it learns, as images that MLflow's page shows over steps."""

import itertools
from contextlib import suppress
from pathlib import Path

from torch import Tensor

from gan import GanError
from gan.images import save_grid
from sweeps.spec.browsing import LAST_IMAGES, LAST_STEP, RUNG_IMAGES

COLUMNS = 4
SIDE = 256  # pixels across, at least
_NAME = "{key}+step+{step}+timestamp+{step}+{step}"  # MLflow 3.17 finds key, step and time between the signs


def save_step(images_NCHW: Tensor, folder: Path, *, kimg: float | None = None) -> None:
    """Write uint8 images to `folder` as a student's last ones; and as those made at `kimg`, where that is given.

    Each is written once as it is and once as the small image that is shown. The names are the same whenever a rung is
    done again. No trial ends for want of them: where they cannot be written, there are none.
    """
    enlarge = max(1, -(-SIDE // (COLUMNS * images_NCHW.shape[-1])))
    names = [_NAME.format(key=LAST_IMAGES, step=LAST_STEP)]
    names += [] if kimg is None else [_NAME.format(key=RUNG_IMAGES, step=round(kimg))]
    with suppress(GanError, OSError):
        folder.mkdir(parents=True, exist_ok=True)
        for name, ending in itertools.product(names, (".png", "+compressed.webp")):
            save_grid(images_NCHW, folder / (name + ending), columns=COLUMNS, enlarge=enlarge)

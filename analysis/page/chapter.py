"""This module holds what the page shows of a sweep beyond its table: images, importances, and how it was made."""

import base64
import io
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image

from analysis.device import DeviceFindings
from analysis.errors import AnalysisError
from analysis.findings import Findings
from analysis.ruler import RulerCurve
from analysis.seeking.limit_search import SpaceLimit


@dataclass(frozen=True)
class Strip:
    """A Strip has images of one generator side by side, uint8 NCHW with 1 or 3 channels.

    `trial` is that of a student, None for the teacher.

    >>> from analysis import Strip
    >>> images_NCHW = np.zeros((4, 1, 8, 8), dtype=np.uint8)
    >>> strip = Strip("teacher", "FID 5.0", images_NCHW=images_NCHW, parameters=100_000)
    >>> strip.columns, strip.data_uri()[:22]
    (4, 'data:image/png;base64,')
    """

    label: str  # such as `1/27.6`
    about: str  # such as `trial 14, FID 9.5`
    _: KW_ONLY
    images_NCHW: npt.NDArray[np.uint8]
    parameters: int
    trial: int | None = None

    @property
    def columns(self) -> int:
        return len(self.images_NCHW)

    def data_uri(self) -> str:
        """Returns the images in a row, as a PNG inside an address."""
        row_HWC = np.concatenate(list(self.images_NCHW.transpose(0, 2, 3, 1)), axis=1)
        picture = Image.fromarray(row_HWC[..., 0] if row_HWC.shape[2] == 1 else row_HWC)
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


@dataclass(frozen=True)
class Chapter:
    """A Chapter is one sweep on the page.

    `samples` are the teacher and ever smaller students at the same latents, `interpolations` the same along lines
    between latents. `space` is where the limit of the whole searched space lies, `course` where it lay after so many
    kimg of a search that sought it. `device` is what its students cost where they were measured. `importances` says how
    much of the metric's variation each searched parameter explains, `ruler` what the extractor made of spoilt real
    images. `run_url` is the address of a trial's run with `{run_id}` in it. Raises AnalysisError where that is no
    address.

    >>> from analysis import Chapter, LimitRule, example_trials, findings_of
    >>> findings = findings_of(example_trials({}), LimitRule(metric="fid", tolerance=1.0))
    >>> Chapter(findings, "digits", importances={"width": 0.9, "depth": 0.1}).name
    'digits'
    """

    findings: Findings
    name: str
    _: KW_ONLY
    samples: tuple[Strip, ...] = ()
    interpolations: tuple[Strip, ...] = ()
    importances: Mapping[str, float] = field(default_factory=dict)
    ruler: tuple[RulerCurve, ...] = ()
    space: SpaceLimit | None = None
    course: tuple[tuple[float, SpaceLimit], ...] = ()
    device: DeviceFindings | None = None
    specification: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    run_url: str | None = None

    def __post_init__(self) -> None:
        if self.run_url is not None and not self.run_url.startswith(("http://", "https://")):
            raise AnalysisError("A run's address begins with http:// or https://", self.run_url, "Give another.")

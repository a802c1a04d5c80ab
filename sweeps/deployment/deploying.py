"""This module is one deployment, from what a person names to what was written, and shows that."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gan import DataRoot, DeploymentCard, default_data_root
from gan.deployment.card import Format
from gan.deployment.formats import FORMS, require_packages
from gan.networks.artifacts import CARD_FILE
from sweeps.deployment.choosing import Chosen, chosen_artifact, chosen_folder, chosen_of_sweep
from sweeps.deployment.exports import DeployedExport, log_costs, measure_exports, write_exports
from sweeps.deployment.measuring import JSON, TABLE, Measurements, Timing
from sweeps.deployment.pages import WEB, DeployedPage, Web, page_runtime, write_pages
from sweeps.display import Display, QuietDisplay
from sweeps.errors import SweepError
from sweeps.ledger.data_dir import default_data_dir
from sweeps.ledger.lock import at_work
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.workshop import Workshop

DEFAULT_OUT = Path("deployed")
ROUNDED = [name for name, form in FORMS.items() if form.rounds]  # judged by the root mean square above all


@dataclass(frozen=True)
class Deployment:
    """A Deployment is what one command has exported, and what that costs here, where it was measured."""

    exports: tuple[DeployedExport, ...]
    _: KW_ONLY
    measurements: Measurements | None = None
    pages: tuple[DeployedPage, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        measured = {"measurements": self.measurements.as_dict()} if self.measurements else {}
        pages = {"pages": [page.as_dict() for page in self.pages]} if self.pages else {}
        return {"exports": [export.as_dict() for export in self.exports], **pages, **measured}

    def print_to(self, console: Console) -> None:
        """Print a line for each export, and where it is."""
        table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
        for heading in ("", "format"):
            table.add_column(heading, no_wrap=True)
        for heading in ("params", "bytes", "zipped", "differs", "FID\nbefore", "FID"):
            table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
        for export in self.exports:
            table.add_row(*_cells(export.card, export.card.format))
        for page in self.pages:
            table.add_row(*_cells(page.card, WEB))
        console.print(table)
        for path in (*(export.folder for export in self.exports), *(page.path for page in self.pages)):
            console.print(f"  {path}", highlight=False, markup=False, soft_wrap=True)
        if self.measurements:
            console.print()
            self.measurements.print_to(console)


def deploy(
    what: str,
    *,
    out: Path | None = None,
    formats: Sequence[Format | Web] = ("onnx",),
    whole: bool = False,
    teacher: bool = False,
    timing: Timing | None = None,
    runtime: Path | None = None,
    data_dir: Path | None = None,
    tracking_uri: str | None = None,
    data_root: DataRoot | None = None,
    display: Display | None = None,
) -> Deployment:
    """Exports a sweep's student at the limit, or a stored generator, and returns what was written.

    `what` is a sweep, or an artifact as for `sample_to_file`. Of a sweep, `whole` exports all of the frontier, and
    `teacher` its teacher as well; each is logged to MLflow, and where a format rounds weights its scores are measured
    under the sweep's protocol. A folder of `out`, by default deployed/WHAT, is written for each generator and format;
    `web` is a page for each student, with the teacher on it, that runs on onnxruntime-web: of `runtime`, or from npm.
    With `timing` all of them are measured on this machine, beside PyTorch, and a table is written there too.
    Raises SweepError where there is nothing of that name, and GanError where one cannot be exported.
    """
    display = display or QuietDisplay()
    forms = _possible(formats, timing)
    with _workshop(what, data_dir, tracking_uri=tracking_uri, data_root=data_root, display=display) as workshop:
        chosen = _chosen(what, workshop, whole=whole, teacher=teacher)
        folder = out or DEFAULT_OUT / chosen.name
        engine = page_runtime(given=runtime, asked=WEB in formats, data_dir=data_dir, data_root=data_root)
        exports = write_exports(chosen, folder, formats=forms, display=display, workshop=workshop) if forms else []
        logged_to = workshop.tracking if workshop else None
        pages = write_pages(chosen, folder, runtime=engine, display=display, tracking=logged_to) if engine else []
        measurements = None
        if timing:
            exports, measurements = measure_exports(exports, folder, formats=forms, timing=timing, display=display)
            if logged_to:
                log_costs(chosen, exports, tables=(folder / TABLE, folder / JSON), tracking=logged_to)
    return Deployment(tuple(exports), measurements=measurements, pages=tuple(pages))


def _possible(formats: Sequence[Format | Web], timing: Timing | None) -> list[Format]:
    """Returns the formats of a file, each once. Raises GanError or SweepError where one cannot be had or timed here."""
    if timing:
        timing.require_possible(formats)
    forms = [form for form in dict.fromkeys(formats) if form != WEB]
    require_packages(forms)
    return forms


@contextmanager
def _workshop(
    what: str, data_dir: Path | None, *, tracking_uri: str | None, data_root: DataRoot | None, display: Display
) -> Iterator[Workshop | None]:
    """Gives what exports of a sweep or a stored model are made with, and logged to; None for a folder."""
    if _is_folder(what):
        yield None
        return
    workspace = Workspace.existing(data_dir or default_data_dir(), tracking_uri)
    root, tracking = data_root or default_data_root(), Tracking(workspace.store)
    with at_work(workspace.root):  # their runs' artifacts stay where they are until all is logged
        yield Workshop(workspace=workspace, tracking=tracking, data_root=root, display=display)


def _is_folder(what: str) -> bool:
    """Returns whether a folder is meant: a path, or the name of a folder that has a card. A sweep's name is neither."""
    return Path(what).is_dir() and (os.sep in what or (Path(what) / CARD_FILE).is_file())


def _chosen(what: str, workshop: Workshop | None, *, whole: bool, teacher: bool) -> Chosen:
    if workshop and workshop.tracking.find_sweep(what):
        tracking = workshop.tracking
        return chosen_of_sweep(what, workshop.workspace, tracking=tracking, whole=whole, teacher=teacher)
    if whole or teacher:
        raise SweepError("--all and --teacher are of a sweep", f"{what}, which is none", "Leave them out.")
    return chosen_artifact(what, workshop.tracking) if workshop else chosen_folder(Path(what))


def _cells(card: DeploymentCard, form: str) -> list[str]:
    before, after = card.origin.metrics.get("fid"), card.metrics.get("fid")
    return [
        f"trial {card.origin.trial}" if card.origin.trial else card.origin.model or "",
        form,
        *(f"{number:,}" for number in (card.parameters, card.file_bytes, card.compressed_bytes)),
        f"{card.rms_difference:.1g} RMS" if card.format in ROUNDED else f"{card.largest_difference:.2g}",
        *("" if fid is None else f"{fid:.2f}" for fid in (before, after)),
    ]

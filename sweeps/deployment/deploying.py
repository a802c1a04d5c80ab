"""This module exports what was chosen, logs it to MLflow, and shows what was written."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gan import DataRoot, DeploymentCard, Evaluator, default_data_root, deploy_generator, load_dataset
from gan.deployment.card import Format
from gan.deployment.formats import FORMS
from gan.networks.artifacts import CARD_FILE
from sweeps.deployment.choosing import LOGGED_IN, Candidate, Chosen, chosen_artifact, chosen_folder, chosen_of_sweep
from sweeps.deployment.measuring import JSON, TABLE, Measured, Measurements, measure, require_compiler
from sweeps.deployment.pages import WEB, DeployedPage, Web, page_runtime, write_pages
from sweeps.display import Display, QuietDisplay
from sweeps.errors import SweepError
from sweeps.ledger.data_dir import default_data_dir
from sweeps.ledger.lock import at_work
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.extractors import find_or_make_extractor
from sweeps.models.mlflow_models import save_mlflow_onnx
from sweeps.models.workshop import Workshop


@dataclass(frozen=True, kw_only=True)
class Timing:
    """A Timing says how a deployment is measured: with how many threads, and whether torch.compile has a turn too."""

    threads: int = 1
    compile_too: bool = False

    def require_possible(self, formats: Sequence[Format | Web]) -> None:
        """Raises SweepError where this machine cannot measure so, or there is nothing to measure."""
        if set(formats) == {WEB}:
            rule = "What is measured is of another format than web, whose page measures itself"
            raise SweepError(rule, "web alone", "Give --format onnx too, or leave --measure out.")
        if self.compile_too:
            require_compiler()


DEFAULT_OUT = Path("deployed")
SERVED = "mlflow"  # the folder, beside an export in its run, of a model that MLflow serves


@dataclass(frozen=True)
class DeployedExport:
    """A DeployedExport is a folder that was written, and its card."""

    folder: Path
    card: DeploymentCard

    def as_dict(self) -> dict[str, Any]:
        return {"folder": str(self.folder), **self.card.model_dump(mode="json")}


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
    if timing:
        timing.require_possible(formats)
    with _workshop(what, data_dir, tracking_uri=tracking_uri, data_root=data_root, display=display) as workshop:
        chosen = _chosen(what, workshop, whole=whole, teacher=teacher)
        folder, forms = out or DEFAULT_OUT / chosen.name, [form for form in dict.fromkeys(formats) if form != WEB]
        engine = page_runtime(given=runtime, asked=WEB in formats, data_dir=data_dir, data_root=data_root)
        exports = _exported(chosen, folder, formats=forms, display=display, workshop=workshop) if forms else []
        logged_to = workshop.tracking if workshop else None
        pages = write_pages(chosen, folder, runtime=engine, display=display, tracking=logged_to) if engine else []
        measurements = _measured(chosen, exports, folder=folder, timing=timing, display=display) if timing else None
        if measurements and workshop and chosen.run_id:
            for path in (folder / TABLE, folder / JSON):
                workshop.tracking.client.log_artifact(chosen.run_id, str(path), LOGGED_IN)
    return Deployment(tuple(exports), measurements=measurements, pages=tuple(pages))


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


def _exported(
    chosen: Chosen, root: Path, *, formats: Sequence[Format], display: Display, workshop: Workshop | None
) -> list[DeployedExport]:
    evaluator = _evaluator(chosen, formats, workshop=workshop)
    exports: list[DeployedExport] = []
    with display.step("exports", len(chosen.candidates) * len(formats)) as update:
        for candidate, form in product(chosen.candidates, formats):
            exports.append(_export(candidate, root, form=form, evaluator=evaluator))
            if workshop and candidate.run_id:
                _log(exports[-1], candidate.run_id, place=f"{candidate.place}/{form}", tracking=workshop.tracking)
            update(len(exports), f"{candidate.folder} {form}")
    return exports


def _log(export: DeployedExport, run_id: str, *, place: str, tracking: Tracking) -> None:
    """Logs an export to a run, and beside it, where it is ONNX, a model that MLflow serves."""
    tracking.client.log_artifacts(run_id, str(export.folder), place)
    if not export.card.opset:
        return
    with tempfile.TemporaryDirectory() as name:
        save_mlflow_onnx(export.folder, Path(name) / SERVED, card=export.card)
        tracking.client.log_artifacts(run_id, name, place)


def _measured(
    chosen: Chosen, exports: Sequence[DeployedExport], *, folder: Path, timing: Timing, display: Display
) -> Measurements:
    contenders: list[Measured] = []
    each = len(exports) // len(chosen.candidates)
    for place, candidate in enumerate(chosen.candidates):
        own = exports[place * each : (place + 1) * each]
        contenders += Measured.in_pytorch(candidate.generator, own[0].card, compile_too=timing.compile_too)
        contenders += [Measured.of_export(export.folder, timing.threads) for export in own]
    with display.step("measurement", 1) as update:
        measurements = measure(contenders, timing.threads)
        measurements.write(folder)
        update(1, "")
    return measurements


def _export(candidate: Candidate, root: Path, *, form: Format, evaluator: Evaluator | None) -> DeployedExport:
    folder = root / candidate.folder / form
    judge = evaluator if FORMS[form].rounds else None
    card = deploy_generator(folder, candidate.generator, origin=candidate.origin, form=form, evaluator=judge)
    return DeployedExport(folder, card)


def _evaluator(chosen: Chosen, formats: Sequence[Format], *, workshop: Workshop | None) -> Evaluator | None:
    """Returns the measurement of a sweep; None where nothing is rounded, so that every score is as it was."""
    if chosen.spec is None or workshop is None or not any(FORMS[form].rounds for form in formats):
        return None
    dataset = load_dataset(chosen.spec.dataset, workshop.data_root)
    return find_or_make_extractor(chosen.spec, dataset, workshop=workshop).evaluator


def _cells(card: DeploymentCard, form: str) -> list[str]:
    before, after = card.origin.metrics.get("fid"), card.metrics.get("fid")
    return [
        f"trial {card.origin.trial}" if card.origin.trial else card.origin.model or "",
        form,
        *(f"{number:,}" for number in (card.parameters, card.file_bytes, card.compressed_bytes)),
        f"{card.largest_difference:.2g}",
        *("" if fid is None else f"{fid:.2f}" for fid in (before, after)),
    ]

"""This module exports what was chosen, logs it to MLflow, and shows what was written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gan import DataRoot, DeploymentCard, Evaluator, default_data_root, deploy_generator, load_dataset
from gan.deployment.card import Format
from gan.deployment.formats import FORMS
from sweeps.deployment.choosing import Candidate, Chosen, chosen_artifact, chosen_folder, chosen_of_sweep
from sweeps.display import Display, QuietDisplay
from sweeps.errors import SweepError
from sweeps.ledger.data_dir import default_data_dir
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.extractors import find_or_make_extractor
from sweeps.models.workshop import Workshop

DEFAULT_OUT = Path("deployed")


@dataclass(frozen=True)
class DeployedExport:
    """A DeployedExport is a folder that was written, and its card."""

    folder: Path
    card: DeploymentCard

    def as_dict(self) -> dict[str, Any]:
        return {"folder": str(self.folder), **self.card.model_dump(mode="json")}


@dataclass(frozen=True)
class Deployment:
    """A Deployment is what one command has exported."""

    exports: tuple[DeployedExport, ...]

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        return {"exports": [export.as_dict() for export in self.exports]}

    def print_to(self, console: Console) -> None:
        """Print a line for each export, and where it is."""
        table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
        for heading in ("", "format"):
            table.add_column(heading, no_wrap=True)
        for heading in ("params", "bytes", "zipped", "largest\ndifference", "FID\nbefore", "FID"):
            table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
        for export in self.exports:
            table.add_row(*_cells(export.card))
        console.print(table)
        for export in self.exports:
            console.print(f"  {export.folder}", highlight=False, markup=False, soft_wrap=True)


def deploy(
    what: str,
    *,
    out: Path | None = None,
    formats: Sequence[Format] = ("onnx",),
    whole: bool = False,
    teacher: bool = False,
    data_dir: Path | None = None,
    tracking_uri: str | None = None,
    data_root: DataRoot | None = None,
    display: Display | None = None,
) -> Deployment:
    """Exports a sweep's student at the limit, or a stored generator, and returns what was written.

    `what` is a sweep, or an artifact as for `sample_to_file`. Of a sweep, `whole` exports all of the frontier, and
    `teacher` its teacher as well; each is logged to MLflow, and where a format rounds weights its scores are measured
    under the sweep's protocol. A folder of `out`, by default deployed/WHAT, is written for each generator and format.
    Raises SweepError where there is nothing of that name, and GanError where one cannot be exported.
    """
    display = display or QuietDisplay()
    if Path(what).is_dir():
        _require_sweep(what, whole=whole, teacher=teacher)
        return _exported(chosen_folder(Path(what)), out, formats=formats, display=display)
    workspace = Workspace.existing(data_dir or default_data_dir(), tracking_uri)
    tracking = Tracking(workspace.store)
    if tracking.find_sweep(what) is None:
        _require_sweep(what, whole=whole, teacher=teacher)
        return _exported(chosen_artifact(what, tracking), out, formats=formats, display=display)
    chosen = chosen_of_sweep(what, workspace, tracking=tracking, whole=whole, teacher=teacher)
    root = data_root or default_data_root()
    workshop = Workshop(workspace=workspace, tracking=tracking, data_root=root, display=display)
    return _exported(chosen, out, formats=formats, display=display, workshop=workshop)


def _exported(
    chosen: Chosen,
    out: Path | None,
    *,
    formats: Sequence[Format],
    display: Display,
    workshop: Workshop | None = None,
) -> Deployment:
    root = out or DEFAULT_OUT / chosen.name
    forms = list(dict.fromkeys(formats))
    evaluator = _evaluator(chosen, forms, workshop=workshop)
    exports: list[DeployedExport] = []
    with display.step("exports", len(chosen.candidates) * len(forms)) as update:
        for candidate in chosen.candidates:
            for form in forms:
                exports.append(_export(candidate, root, form=form, evaluator=evaluator))
                if workshop and candidate.run_id:
                    place = f"{candidate.place}/{form}"
                    workshop.tracking.client.log_artifacts(candidate.run_id, str(exports[-1].folder), place)
                update(len(exports), f"{candidate.folder} {form}")
    return Deployment(tuple(exports))


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


def _require_sweep(what: str, *, whole: bool, teacher: bool) -> None:
    if whole or teacher:
        raise SweepError("--all and --teacher are of a sweep", f"{what}, which is none", "Leave them out.")


def _cells(card: DeploymentCard) -> list[str]:
    before, after = card.origin.metrics.get("fid"), card.metrics.get("fid")
    return [
        f"trial {card.origin.trial}" if card.origin.trial else card.origin.model or "",
        card.format,
        *(f"{number:,}" for number in (card.parameters, card.file_bytes, card.compressed_bytes)),
        f"{card.largest_difference:.2g}",
        *("" if fid is None else f"{fid:.2f}" for fid in (before, after)),
    ]

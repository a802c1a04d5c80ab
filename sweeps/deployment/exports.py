"""This module exports what was chosen, measures it beside PyTorch, and logs both to MLflow."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Protocol

from gan import DeploymentCard, DrawingCosts, Evaluator, GanError, deploy_generator, load_dataset, record_costs
from gan.deployment.card import Format
from gan.deployment.formats import FORMS
from gan.networks.artifacts import CARD_FILE
from sweeps.deployment.choosing import LOGGED_IN, Candidate, Chosen
from sweeps.deployment.measuring import Measured, Measurements, Timing, count_of_steps, measure
from sweeps.display import Display
from sweeps.ledger.tracking import Tracking
from sweeps.models.extractors import find_or_make_extractor
from sweeps.models.mlflow_models import save_mlflow_onnx
from sweeps.models.workshop import Workshop

SERVED = "mlflow"  # the folder, beside an export in its run, of a model that MLflow serves


@dataclass(frozen=True, kw_only=True)
class DeployedExport:
    """A DeployedExport is a folder that was written, its card, and the candidate that it is of."""

    folder: Path
    card: DeploymentCard
    of: Candidate

    def as_dict(self) -> dict[str, Any]:
        return {"folder": str(self.folder), **self.card.model_dump(mode="json")}


class Refused(Protocol):
    """A Refused hears which candidate cannot be had in which format, and why."""

    def __call__(self, candidate: Candidate, form: Format, *, error: GanError) -> None: ...


def write_exports(
    chosen: Chosen,
    root: Path,
    *,
    formats: Sequence[Format],
    display: Display,
    workshop: Workshop | None,
    refused: Refused | None = None,
) -> list[DeployedExport]:
    """Writes an export of each candidate in each format below `root`, and logs it where it has a run; returns them.

    One that cannot be had is told to `refused`, which without it raises GanError.
    """
    evaluator = _evaluator(chosen, formats, workshop=workshop)
    exports: list[DeployedExport] = []
    with display.step("exports", len(chosen.candidates) * len(formats)) as update:
        for number, (candidate, form) in enumerate(product(chosen.candidates, formats), start=1):
            try:
                exports.append(_export(candidate, root, form=form, evaluator=evaluator))
            except GanError as error:
                if refused is None:
                    raise
                refused(candidate, form, error=error)
            else:
                if workshop:
                    _log(exports[-1], workshop.tracking)
            update(number, " ".join(part for part in (candidate.folder, form) if part != "."))
    return exports


def measure_exports(
    exports: Sequence[DeployedExport], folder: Path, *, formats: Sequence[str], timing: Timing, display: Display
) -> tuple[list[DeployedExport], Measurements]:
    """Measures all exports of these formats side by side, and PyTorch beside them, and writes a table to `folder`.

    Returns the exports, whose cards have what they took, and the measurements.
    """
    contenders: list[Measured] = []
    for export in exports:
        if all(each.of is not export.of for each in contenders):
            contenders += Measured.in_pytorch(export.of, export.card, compile_too=timing.compile_too)
        contenders.append(Measured.of_export(export.folder, export.of, threads=timing.threads))
    with display.step("measurement", count_of_steps(contenders)) as update:
        measurements = measure(contenders, timing.threads, formats=formats, update=update)
    measurements.write(folder)
    return [_with_costs(export, measurements) for export in exports], measurements


def log_costs(chosen: Chosen, exports: Sequence[DeployedExport], *, tables: Sequence[Path], tracking: Tracking) -> None:
    """Logs the tables to the sweep's run, where it is one, and the cards, which have costs now, to the exports."""
    for export in exports:
        if run_id := export.of.run_id:
            tracking.client.log_artifact(run_id, str(export.folder / CARD_FILE), _place(export))
    for path in tables if chosen.run_id else ():
        tracking.client.log_artifact(chosen.run_id, str(path), LOGGED_IN)


def _with_costs(export: DeployedExport, measurements: Measurements) -> DeployedExport:
    found = measurements.costs_of(export.card)
    costs = DrawingCosts(protocol=measurements.protocol, costs=found)
    return replace(export, card=record_costs(export.folder, costs))


def _log(export: DeployedExport, tracking: Tracking) -> None:
    """Logs an export to its run, and beside it, where it is ONNX, a model that MLflow serves."""
    run_id, place = export.of.run_id, _place(export)
    if run_id is None:
        return
    tracking.client.log_artifacts(run_id, str(export.folder), place)
    if not export.card.opset:
        return
    with tempfile.TemporaryDirectory() as name:
        save_mlflow_onnx(export.folder, Path(name) / SERVED, card=export.card)
        tracking.client.log_artifacts(run_id, name, place)


def _place(export: DeployedExport) -> str:
    return f"{export.of.place}/{export.card.format}"


def _export(candidate: Candidate, root: Path, *, form: Format, evaluator: Evaluator | None) -> DeployedExport:
    folder = root / candidate.folder / form
    judge = evaluator if FORMS[form].rounds else None
    card = deploy_generator(folder, candidate.generator, origin=candidate.origin, form=form, evaluator=judge)
    return DeployedExport(folder=folder, card=card, of=candidate)


def _evaluator(chosen: Chosen, formats: Sequence[Format], *, workshop: Workshop | None) -> Evaluator | None:
    """Returns the measurement of a sweep; None where nothing is rounded, so that every score is as it was."""
    if chosen.spec is None or workshop is None or not any(FORMS[form].rounds for form in formats):
        return None
    dataset = load_dataset(chosen.spec.dataset, workshop.data_root)
    return find_or_make_extractor(chosen.spec, dataset, workshop=workshop).evaluator

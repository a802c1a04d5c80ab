"""This module is the phase `measure` of a sweep: what its frontier and its teacher cost, deployed, on this machine."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from mlflow.exceptions import MlflowException

import analysis
from gan import FormatError, GanError, Generator, MeasurementProtocol
from gan.deployment.card import Format
from gan.deployment.formats import require_packages, runtimes_of
from sweeps.deployment.choosing import Candidate, Chosen, chosen_of_sweep, has_frontier
from sweeps.deployment.exports import DeployedExport, log_costs, measure_exports, write_exports
from sweeps.deployment.measuring import BATCHES, PYTORCH, TABLE, Timing
from sweeps.deployment.refusals import Refusals
from sweeps.errors import SweepError
from sweeps.ledger.measurements import stored_measurements
from sweeps.models.workshop import Workshop
from sweeps.spec.search import TIMED_FORM
from sweeps.spec.sweep import SweepSpec

FOLDER = "deployed"  # of a sweep's own folder
WRITERS = ("ganlimit", "onnx", "onnxscript", "flatbuffers")  # whose versions may lift a refusal, beside the runtimes
ANY_NETWORK: Format = "torch-export"  # the format for a network of the user's own


def require_measurable(spec: SweepSpec) -> None:
    """Raises GanError where the sweep is to be measured in a form whose packages are missing."""
    require_packages(
        [*(spec.measure.formats if spec.is_measured else ()), *([TIMED_FORM] if spec.search.is_timed else ())]
    )


def measure_sweep(spec: SweepSpec, workshop: Workshop) -> None:
    """Measure what is missing of a sweep whose specification has the phase `measure`, and log it to the sweep's run.

    Missing are students of the frontier, and the teacher, that have no row in one of the forms. Where another machine
    measured before, all of them are measured again, because times of two machines share no table. What cannot be
    measured is said, and the sweep has its report all the same.
    """
    if not spec.is_measured:
        return
    try:
        _measure(spec, workshop)
    except (GanError, SweepError, analysis.AnalysisError, MlflowException, OSError) as error:
        again = f"ganlimit sweep resume {spec.name}"
        workshop.display.say(f"{spec.name}: its students are not all measured: {error} Then: {again}")


def _measure(spec: SweepSpec, workshop: Workshop) -> None:
    tracking, workspace = workshop.tracking, workshop.workspace
    if not has_frontier(spec.name, workspace, tracking=tracking):
        workshop.display.say(f"{spec.name}: no student reached the end of its budget, so that none is measured")
        return
    chosen = chosen_of_sweep(spec.name, workspace, tracking=tracking, whole=True, teacher=True)
    assert chosen.run_id is not None, "a sweep has a run"
    folder, kept = workspace.sweep(spec.name) / FOLDER, stored_measurements(tracking, chosen.run_id)
    timing = Timing(threads=spec.measure.threads)
    here = MeasurementProtocol.here(timing.threads, runtimes_of(spec.measure.formats))
    exporting = MeasurementProtocol.here(timing.threads, (*runtimes_of(spec.measure.formats), *WRITERS))
    refusals = Refusals(folder, protocol_digest=exporting.digest)
    missing = _without_rows(chosen, spec.measure.formats, kept=kept, refusals=refusals)
    if not missing:
        return
    if kept is not None and len(kept):
        folder.mkdir(parents=True, exist_ok=True)
        analysis.write_measurements(kept, folder / TABLE)  # which new rows join, or which gets another name
        if kept["measurement_digest"][0].as_py() != here.digest:
            missing = chosen.candidates
    chosen = replace(chosen, candidates=tuple(missing))
    exports = _exports(chosen, spec, folder=folder, workshop=workshop, refusals=refusals)
    if not exports:  # each was refused, and said so
        return
    formats = spec.measure.formats
    exports, _ = measure_exports(exports, folder, formats=formats, timing=timing, display=workshop.display)
    log_costs(chosen, exports, tables=sorted(folder.glob("measurements*")), tracking=tracking)


def _without_rows(
    chosen: Chosen, formats: Sequence[Format], *, kept: pa.Table | None, refusals: Refusals
) -> tuple[Candidate, ...]:
    """Returns the candidates of which `kept` lacks a batch of a form that was not refused.

    PyTorch is one of the forms. Of a network of the user's own it is the only one, and none where that is no program.
    """
    columns = ("weights_digest", "form", "batch")
    known = set() if kept is None else set(zip(*(kept[name].to_pylist() for name in columns), strict=True))

    def is_known(candidate: Candidate) -> bool:
        digest, is_own = candidate.origin.weights_digest, not isinstance(candidate.generator, Generator)
        if is_own and (digest, ANY_NETWORK) in refusals:
            return True
        others = [form for form in formats if not is_own and (digest, form) not in refusals]
        return all((digest, form, batch) in known for form in (PYTORCH, *others) for batch in BATCHES)

    return tuple(candidate for candidate in chosen.candidates if not is_known(candidate))


def _exports(
    chosen: Chosen, spec: SweepSpec, *, folder: Path, workshop: Workshop, refusals: Refusals
) -> list[DeployedExport]:
    """Returns exports in the forms of the sweep, and of a candidate that is in none of them as a program."""
    display = workshop.display

    def refused(candidate: Candidate, form: Format, *, error: GanError) -> None:
        display.say(f"{spec.name}: {candidate.folder} is not measured as {form}: {error}")
        if isinstance(error, FormatError):  # and not for want of room, or of a package
            refusals.note(candidate.origin.weights_digest, form=form, reason=str(error))

    formats = spec.measure.formats
    found = write_exports(chosen, folder, formats=formats, display=display, workshop=workshop, refused=refused)
    left = tuple(each for each in chosen.candidates if all(export.of is not each for export in found))
    if left and ANY_NETWORK not in formats:
        rest = replace(chosen, candidates=left)
        found += write_exports(
            rest, folder, formats=(ANY_NETWORK,), display=display, workshop=workshop, refused=refused
        )
    return found

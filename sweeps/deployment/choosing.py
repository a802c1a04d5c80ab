"""This module chooses what is deployed: a stored generator, or a sweep's student at the limit, frontier and teacher."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis import Findings, findings_of
from gan import AnyGenerator, GeneratorCard, ImportedCard, Origin, load_any_generator
from sweeps.errors import SweepError
from sweeps.ledger.sweeps import find_sweep, stored_spec
from sweeps.ledger.tags import SWEEP, TEACHER_VERSION, TRIAL, TRIAL_KEY
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.device_view import device_of
from sweeps.results.pictures import teacher_folder
from sweeps.results.reading import read_trials
from sweeps.results.sampling import stored_folder
from sweeps.spec.sought import Sought, sought_of
from sweeps.spec.sweep import SweepSpec

LOGGED_IN = "deployment"
TEACHER = "teacher"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A Candidate is a generator that is deployed, and where it came from.

    folder: below the one that is written to; `.` for a generator alone. stored: the folder that it is stored in.
    run_id, place: the MLflow run that its export is logged to, and where in its artifacts; None for a generator that is
    of no sweep.
    """

    folder: str
    generator: AnyGenerator
    stored: Path
    origin: Origin
    run_id: str | None = None
    place: str = LOGGED_IN


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A Chosen is all that one command deploys. `spec` and `run_id` are the sweep's; None for a generator alone."""

    name: str
    candidates: tuple[Candidate, ...]
    spec: SweepSpec | None = None
    run_id: str | None = None

    @property
    def teacher(self) -> Candidate | None:
        """Returns the sweep's teacher; None where it is not deployed."""
        return next((candidate for candidate in self.candidates if candidate.folder == TEACHER), None)

    @property
    def students(self) -> tuple[Candidate, ...]:
        """Returns all that is deployed but the teacher."""
        return tuple(candidate for candidate in self.candidates if candidate is not self.teacher)


def chosen_folder(folder: Path) -> Chosen:
    """Returns the generator in a folder with weights and card."""
    generator, card = load_any_generator(folder)
    return _alone(folder.resolve().name, generator, stored=folder, origin=Origin.of(card))


def chosen_artifact(artifact: str, tracking: Tracking) -> Chosen:
    """Returns a registered generator, or that of a trial's run. Raises SweepError where there is none."""
    try:
        folder = stored_folder(artifact, tracking)
    except SweepError as error:
        known = ", ".join(sorted(run.data.tags[SWEEP] for run in tracking.sweeps())) or "none yet"
        raise SweepError(error.rule, error.value, f"{error.remedy} Or name a sweep: {known}.") from error
    generator, card = load_any_generator(folder)
    name, origin = re.sub(r"\W+", "-", artifact), _origin(artifact, card, tracking=tracking)
    return _alone(name, generator, stored=folder, origin=origin)


def chosen_of_sweep(
    name: str, workspace: Workspace, *, tracking: Tracking, whole: bool = False, teacher: bool = False
) -> Chosen:
    """Returns the student at a sweep's limit, or with `whole` all of its frontier, and with `teacher` its teacher.

    The student at the limit is the smallest whose quality holds the rule, or the fastest where latency led the search.
    Raises SweepError where there is none.
    """
    parent = find_sweep(tracking, name)
    spec = stored_spec(parent.data.tags)
    findings = findings_of(read_trials(tracking, workspace, name=name).table, spec.limit, cost=spec.limit_cost)
    sought = _sought(findings, spec, tracking=tracking, parent_run_id=parent.info.run_id)
    rows = _rows(findings, sought, name=name, whole=whole)
    students = [_student(row, name, tracking=tracking) for row in rows]
    if teacher:
        students.append(_teacher(findings.first, name, run_id=parent.info.run_id, tracking=tracking))
    return Chosen(name=name, candidates=tuple(students), spec=spec, run_id=parent.info.run_id)


def has_frontier(name: str, workspace: Workspace, *, tracking: Tracking) -> bool:
    """Returns whether a sweep has a student that reached the end of its budget."""
    spec = stored_spec(find_sweep(tracking, name).data.tags)
    findings = findings_of(read_trials(tracking, workspace, name=name).table, spec.limit)
    return len(sought_of(findings, spec).frontier) > 0


def _alone(name: str, generator: AnyGenerator, *, stored: Path, origin: Origin) -> Chosen:
    return Chosen(name=name, candidates=(Candidate(folder=".", generator=generator, stored=stored, origin=origin),))


def _origin(artifact: str, card: GeneratorCard | ImportedCard, *, tracking: Tracking) -> Origin:
    origin = Origin.of(card)
    if artifact.partition("/")[0] in tracking.registry.models():
        return origin.model_copy(update={"model": artifact})
    tags = tracking.client.get_run(artifact).data.tags
    trial = {"trial": int(tags[TRIAL]) if TRIAL in tags else None, "trial_key": tags.get(TRIAL_KEY)}
    return origin.model_copy(update={**trial, "sweep": tags.get(SWEEP), "teacher": tags.get(TEACHER_VERSION)})


def _sought(findings: Findings, spec: SweepSpec, *, tracking: Tracking, parent_run_id: str) -> Sought:
    """Returns the limit that a sweep sought, in latency where that led the search."""
    timed = len(findings.frontier) > 0 and spec.search.is_timed
    device, _ = device_of(findings, spec, tracking=tracking, parent_run_id=parent_run_id) if timed else (None, "")
    return sought_of(findings, spec, device=device)


def _rows(findings: Findings, sought: Sought, *, name: str, whole: bool) -> list[dict[str, Any]]:
    """Returns the trials that are deployed, those of least cost first, each once.

    Raises SweepError where there is none.
    """
    if whole and len(sought.frontier):
        least_first = sought.frontier.sort_by(sought.cost).to_pylist()
        return list({row["trial"]: row for row in reversed(least_first)}.values())[::-1]  # in whichever form it is
    at_limit = [row for row in findings.table.to_pylist() if row["trial"] == sought.trial]
    if whole or not at_limit:
        raise SweepError(
            f"A sweep's {'frontier has students' if whole else 'limit has a student that holds the rule'}",
            f"none in {name}",
            "Run more trials." if whole else "Give --all for its whole frontier, or a trial's run id.",
        )
    return at_limit


def _student(row: dict[str, Any], sweep: str, *, tracking: Tracking) -> Candidate:
    folder = tracking.registry.model_folder(row["run_id"])
    if folder is None:
        raise SweepError(
            "A student that is deployed is in the artifact store",
            f"none for trial {row['trial']} of {sweep}",
            "Restore it, or name another trial's run id.",
        )
    generator, card = load_any_generator(folder)
    known = {name: row[name] for name in ("trial", "trial_key")} | {"sweep": sweep, "teacher": row["teacher_version"]}
    origin = Origin.of(card).model_copy(update=known)
    place = f"trial-{row['trial']}"
    return Candidate(folder=place, generator=generator, stored=folder, origin=origin, run_id=row["run_id"])


def _teacher(row: Mapping[str, Any], sweep: str, *, run_id: str, tracking: Tracking) -> Candidate:
    folder = teacher_folder(tracking, row)
    generator, card = load_any_generator(folder)
    origin = Origin.of(card).model_copy(update={"sweep": sweep, "model": row["teacher_version"]})
    place = f"{LOGGED_IN}/{TEACHER}"
    return Candidate(folder=TEACHER, generator=generator, stored=folder, origin=origin, run_id=run_id, place=place)

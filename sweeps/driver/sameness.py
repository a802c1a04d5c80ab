"""This module refuses what goes on as another sweep than it began."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from mlflow.entities import Run

from sweeps.errors import SweepError
from sweeps.ledger.sweeps import stored_spec
from sweeps.ledger.tags import PROTOCOL, TEACHER_DIGEST, common_columns
from sweeps.ledger.tracking import Tracking
from sweeps.spec.earlier import kept_statistics
from sweeps.spec.models import TeacherSpec
from sweeps.spec.sweep import SweepSpec

# Nothing that is there is done again or lost by these.
MAY_GROW = (
    *("search.trials", "search.confidence", "search.precision"),
    *("confirm.seeds", "confirm.most_seeds", "confirm.precision", "confirm.confidence"),
)
DIGESTS = {"teacher_digest": TEACHER_DIGEST, "protocol_digest": PROTOCOL}  # columns, and tags of a trial's run
EXTEND = "search.extend"
WITHOUT_ROWS = ("cluster", "mlflow", "measure")
GPU_SHARE = ("resources.gpus_per_trial", "resources.trials_per_gpu")  # how many share a GPU, which no row depends on


def as_begun(parent: Run | None, spec: SweepSpec) -> SweepSpec:
    """Returns a spec with the statistics that its sweep began with, where it states no others."""
    if parent is None:
        return spec
    before, made = stored_spec(parent.data.tags), spec
    if isinstance(spec.teacher, TeacherSpec) and isinstance(before.teacher, TeacherSpec):
        training = kept_statistics(spec.teacher.training, before.teacher.training)
        made = made.model_copy(update={"teacher": spec.teacher.model_copy(update={"training": training})})
    student = kept_statistics(spec.student, before.student)
    return made.model_copy(update={"student": student, "baseline": kept_statistics(spec.baseline, before.baseline)})


def refuse_other_spec(parent: Run | None, spec: SweepSpec) -> None:
    """Raises SweepError where a sweep of this name has another spec.

    Only the numbers of trials and of fresh seeds may grow, and the space may be let grow. What no row depends on may
    change: where trials run and keep their files, how they are shown, how many share a GPU, and what is measured at the
    end.
    """
    if parent is None:
        return
    before = stored_spec(parent.data.tags)
    differing = sorted(_differences(before.model_dump(mode="json"), spec.model_dump(mode="json")))
    differing = [path for path in differing if path not in MAY_GROW and path.split(".")[0] not in WITHOUT_ROWS]
    if spec.search.extend:  # without it rows of the wider space would be of none
        differing = [path for path in differing if path != EXTEND]
    if before.trial_phases == spec.trial_phases:
        differing = [path for path in differing if path != "phases"]
    if before.resources.compute == spec.resources.compute:
        differing = [path for path in differing if path not in GPU_SHARE]
    if differing:
        raise SweepError(
            f"The sweep {spec.name} goes on with the spec it began with",
            f"other values for {', '.join(differing)}",
            f"Give the sweep another name with --name, or undo the change; it goes on as it began by "
            f"ganlimit sweep resume {spec.name}.",
        )


def refuse_other_models(tracking: Tracking, name: str, *, tags: Mapping[str, str]) -> None:
    """Raises SweepError where the sweep's parent run states another teacher or protocol, which all its rows share."""
    parent = tracking.find_sweep(name)
    now = common_columns(tags)
    before = _stated(tracking, parent) if parent else now
    for column in DIGESTS:
        if before.get(column, now[column]) != now[column]:
            raise SweepError(
                f"The sweep {name} goes on with the {column} it began with, {before[column]}",
                now[column],
                "A model was trained again since: give the sweep another name with --name.",
            )


def _stated(tracking: Tracking, parent: Run) -> Mapping[str, str]:
    """Returns the digests that a sweep began with: where a person has changed its tag, those of a trial of it."""
    stated: Mapping[str, str] = {}
    with suppress(SweepError):
        stated = common_columns(parent.data.tags)
    if stated.keys() >= DIGESTS.keys():
        return stated
    trial = next(iter(tracking.each_trial(parent.info.run_id)), None)
    tags = trial.data.tags if trial else {}
    return {**{column: tags[tag] for column, tag in DIGESTS.items() if tag in tags}, **stated}


def _differences(before: Any, after: Any, *, path: str = "") -> Iterable[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from _differences(before.get(key), after.get(key), path=f"{path}.{key}" if path else key)
    elif before != after:
        yield path

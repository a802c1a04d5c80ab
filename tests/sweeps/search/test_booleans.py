"""A setting that is true or false is searched as any other, and is what it was from the sampler to the table."""

from pathlib import Path
from typing import Any

import pytest

import sweeps
from analysis.frontier_table import student_text
from sweeps.ledger.journal import Record
from sweeps.ledger.tags import MODE, PHASE, POINT, STATE, TRIAL, common_tags
from sweeps.results.table import table_of
from sweeps.search.study import open_study
from sweeps.search.study_file import open_storage
from sweeps.spec.space import ChoiceDomain, FixedDomain, FloatDomain, IntDomain
from sweeps.trial.request import Job
from tests.sweeps.conftest import SHARED
from tests.sweeps.untrained_search import SMALL_SPACE, Search, request_of

NAME = "adversarial.critic.minibatch_deviation"
STUDENT = {NAME: {"type": "choice", "values": [True, False]}, "gan_every": 2}
SPACE = {**SMALL_SPACE, "gan_weight": 0.1, "student": STUDENT}


def asked(spec: sweeps.SweepSpec, folder: Path, *, trials: int = 4) -> list[Job]:
    search = Search(spec, folder, to_request=lambda point: request_of(point, distillation=spec.recipe(point)))
    jobs = []
    for number in range(trials):
        config = search.tune.suggest(f"t{number}")
        assert isinstance(config, dict)
        jobs.append(Job.model_validate_json(config["job"]))
        search.tell(number, 1.0 + number)
    return jobs


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "gp", "random", "grid"])
def test_every_sampler_asks_for_both(search_spec: Any, tmp_path: Path, sampler: str) -> None:
    spec = search_spec(space={**SPACE, "width": {"type": "int", "low": 1, "high": 4}}, trials=8, sampler=sampler)
    jobs = asked(spec, tmp_path, trials=8)
    values = [job.point[NAME] for job in jobs]
    assert {type(value) for value in values} == {bool}
    assert set(values) == {True, False}
    recipes = [spec.recipe(job.point) for job in jobs]
    assert [recipe.adversarial.critic.minibatch_deviation for recipe in recipes] == values
    again = open_study(spec, open_storage(tmp_path)).get_trials()
    assert {str(trial.params[NAME]) for trial in again if trial.params} == {"True", "False"}


def test_the_table_and_people_have_it(search_spec: Any, tmp_path: Path) -> None:
    params = {"width": "2", "depth": "1", "seed": "0", "budget_kimg": "4.0", "gan_weight": "0.1"}
    costs = {"parameters": 100.0, "mac_g": 0.01, "compression_ratio": 90.0}
    told = {TRIAL: "1", PHASE: "search", MODE: "distilled", STATE: "RUNNING"}
    records = [
        (job.request.key, Record(run_id="r", tags=told | {POINT: job.point_json}, params=params, metrics=costs))
        for job in asked(search_spec(space=SPACE, trials=4, sampler="grid"), tmp_path)
    ]
    rows = table_of("tiny", common_tags(SHARED), records=records).to_pylist()
    assert {row["settings"] for row in rows} == {f'{{"{NAME}": {word}, "gan_every": 2}}' for word in ("true", "false")}
    assert student_text(rows[0] | {"settings": f'{{"{NAME}": true}}'}).endswith(f", {NAME} true")


def test_true_is_not_the_number_1() -> None:
    assert not IntDomain(type="int", low=0, high=1).holds(value=True)
    assert not FloatDomain(type="float", low=0, high=1).holds(value=True)
    assert not ChoiceDomain(type="choice", values=(1, 2)).holds(value=True)
    assert not FixedDomain(type="fixed", value=True).holds(1)
    assert ChoiceDomain(type="choice", values=(True, False)).holds(value=False)


def test_a_batch_that_has_no_whole_groups_is_refused_where_the_deviation_is_searched(search_spec: Any) -> None:
    student = {**STUDENT, "batch_size": {"type": "choice", "values": [30, 32]}}
    with pytest.raises(sweeps.SpecError, match=r"critic cannot learn: batch_size is a multiple of 4 .* got 30"):
        search_spec(space={**SPACE, "student": student})

"""Trials as arrays, against the same worked out row by row with dictionaries."""

import math
import statistics
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis import QUALITIES, Column, Mode, Phase, Scheme, TrialState, student_of, trial_table, with_baselines
from analysis.comparison.pairing import pair_rows
from analysis.frontier.attainment import seed_sets
from analysis.frontier.students import students_of
from analysis.schema import STUDENT
from analysis.trials import Trials, codes_of, first_of_each, last_of_each

from .conftest import make_row

Row = dict[str, Any]
FAILED = (TrialState.DIVERGED, TrialState.FAILED)
ODD = (None, math.nan, math.inf, -1.0, 0.0)


@pytest.fixture(params=range(12))
def rows(request: pytest.FixtureRequest) -> list[Row]:
    """Some hundred trials of few students with few seeds, so that all of it is there twice, in no order."""
    random = np.random.default_rng(request.param)
    pick: Callable[..., Any] = lambda *values: values[random.integers(len(values))]  # noqa: E731
    made = []
    for trial in random.permutation(random.integers(1, 300)):
        width, mode, value = (
            pick(2, 4, 8),
            pick(Mode.DISTILLED, Mode.DISTILLED, Mode.SCRATCH),
            float(random.integers(1, 40)),
        )
        state = pick(*[TrialState.COMPLETED] * 6, *FAILED, TrialState.LOST, TrialState.PRUNED)
        made.append(make_row(trial=int(trial) + 1, width=width, parameters=1000 * width, mode=mode, state=state,
            final=state == TrialState.COMPLETED or random.random() < 0.05, seed=int(random.integers(4)),
            kimg=pick(8.0, 16.0),
            gan_weight=None if mode == Mode.SCRATCH else pick(0.0, -0.0, 0.1, None), settings=pick(None, '{"lr": 1}'),
            scheme=None if mode == Mode.SCRATCH else pick(None, None, "l1", "critic features 0.1"),
            phase=Phase.BASELINE if mode == Mode.SCRATCH else pick(Phase.SEARCH, Phase.CONFIRM), depth=pick(1, 2),
            fid=value if random.random() < 0.9 else pick(*ODD), inception_score=value / 4))  # fmt: skip
    return made


def finished(row: Row) -> bool:
    return bool(row["final"]) and row["state"] == TrialState.COMPLETED


def measured(row: Row, column: Column) -> bool:
    value = row[column.name]
    return finished(row) and value is not None and math.isfinite(value) and (value > 0 or not column.log)


def student(row: Row) -> tuple[Any, ...]:
    return student_of(dict.fromkeys(STUDENT) | row)


@pytest.mark.parametrize("metric", ["fid", "inception_score"])
def test_students_are_those_of_a_dictionary_of_their_seeds(rows: list[Row], metric: str) -> None:
    column, trials = QUALITIES[metric], Trials(trial_table(rows))
    groups: dict[Any, dict[int, Row]] = {}
    evidence = [r for r in rows if r["mode"] == Mode.DISTILLED and (finished(r) or r["state"] in FAILED)]
    for row in sorted(evidence, key=lambda row: (row["parameters"], row["trial"])):
        seeds = groups.setdefault(student(row), {})
        if row["seed"] not in seeds or not measured(seeds[row["seed"]], column):
            seeds[row["seed"]] = row
    found = students_of(trials, trials.is_result, column=column)
    assert len(found) == len(groups)
    for one, seeds in zip(found, groups.values(), strict=True):
        values = [row[metric] for row in seeds.values() if measured(row, column)]
        worst = [-math.inf if column.higher_is_better else math.inf] * (len(seeds) - len(values))
        known = [row for row in seeds.values() if measured(row, column)]
        nearest = min(known, key=lambda row: abs(row[metric] - one.median), default=next(iter(seeds.values())))
        assert (one.values, one.failed) == (tuple(values), len(worst))
        assert one.median == statistics.median([*values, *worst])
        assert one.row["trial"] == nearest["trial"]


@pytest.mark.parametrize(
    "sides", [(Mode.DISTILLED, Mode.SCRATCH), (Scheme.JOINT, Scheme.MSE), (Scheme.OTHER, Mode.SCRATCH)]
)
def test_pairs_are_those_of_a_dictionary_of_partners(rows: list[Row], sides: tuple[Any, Any]) -> None:
    def of(row: Row, side: Any) -> bool:
        papers = Scheme.JOINT if (row["gan_weight"] or 0) > 0 else Scheme.MSE
        distilled = Scheme.OTHER if row["scheme"] else papers
        return side in (row["mode"], Scheme.SCRATCH if row["mode"] == Mode.SCRATCH else distilled)

    def partner(row: Row) -> tuple[Any, ...]:
        architecture = row["parameters"], row["width"], row["depth"], row["block"], row["seed"]
        return architecture if sides[1] == Mode.SCRATCH else (*architecture, row["settings"])

    def best(side: Any, key: Any) -> dict[Any, Row]:
        found: dict[Any, Row] = {}
        for row in sorted(filter(finished, rows), key=lambda row: (-row["kimg"], row["trial"])):
            found.update({} if not of(row, side) or key(row) in found else {key(row): row})
        return found

    theirs, own = best(sides[1], partner), best(sides[0], lambda row: (student(row), row["seed"])).values()
    if sides[1] == Mode.SCRATCH:
        given = {partner(row) for row in rows if of(row, sides[1])}
        fresh = [row for row in own if row["phase"] == Phase.CONFIRM]
        if any(row["phase"] == Phase.SEARCH and partner(row) not in given for row in own):
            own = fresh if any(partner(row) in theirs for row in fresh) else own
    found = pair_rows(Trials(trial_table(rows)), ours=sides[0], theirs=sides[1])
    numbers = [[rows[place]["trial"] for place in places] for places in (found.ours_P, found.theirs_P)]
    expected = {(row["trial"], theirs[partner(row)]["trial"]) for row in own if partner(row) in theirs}
    assert set(zip(*numbers, strict=True)) == expected
    assert len(numbers[0]) == len(expected)
    assert len(found.unpaired_U) == len(own) - len(expected)


def test_baselines_are_those_of_a_dictionary_of_twins(rows: list[Row]) -> None:
    architecture = lambda row: tuple(row[name] for name in ("dataset", "width", "depth", "block"))  # noqa: E731
    scratch = [row for row in rows if row["mode"] == Mode.SCRATCH]
    twins = {(architecture(r), r["seed"]): r for r in sorted(scratch, key=lambda r: (finished(r), r["kimg"]))}
    table = trial_table(rows)
    for row, found in zip(rows, with_baselines(table, table).to_pylist(), strict=True):
        known = [twin for (of, _), twin in twins.items() if of == architecture(row) and finished(twin)]
        known = sorted((t for t in known if t["fid"] is not None and math.isfinite(t["fid"])), key=lambda t: t["fid"])
        twin = twins.get((architecture(row), row["seed"])) or (known[(len(known) - 1) // 2] if known else {})
        usable = twin if twin and finished(twin) else {}
        assert found["baseline_state"] == twin.get("state")
        assert repr(found["baseline_fid"]) == repr(usable.get("fid"))
        assert found["baseline_kimg"] == usable.get("kimg")


def test_seeds_share_the_students_that_each_of_them_tried(rows: list[Row]) -> None:
    tried: dict[Any, set[int]] = {}
    evidence = [row for row in rows if row["phase"] == Phase.SEARCH and (finished(row) or row["state"] in FAILED)]
    for row in evidence:
        tried.setdefault(student(row), set()).add(row["seed"])
    students_of_seed = Counter(seed for of in tried.values() for seed in of)
    most = max(students_of_seed.values(), default=0)
    seeds = {seed for seed, students in students_of_seed.items() if 2 * students >= most}  # others are of few students
    evidence = [row for row in evidence if row["seed"] in seeds]
    shared = {one for one, of in tried.items() if seeds <= of}
    found = seed_sets(Trials(trial_table(rows)), phases=(Phase.SEARCH,))
    if len(seeds) < 2 or not shared:
        assert found is None
        return
    assert found is not None
    assert found.students == len(shared)
    known = [row for row in evidence if student(row) in shared and finished(row)]
    known = [row for row in known if row["fid"] is not None and math.isfinite(row["fid"])]
    points = {seed: [(row["parameters"], row["fid"]) for row in known if row["seed"] == seed] for seed in seeds}
    assert {seed: [tuple(point) for point in of.tolist()] for seed, of in found.sets.items()} == points


def test_codes_are_equal_where_all_columns_are() -> None:
    random = np.random.default_rng(0)
    words, huge = random.choice(["a", "b", "c"], 500).tolist(), random.choice([-(2**62), 0, 2**62], 500)
    floats = [None if n % 7 == 0 else float(n % 3) * (-1) ** n for n in range(500)]
    columns = [pa.chunked_array([words[:200], words[200:]]), pa.chunked_array([floats]), pa.chunked_array([huge])]
    keys = list(zip(words, floats, huge.tolist(), strict=True))
    codes = codes_of([*columns, huge + 1])
    assert len(set(zip(keys, codes.tolist(), strict=True))) == len(set(keys)) == len(set(codes.tolist()))
    assert codes.max() < 10_000, "tables by code stay small"
    first = {key: place for place, key in reversed(list(enumerate(keys)))}
    last = {key: place for place, key in enumerate(keys)}
    assert first_of_each(codes).tolist() == sorted(first.values())
    assert last_of_each(codes).tolist() == [last[keys[place]] for place in sorted(first.values())]

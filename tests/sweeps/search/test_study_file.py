"""A study's file that a full disk or a loss of power has cut: the search goes on, and lacks only what was cut."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from sweeps.search.study_file import CUT, FILE, open_storage
from tests.sweeps.search.test_search_resume import made_up
from tests.sweeps.untrained_search import Search

SPACE = {
    "width": {"type": "int", "low": 1, "high": 8},
    "depth": {"type": "int", "low": 1, "high": 3},
    "gan_weight": {"type": "float", "low": 0.0, "high": 0.5},
}
POINTS = [{"width": width, "depth": 1, "gan_weight": 0.1} for width in range(1, 5)]

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "half a line": lambda text: text[:-40],
    "no end of line": lambda text: text[:-1],
    "blocks that were never written": lambda text: text[:-40] + bytes(4096),
    "a record glued to half a line": lambda text: text[:-40] + b'{"op_code":5}\n{"op_code":5}\n',
    "half a number, which is JSON": lambda text: text + b"12\n",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_torn_end_costs_no_more_than_itself(
    damage: Callable[[bytes], bytes], search_spec: Any, tmp_path: Path
) -> None:
    spec = search_spec(space=SPACE, trials=8)
    search, told = Search(spec, tmp_path), {}
    for number in range(4):
        told |= answered(search, number)
    file = tmp_path / FILE
    file.write_bytes(damage(file.read_bytes()))

    for _ in range(2):  # Optuna reads a torn file once, and never again
        search = Search(spec, tmp_path, told)
        told |= answered(search, len(told))
    assert len(told) == 6
    study = optuna.load_study(study_name=spec.name, storage=open_storage(tmp_path))
    values = {tuple(trial.values) for trial in study.get_trials(states=(TrialState.COMPLETE,))}
    assert len(set(told.values()) - values) <= 1, "what was cut off"


def answered(search: Search, number: int) -> dict[str, tuple[float, float]]:
    """One trial asked and told: its (parameters, fid) by its identity."""
    request = search.ask(number)
    assert request is not None
    fid, parameters = made_up(request)
    search.tell(number, fid, parameters)
    return {request.key: (parameters, fid)}


def test_points_that_were_not_all_in_line_are_put_there(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec(space=SPACE, points=POINTS, trials=8)
    Search(spec, tmp_path)
    file = tmp_path / FILE
    lines = file.read_bytes().splitlines(keepends=True)
    of_points = [number for number, line in enumerate(lines) if b"fixed_params" in line]
    file.write_bytes(b"".join(lines[: of_points[2]]) + lines[of_points[2]][:30])
    search = Search(spec, tmp_path)
    waiting = [trial.system_attrs["fixed_params"]["width"] for trial in search.study.get_trials()]
    assert sorted(waiting) == [1, 2, 3, 4]


def test_what_is_cut_is_kept_and_said(search_spec: Any, tmp_path: Path) -> None:
    Search(search_spec(space=SPACE, points=POINTS, trials=8), tmp_path)
    file, said = tmp_path / FILE, list[str]()
    lines = file.read_bytes().splitlines(keepends=True)
    rest = b"torn\n" + b"".join(lines[3:])
    file.write_bytes(b"".join(lines[:2]) + rest)
    open_storage(tmp_path, say=said.append)
    assert file.read_bytes() == b"".join(lines[:2])
    assert (tmp_path / CUT).read_bytes() == rest
    assert said == [f"{FILE} could not be read from its line 3 on; the rest was cut, and is kept in {CUT}"]


def test_what_is_whole_stays_as_it_is(search_spec: Any, tmp_path: Path) -> None:
    Search(search_spec(space=SPACE, points=POINTS, trials=8), tmp_path)
    before = (tmp_path / FILE).read_bytes()
    open_storage(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    assert all(isinstance(json.loads(line), dict) for line in before.splitlines())

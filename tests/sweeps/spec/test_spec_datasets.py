"""One file with several data sets: a sweep for each, and mistakes by line."""

from pathlib import Path
from typing import Any

import pytest

import sweeps


@pytest.fixture
def several(tiny: dict[str, Any]) -> dict[str, Any]:
    """The tiny sweep without its data set."""
    del tiny["dataset"]
    return tiny


def mistakes_of(path: Path) -> str:
    with pytest.raises(sweeps.SpecError) as refused:
        sweeps.load_specs(path)
    return str(refused.value)


def test_a_list_of_names_is_a_sweep_for_each(several: dict[str, Any], spec_file: Any) -> None:
    specs = sweeps.load_specs(spec_file({**several, "datasets": ["digits", "shapes"]}))
    assert [(spec.name, spec.dataset.name, spec.group) for spec in specs] == [
        ("tiny-digits", "digits", "tiny"),
        ("tiny-shapes", "shapes", "tiny"),
    ]
    assert specs[0].search == specs[1].search
    assert specs[0].teacher == specs[1].teacher


def test_a_mapping_changes_what_it_names_and_nothing_else(several: dict[str, Any], spec_file: Any) -> None:
    width = {"type": "choice", "values": [2, 5]}
    changes = {"teacher": {"width": 6}, "search": {"space": {"width": width}}}
    several["search"]["points"] = []
    digits, shapes = sweeps.load_specs(spec_file({**several, "datasets": {"digits": None, "shapes": changes}}))
    assert (digits.teacher.width, shapes.teacher.width) == (8, 6)
    assert digits.teacher.latent_size == shapes.teacher.latent_size == 16
    assert shapes.search.space.width.values == (2, 5), "a domain is replaced as a whole"
    assert digits.search.space.width.high == 4
    assert shapes.search.space.depth == digits.search.space.depth


def test_the_name_of_a_data_set_may_be_a_label(several: dict[str, Any], spec_file: Any) -> None:
    few, many = sweeps.load_specs(
        spec_file(
            {**several, "datasets": {size: {"dataset": {"name": "shapes", "num_images": n}} for size, n in SIZES}}
        )
    )
    assert (few.name, many.name) == ("tiny-few", "tiny-many")
    assert few.dataset != many.dataset


SIZES = (("few", 1000), ("many", 2000))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dataset: digits\ndatasets: [digits]", "line 2: datasets: a sweep has dataset or datasets, got both"),
        ("datasets: []", "line 1: datasets: names of data sets, each once, got []"),
        ("datasets: [digits, digits]", "line 1: datasets: names of data sets, each once"),
        ("datasets:\n  digits: 3", "line 2: datasets.digits: a mapping of keys to what differs, got 3"),
        ("datasets:\n  digits: {budget: {}}", "datasets.digits.budget: is the same for all data sets"),
        ("group: x\ndataset: digits", "line 1: group: unknown key"),
    ],
)
def test_mistakes_are_named_by_line(spec_file: Any, text: str, expected: str) -> None:
    assert expected in mistakes_of(spec_file(text))


def test_a_mistake_in_what_differs_is_found_where_it_is_written(several: dict[str, Any], spec_file: Any) -> None:
    path = spec_file({**several, "datasets": {"digits": {}, "shapes": {"teacher": {"widht": 6}}}})
    line = next(n for n, text in enumerate(path.read_text().splitlines(), start=1) if "widht" in text)
    assert f"line {line}: " in mistakes_of(path)
    assert "widht: unknown key. Did you mean width?" in mistakes_of(path)


def test_one_sweep_is_asked_for_where_a_file_has_several(several: dict[str, Any], spec_file: Any) -> None:
    with pytest.raises(sweeps.SweepError, match="datasets"):
        sweeps.load_spec(spec_file({**several, "datasets": ["digits", "shapes"]}))


def test_what_the_command_gives_is_of_every_data_set(several: dict[str, Any], spec_file: Any) -> None:
    changes = {"digits": {"search": {"trials": 3}}, "shapes": {"seed": 3}}
    path = spec_file({**several, "datasets": changes})
    specs = sweeps.load_specs(path, {"seed": 5, "search.trials": 7, "name": "other"})
    assert [(spec.name, spec.seed, spec.search.trials) for spec in specs] == [
        ("other-digits", 5, 7),
        ("other-shapes", 5, 7),
    ]
    with pytest.raises(sweeps.SpecError) as refused:
        sweeps.load_specs(path, {"seed": -1, "name": "Bad Name"})
    first, second, *more = str(refused.value).splitlines()[1:]
    assert "given with the command: name: " in first
    assert "given with the command: seed: " in second
    assert not any("line " in line or "group" in line for line in more), more

import re
from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps.spec.file import MAX_BYTES

CHOICE = {"type": "choice", "values": [0.1, 0.2]}


def mistake_of(path: Path) -> str:
    with pytest.raises(sweeps.SweepError) as caught:
        sweeps.load_spec(path)
    return str(caught.value)


def test_every_preset_is_valid() -> None:
    assert "digits" in sweeps.preset_names()
    for name in sweeps.preset_names():
        assert sweeps.load_spec(name).name == name


def test_a_file_is_read_into_frozen_values(spec_file: Any, tiny: dict[str, Any]) -> None:
    spec = sweeps.load_spec(spec_file(tiny))
    assert spec.teacher.width == 8
    assert spec.evaluation.rungs_kimg == (2.0,)
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "other"  # type: ignore[misc]


def test_numbers_and_words_are_read_as_a_person_means_them(spec_file: Any) -> None:
    text = """
name: on
dataset: digits
teacher: {width: 8, training: {kimg: 1e1, optimiser: {learning_rate: 1e-3}}}
student: {kimg: .5}
search:
  trials: 1
  space:
    width: {type: int, low: 1, high: 2, log: true}
    depth: {type: choice, values: [1]}
    gan_weight: {type: float, low: 0, high: 2.5e-1}
baseline: {kimg: 2, of: none}
"""
    spec = sweeps.load_spec(spec_file(text))
    assert spec.name == "on"
    assert spec.teacher.training.optimiser.learning_rate == 0.001
    assert (spec.teacher.training.kimg, spec.student.kimg) == (10.0, 0.5)


def test_overrides_replace_values_and_are_checked(spec_file: Any, tiny: dict[str, Any]) -> None:
    path = spec_file(tiny)
    assert sweeps.load_spec(path, {"search.trials": 9}).search.trials == 9
    with pytest.raises(sweeps.SpecError, match=r"given with the command: search\.trials: .*, got -1"):
        sweeps.load_spec(path, {"search.trials": -1})
    tiny["search"] |= {"sampler": "gp", "points": []}
    with pytest.raises(sweeps.SpecError, match=r"line \d+, with search\.trials of the command: search: gp takes"):
        sweeps.load_spec(spec_file(tiny), {"search.trials": 5000})
    del tiny["search"]
    with pytest.raises(sweeps.SpecError, match=r"given with the command: search\.trials: .*, got -1"):
        sweeps.load_spec(spec_file(tiny), {"search.trials": -1})


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("teacher.widht", 8, r"line \d+: teacher\.widht: unknown key\. Did you mean width\?"),
        ("student.critic_every", 2, r"student\.critic_every: unknown key\. Did you mean adversarial\.critic_every\?"),
        ("student.opponent", CHOICE, r"or 'teacher', got a domain\. Write it as opponent under search\.space\.s"),
        ("student.gan_weight", CHOICE, r"number, got a domain\. Write it as gan_weight under search\.space\.$"),
        ("student.critic_features", [[1]], r"sweep:\n  line \d+: student\.critic_features\.0: .*, got \[1\]\..*$"),
        ("sound", 1, r"sound: unknown key\. Known here: baseline, "),
        ("teacher.width", "8", r"line \d+: teacher\.width: input should be a valid integer, got '8'"),
        ("teacher.width", 0, r"teacher\.width: input should be greater than or equal to 1, got 0"),
        ("search.space.width.low", 0, r"width lies between 1 and the teacher's width 8, got 0 to 4; narrow"),
        ("search.space.width.high", 9, r"width lies between 1 and the teacher's width 8, got 1 to 9; narrow"),
        ("search.space.width.low", 5, r"line \d+: search\.space\.width: low is at most high, got low 5 and"),
        ("search.space.gan_weight.values", [0.0, 0.05, 1.0], r"gan_weight lies in \[0, 1\), got 0\.0 to 1\.0"),
        ("search.space.depth.low", 0, r"depth is at least 1"),
        ("search.space.block", {"type": "choice", "values": ["dcgan", "seperable"]}, r"separable, resize, got"),
        ("search.space.width", {"type": "choice", "values": ["wide", 2, 3]}, r"takes numbers, got .wide."),
        ("search.points", [{"width": 2, "depth": 1, "gan_weight": 0.0, "block": "separable"}], r"block, which is not"),
        ("search.space.width.type", "integer", r"search\.space\.width: a domain's type is int, float.*got 'integer'"),
        ("search.points", [{"width": 7, "depth": 1, "gan_weight": 0.0}], r"mend width of point 1"),
        ("search", {"trials": 501, "sampler": "gp", "space": {"width": 2}}, r"seconds a suggestion beyond 500 trials"),
        ("dataset", "digit", r"dataset: A data set has a path, or is one of .*, got 'digit'\. Choose"),
        ("name", "../x", r"name: string should match pattern .*got '\.\./x'"),
        ("evaluation.num_samples", 100, r"at least twice the extractor's 64 features, got 100; raise it to 128"),
        ("limit.metric", "colour", r"limit\.metric: input should be 'fid', 'kid', .* or 'latent_mse', got 'colour'"),
        ("limit.threshold", 9.0, r"a tolerance or a threshold, got tolerance 1 and threshold 9; leave one of them out"),
        ("student.batch_size", 600, r"line \d+: student\.batch_size is at most teacher\.pool_size 512, got 600; lower"),
        ("search", {"trials": 1, "space": {"width": 2, "student": {"batch_size": 513}}}, r"pool_size 512, got 513;"),
        ("student.gan_weight", 1.5, r"student\.gan_weight: input should be less than 1, got 1\.5"),
        ("teacher.training.kimg", float("inf"), r"teacher\.training\.kimg"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_line_rule_value_and_remedy(
    spec_file: Any, tiny: dict[str, Any], path: str, value: Any, expected: str
) -> None:
    *parents, last = path.split(".")
    place = tiny
    for parent in parents:
        place = place[parent]
    place[last] = value
    with pytest.raises(sweeps.SpecError, match=expected):
        sweeps.load_spec(spec_file(tiny))


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("search", {"objectives": ["parameters", "inception_score"]}),
        ("limit", {"metric": "inception_score", "tolerance": 0.2}),
    ],
)
def test_an_inception_score_is_not_asked_of_an_extractor_without_classes(
    section: str, change: dict[str, Any], spec_file: Any, tiny: dict[str, Any]
) -> None:
    tiny["extractor"], tiny["evaluation"] = "dinov2-vit-s-14", {"num_samples": 768}
    sweeps.load_spec(spec_file(tiny))
    tiny[section] = tiny[section] | change
    assert re.search(rf"line \d+: {section}.* dinov2-vit-s-14 has no classes", mistake_of(spec_file(tiny)))


def test_the_line_is_that_of_the_mistake(spec_file: Any, tiny: dict[str, Any]) -> None:
    tiny["student"]["kimg"] = -1
    path = spec_file(tiny)
    (number,) = (n for n, line in enumerate(path.read_text().splitlines(), start=1) if "kimg: -1" in line)
    assert f"line {number}: student.kimg: " in mistake_of(path)


def test_all_mistakes_are_reported_at_once(spec_file: Any, tiny: dict[str, Any]) -> None:
    tiny["teacher"]["width"], tiny["student"]["kimg"], tiny["extra"] = 0, -1, 1
    message = mistake_of(spec_file(tiny))
    assert all(part in message for part in ("teacher.width", "student.kimg", "extra"))
    assert len(message.splitlines()) == 4


def test_a_missing_key_is_asked_for(spec_file: Any, tiny: dict[str, Any]) -> None:
    del tiny["student"]
    assert "student: is required. Add it." in mistake_of(spec_file(tiny))


def test_a_duplicate_key_is_refused(spec_file: Any) -> None:
    message = mistake_of(spec_file("name: a\nteacher:\n  width: 8\n  width: 9\nname: b\n"))
    assert "line 4: teacher.width is given once, got it again after line 3" in message
    assert "line 5: name is given once, got it again after line 1" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "A sweep is a mapping"),
        ("- 1\n- 2\n", "A sweep is a mapping"),
        ("name: [1, 2\n", "this is not YAML"),
        ("a: &x 1\nb: *x\n", "aliases"),
        ("1: 2\n", "a key is a word"),
        ("a: " + "[" * 60 + "]" * 60, "nesting is at most"),
        ("a: !!python/object:os.system {}\n", "line 1: values are plain YAML, got the tag"),
        ("a: !!binary aGk=\n", "line 1: values are plain YAML"),
        ("a: !!int x\n", "this is not YAML"),
    ],
)  # fmt: skip
def test_what_is_no_sweep_is_refused(spec_file: Any, text: str, expected: str) -> None:
    with pytest.raises(sweeps.SweepError, match=expected):
        sweeps.load_spec(spec_file(text))


def test_a_huge_file_is_not_even_read(spec_file: Any) -> None:
    assert f"at most {MAX_BYTES} bytes" in mistake_of(spec_file("a: 1\n" * MAX_BYTES))


def test_a_missing_file_names_the_presets(tmp_path: Path) -> None:
    message = mistake_of(tmp_path / "none.yaml")
    assert "one of the presets celeba-paper, cifar10-paper, digits" in message
    assert "No such file" in message


def test_an_override_below_a_wrong_value_is_a_mistake_of_the_file(spec_file: Any, tiny: dict[str, Any]) -> None:
    tiny["search"] = 5
    with pytest.raises(sweeps.SpecError, match="search: "):
        sweeps.load_spec(spec_file(tiny), {"search.trials": 3})

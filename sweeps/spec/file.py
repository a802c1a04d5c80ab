"""This module reads a sweep's YAML: bounded, without surprises, and with every mistake named by its line."""

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sweeps.errors import SpecError, SweepError
from sweeps.spec.datasets import datasets_mistakes, members
from sweeps.spec.filling import with_what_files_say
from sweeps.spec.mistakes import REPLACED, Location, described, dotted
from sweeps.spec.places import mistakes_for_nodes, with_absolute_paths
from sweeps.spec.sweep import SweepSpec

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")}


class _Loader(yaml.SafeLoader):
    """This is YAML's safe loader with `1e-3` as a number and yes/no/on/off as plain words (YAML 1.2)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if not tag.endswith((":bool", ":float", ":timestamp"))]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?$"),
    list("-+.0123456789"),
)


def preset_names() -> list[str]:
    """Returns the names of the shipped presets."""
    folder = resources.files("sweeps") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_spec(source: str | Path, overrides: dict[str, Any] | None = None) -> SweepSpec:
    """Returns the sweep in the YAML file `source`, or in the shipped preset of that name.

    `overrides` replaces values by dotted path, such as {"search.trials": 40}. Raises SpecError with one line per
    mistake, and SweepError when there is no such file or preset, or it names several data sets.
    """
    specs = load_specs(source, overrides)
    if len(specs) > 1:
        raise SweepError(
            "This takes a sweep on one data set",
            f"{', '.join(spec.name for spec in specs)} in {source}",
            "Give the file `dataset` instead of `datasets`.",
        )
    return specs[0]


def load_specs(
    source: str | Path, overrides: dict[str, Any] | None = None, *, for_nodes: bool = False
) -> tuple[SweepSpec, ...]:
    """Returns the sweeps in a file: one for each of its `datasets`, or just one.

    Arguments and errors are those of `load_spec`. `for_nodes`: its paths are places on a cluster's nodes, so none is
    made absolute or looked into here, and a relative one is refused.
    """
    name, text = _read(source)
    data, lines = _parse(name, text)
    if for_nodes:
        _require_portable(name, data, lines=lines)
    else:
        data = with_absolute_paths(data)
    given = overrides or {}
    for path, value in given.items():
        _replace(data, path, value=value)
        lines |= {place: REPLACED for place in _places(path) if place not in lines} | {_places(path)[-1]: REPLACED}
    specs, mistakes = [], list(datasets_mistakes(data, lines))
    for label, member in () if mistakes else members(data):
        for path, value in given.items() if label else ():
            if path.partition(".")[0] not in ("name", "datasets"):  # which are the file's
                _replace(member, path, value=value)
        whole = member if for_nodes else with_what_files_say(member)
        try:
            # Through JSON, so that lists become tuples while strictness about numbers stays.
            specs.append(SweepSpec.model_validate_json(json.dumps(whole)))
        except ValidationError as error:
            mistakes += described(error, _lines_of(label, lines))
    if mistakes:
        raise SpecError(name, list(dict.fromkeys(mistakes)))  # a mistake of the whole file is found in each data set
    return tuple(specs)


def portable_text(source: str | Path) -> str:
    """Returns a file's content for a driver on a cluster's node, where its paths are places, as JSON, which is YAML.

    Raises as `load_spec` does where it cannot be read, and SpecError for a relative path.
    """
    name, text = _read(source)
    data, lines = _parse(name, text)
    _require_portable(name, data, lines=lines)
    return json.dumps(data, indent=1) + "\n"


def _require_portable(name: str, data: dict[str, Any], *, lines: dict[Location, int]) -> None:
    mistakes = [f"line {lines.get(place, 1)}: {dotted(place)}: {text}" for place, text in mistakes_for_nodes(data)]
    if mistakes:
        raise SpecError(name, mistakes)


def quoted(text: str) -> str:
    """Returns a word as a sweep's file has it: in quotes where it would be read as a number, or as true or null."""
    node = yaml.compose(text, Loader=_Loader)
    return text if node is not None and node.tag == "tag:yaml.org,2002:str" else json.dumps(text)


def _lines_of(label: str | None, lines: dict[Location, int]) -> dict[Location, int]:
    """Returns the lines as the sweep of one data set sees them.

    What the data set says itself comes before what the file says for all data sets, and behind what the command says.
    """
    own = {place[2:]: line for place, line in lines.items() if place[:2] == ("datasets", label)}
    return lines | {place: line for place, line in own.items() if lines.get(place) != REPLACED}


def _places(path: str) -> list[Location]:
    """Returns the places of a dotted path, from its first key to the whole."""
    keys = path.split(".")
    return [tuple(keys[: count + 1]) for count in range(len(keys))]


def _read(source: str | Path) -> tuple[str, str]:
    path = Path(source)
    if str(source) in preset_names() and not path.suffix:
        return f"preset {source}", (resources.files("sweeps") / "presets" / f"{source}.yaml").read_text()
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # of a device or a pipe, too, which has no size
        if len(content) > MAX_BYTES:
            raise SweepError(
                f"A sweep's file has at most {MAX_BYTES} bytes", f"more in {path}", "Is this the right file?"
            )
        return str(path), content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SweepError(
            f"SPEC is a readable YAML file or one of the presets {', '.join(preset_names())}",
            f"{source} ({getattr(error, 'strerror', None) or error})",
            "Check the path or choose a preset.",
        ) from error


def _parse(name: str, text: str) -> tuple[dict[str, Any], dict[Location, int]]:
    mistakes: list[str] = []
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
            raise SpecError(name, ["YAML aliases (*name) are not used in a sweep; write the value out."])
        node = yaml.compose(text, Loader=_Loader)
        if not isinstance(node, yaml.MappingNode):
            raise SpecError(name, ["A sweep is a mapping of keys to values. Start from a preset."])
        lines = dict(_walk(node, (), mistakes=mistakes))
        data: dict[str, Any] = {} if mistakes else _Loader("").construct_document(node)
    except SpecError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = f"line {mark.line + 1}: " if (mark := getattr(error, "problem_mark", None)) else ""
        problem = getattr(error, "problem", None) or f"{type(error).__name__}: {error}"
        raise SpecError(name, [f"{where}this is not YAML ({problem}). Mend the syntax."]) from error
    if mistakes:
        raise SpecError(name, mistakes)
    return data, lines


def _walk(node: yaml.Node, location: Location, *, mistakes: list[str]) -> Iterator[tuple[Location, int]]:
    """Yields every location with its line, and collects duplicate keys and what JSON could not hold."""
    yield location, node.start_mark.line + 1
    if len(location) > MAX_DEPTH:
        mistakes.append(f"line {node.start_mark.line + 1}: nesting is at most {MAX_DEPTH} deep. Flatten it.")
        return
    if node.tag not in PLAIN_TAGS:
        mistakes.append(f"line {node.start_mark.line + 1}: values are plain YAML, got the tag {node.tag}. Remove it.")
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _walk(child, (*location, index), mistakes=mistakes)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, child in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                mistakes.append(f"line {line}: a key is a word, got {getattr(key, 'value', key)!r}. Rename it.")
                continue
            if key.value in seen:
                path = dotted((*location, key.value))
                mistakes.append(
                    f"line {line}: {path} is given once, got it again after line {seen[key.value]}. Remove one."
                )
            seen[key.value] = line
            yield from _walk(child, (*location, key.value), mistakes=mistakes)


def _replace(data: dict[str, Any], path: str, *, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            return  # the file has a mistake there, which the validation names
    data[last] = value

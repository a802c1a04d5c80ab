"""This module writes a specification to start from, with its keys explained, and the JSON Schema of all for editors."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gan import DatasetConfig, GanError, GeneratorConfig, OwnGenerator, count_parameters, inspect_generator
from sweeps.errors import SweepError
from sweeps.spec.file import preset_names, quoted
from sweeps.spec.models import EXTRACTORS
from sweeps.spec.sweep import SweepSpec

SCHEMA_NAME = "ganlimit.schema.json"
# Of the template's search: its widest and deepest students, and the least that leaves something to search.
WIDEST, DEEPEST, MARGIN = 24, 2, 4


def json_schema() -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of a sweep's file."""
    schema = SweepSpec.model_json_schema(mode="validation")
    dataset = schema["properties"]["dataset"]
    extractor = schema["properties"]["extractor"]
    # A name may stand for a mapping that holds nothing else.
    schema["properties"]["dataset"] = {"anyOf": [dataset, {"type": "string"}]}
    schema["properties"]["extractor"] = {"anyOf": [extractor, {"enum": list(EXTRACTORS)}]}
    _let_values_stand_for_domains(schema)
    _leave_out_examples(schema)
    del schema["properties"]["group"]  # follows from `datasets`
    changes = {"type": "object", "additionalProperties": {"type": ["object", "null"]}}
    schema["properties"]["datasets"] = {"anyOf": [{"type": "array", "items": {"type": "string"}}, changes]}
    schema["required"].remove("dataset")
    schema["oneOf"] = [{"required": ["dataset"]}, {"required": ["datasets"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ganlimit sweep", **schema}


def _leave_out_examples(schema: Any) -> None:
    """Cuts what a class shows to those who program with it from its description, which editors show."""
    for definition in schema["$defs"].values():
        if "description" in definition:
            definition["description"] = definition["description"].partition("\n\n>>>")[0]


def write_template(
    out: Path, preset: str | None = None, *, data: Path | None = None, teacher: Path | None = None
) -> list[Path]:
    """Write the template, or a preset, to `out` and the schema beside it. Returns the files written.

    The template is of the images in `data` and the generator in `teacher`, where they are given, which a preset has of
    its own. Raises SweepError where `out` exists, cannot be written, or there is no such preset or file.
    """
    text = _template(data, teacher) if preset is None else _preset(preset, given=data or teacher)
    schema = out.with_name(SCHEMA_NAME)
    try:
        with out.open("x", encoding="utf-8") as file:  # never over somebody's work
            file.write(f"# yaml-language-server: $schema={SCHEMA_NAME}\n{text}")
        schema.write_text(json.dumps(json_schema(), indent=2) + "\n")
    except OSError as error:
        raise SweepError(
            "FILE is a new file in a writable folder", f"{out} ({error.strerror})", "Choose another."
        ) from error
    return [out, schema]


def _preset(name: str, *, given: Path | None) -> str:
    if name not in preset_names():
        raise SweepError(f"PRESET is one of {', '.join(preset_names())}", name, "Choose one of them.")
    if given is not None:
        raise SweepError("A preset has data and a teacher of its own", given, "Leave out --preset, or the others.")
    return (resources.files("sweeps") / f"presets/{name}.yaml").read_text()


def _template(data: Path | None, teacher: Path | None) -> str:
    for path, option in ((data, "--data"), (teacher, "--teacher")):
        if path is not None and not _is_there(path):
            raise SweepError(f"{option} is there", f"nothing at {path}", "Correct the path.")
    environment = Environment(
        loader=PackageLoader("sweeps", "templates"),
        autoescape=False,  # YAML, whose text is quoted as JSON's is
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    paths = {name: path and json.dumps(str(path)) for name, path in (("data", data), ("teacher", teacher))}
    name = DatasetConfig.model_validate({"path": str(data)}).name if data else "my-sweep"
    widest = _widest(teacher) if teacher else WIDEST
    return environment.get_template("sweep.yaml.j2").render(name=quoted(name), widest=widest, **paths)


def _is_there(path: Path) -> bool:
    try:
        return path.expanduser().exists()
    except RuntimeError:  # of ~user without a home
        return False


def _widest(teacher: Path) -> int:
    """Returns the widest student of at most half the parameters of a generator of the user's own, WIDEST at most.

    A generator of which something cannot be found leaves it at WIDEST; what is missing is named when the file is read.
    """
    try:
        report = inspect_generator(OwnGenerator(file=str(teacher.expanduser())))
    except GanError:
        return WIDEST
    shape = {"image_channels": report.image_channels, "image_size": report.image_size, "depth": DEEPEST}
    takes = report.imported.space.model_dump()
    students = [GeneratorConfig.model_validate({"width": width, **shape, **takes}) for width in range(1, WIDEST + 1)]
    return max(MARGIN, sum(count_parameters(student) <= report.parameters / 2 for student in students))


def _let_values_stand_for_domains(schema: dict[str, Any]) -> None:
    domains = {f"#/$defs/{kind}Domain" for kind in ("Int", "Float", "Choice", "Fixed")}
    space = schema["$defs"]["Space"]["properties"]
    for name, found in space.items():
        if name == "student":
            found["additionalProperties"] = _domain(domains)
        elif name == "stage_widths":
            space[name] = {"type": "array", "items": _domain(domains), "description": "a domain for each stage's width"}
        else:
            space[name] = {**_domain(domains), "description": f"domain of {name}, or one value"}


def _domain(references: set[str]) -> dict[str, Any]:
    branches: list[dict[str, Any]] = [{"$ref": reference} for reference in sorted(references)]
    return {"anyOf": [*branches, {"type": ["number", "string"]}]}

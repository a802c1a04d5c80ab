"""This module writes a specification to start from, with every key explained, and its JSON Schema for editors."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sweeps.errors import SweepError
from sweeps.spec.file import preset_names
from sweeps.spec.models import EXTRACTORS
from sweeps.spec.sweep import SweepSpec

SCHEMA_NAME = "ganlimit.schema.json"


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
        if path is not None and not path.expanduser().exists():
            raise SweepError(f"{option} is there", f"nothing at {path}", "Correct the path.")
    environment = Environment(
        loader=PackageLoader("sweeps", "templates"),
        autoescape=False,  # YAML, whose text is quoted as JSON's is
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    given = {"data": data, "teacher": teacher}
    quoted = {name: path and json.dumps(str(path)) for name, path in given.items()}
    return environment.get_template("sweep.yaml.j2").render(name=_name_for(data), **quoted)


def _name_for(data: Path | None) -> str:
    return "my-sweep"


def _let_values_stand_for_domains(schema: dict[str, Any]) -> None:
    domains = {f"#/$defs/{kind}Domain" for kind in ("Int", "Float", "Choice", "Fixed")}
    space = schema["$defs"]["Space"]["properties"]
    for name, found in space.items():
        if name == "student":
            found["additionalProperties"] = _domain(domains)
        else:
            space[name] = {**_domain(domains), "description": f"domain of {name}, or one value"}


def _domain(references: set[str]) -> dict[str, Any]:
    branches: list[dict[str, Any]] = [{"$ref": reference} for reference in sorted(references)]
    return {"anyOf": [*branches, {"type": ["number", "string"]}]}

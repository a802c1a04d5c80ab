"""This module shows what a generator of the user's own is, and the `teacher` of a specification that it makes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from rich.console import Console

from gan import GeneratorReport, OwnGenerator, inspect_generator
from gan.images import save_grid
from sweeps.errors import SweepError


@dataclass(frozen=True)
class Inspection:
    """An Inspection is a report for people and for scripts, and where its samples lie."""

    report: GeneratorReport
    samples: Path | None = None

    @property
    def teacher(self) -> dict[str, Any]:
        """Returns the keys of the specification's teacher, without those at their default."""
        return self.report.imported.model_dump(mode="json", exclude_defaults=True)

    def as_dict(self) -> Mapping[str, object]:
        report = self.report
        return {
            "kind": report.kind,
            "parameters": report.parameters,
            "weights_dtype": report.weights_dtype,
            "inputs": report.inputs,
            "output": report.output,
            "output_dtype": report.output_dtype,
            "image_channels": report.image_channels,
            "image_size": report.image_size,
            "least": report.least,
            "most": report.most,
            "is_deterministic": report.is_deterministic,
            "samples": str(self.samples) if self.samples else None,
            "teacher": self.teacher,
        }

    def print_to(self, console: Console, /) -> None:
        report = self.report
        noise = "none of its own" if report.is_deterministic else f"fixed by noise_seed {report.imported.noise_seed}"
        colour = "grey" if report.image_channels == 1 else "RGB"
        rows = {
            "file": f"{report.imported.path}, {report.kind}",
            "parameters": f"{report.parameters:,}, stored as {report.weights_dtype}, run as float32",
            "takes": report.inputs,
            "gives": f"{report.output}, {report.output_dtype}",
            "images": f"{report.image_size} pixels square, {colour}, from {report.least:.3g} to {report.most:.3g}",
            "noise": noise,
            "batch": "of any size",
        }
        lines = [f"{name:<12}{value}" for name, value in rows.items()]
        if self.samples:
            lines.append(f"{'samples':<12}{self.samples}")
        block = yaml.safe_dump({"teacher": self.teacher}, sort_keys=False, default_flow_style=None)
        console.print("\n".join([*lines, "", block.rstrip()]), highlight=False, markup=False, soft_wrap=True)


def inspect_teacher(keys: Mapping[str, object], *, more: Sequence[str] = (), out: Path | None = None) -> Inspection:
    """Returns what the generator is that the keys of a `teacher` name, and writes 64 of its images to the PNG `out`.

    more: further keys as KEY=VALUE, with the value in YAML. Raises SweepError for keys that are none, and GanError
    where the generator cannot be taken.
    """
    given = {name: value for name, value in keys.items() if value is not None} | dict(map(_parsed, more))
    try:
        own = OwnGenerator.model_validate_json(json.dumps(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "the generator"
        raise SweepError(
            f"{name}: {first['msg'].removeprefix('Value error, ')}",
            json.dumps(given),
            f"Its keys are {', '.join(OwnGenerator.model_fields)}.",
        ) from error
    report = inspect_generator(own)
    if out:
        save_grid(report.samples, out)
    return Inspection(report, out)


def _parsed(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    try:
        parsed = yaml.safe_load(value) if equals else None
        json.dumps(parsed)
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise SweepError("--with is KEY=VALUE with a value in YAML", text, "Correct it.") from error
    if not equals:
        raise SweepError(
            "--with is KEY=VALUE with a value in YAML", text, "Write labels={classes: 10, as: index}, say."
        )
    return name, parsed

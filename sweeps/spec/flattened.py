"""This module lists a specification's keys as a table has them: `search.space.width` and its value as a few words."""

import json
from collections.abc import Iterator
from typing import Any

from sweeps.spec.sweep import SweepSpec

LONGEST = 500  # letters of a value


def flattened(spec: SweepSpec) -> dict[str, str]:
    """Returns each key that has a value, from the specification's beginning on."""
    return {name: text[:LONGEST] for name, text in _leaves(spec.model_dump(mode="json"), "")}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and path.startswith("search.space.") and "type" in value:
        yield path, _domain(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        yield path, ", ".join(item if isinstance(item, str) else json.dumps(item) for item in value)
    elif value is not None and value != []:
        yield path, value if isinstance(value, str) else json.dumps(value)


def _domain(domain: dict[str, Any]) -> str:
    """Returns a domain in words: `1 to 24, log`, or its values."""
    if "values" in domain:
        return " | ".join(map(str, domain["values"]))
    if "value" in domain:
        return str(domain["value"])
    step = f", step {domain['step']}" if domain.get("step", 1) != 1 else ""
    return f"{domain['low']} to {domain['high']}{step}{', log' if domain.get('log') else ''}"

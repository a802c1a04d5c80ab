"""What the commands share: consoles, the data directory, overrides of a spec."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console


def outside_files(root: Path | None, no_download: bool, inception_weights: Path | None = None) -> Any:
    """The gan.DataRoot that the options --data-root, --no-download and --inception-weights name."""
    from gan import DataRoot, default_data_root

    folder = root.expanduser().resolve() if root else default_data_root().root
    return DataRoot(folder, not no_download, inception_weights.expanduser() if inception_weights else None)


def overrides(
    seed: int | None = None, name: str | None = None, trials: int | None = None, storage: str | None = None
) -> dict[str, Any]:
    """What options replace in a spec, by dotted path."""
    given = {"seed": seed, "name": name, "search.trials": trials, "cluster.storage": storage}
    return {path: value for path, value in given.items() if value is not None}


def existing(data_dir: Path | None) -> Any:
    """The sweeps.ledger.workspace.Workspace of an existing data directory."""
    from sweeps.ledger.data_dir import default_data_dir
    from sweeps.ledger.workspace import Workspace

    return Workspace.existing(data_dir or default_data_dir())


def console() -> Console:
    """Standard output."""
    return Console()


def stderr() -> Console:
    """Standard error: progress and mistakes."""
    return Console(stderr=True)


def print_json(value: Any) -> None:
    """JSON on standard output; NaN is refused, which JSON does not know."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def one_or_all(values: list[Any]) -> Any:
    """What a script gets: the only one, or the list."""
    return values[0] if len(values) == 1 else values


def show(reports: list[Any], as_json: bool) -> None:
    """Reports on standard output."""
    if as_json:
        print_json(one_or_all([report.as_dict() for report in reports]))
    else:
        for report in reports:
            report.print_to(console())


def print_each(found: Sequence[Any], as_json: bool) -> None:
    """Things that render themselves, one below the other; one of them is one JSON object, several a list."""
    if as_json:
        print_json(one_or_all([each.as_dict() for each in found]))
    else:
        for number, each in enumerate(found):
            console().print(*[""] * bool(number), each.render(), sep="\n")

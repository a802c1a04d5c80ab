"""This module packs the code of a submission: the four packages as they are installed here, and nothing else."""

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from sweeps.errors import SweepError

CODE = ("gan", "cluster", "analysis", "sweeps")
SUFFIXES = frozenset({".py", ".pyi", ".yaml", ".j2", ".css", ".js"})  # code, presets, the report's templates
MOST_BYTES = 20 * 2**20  # a fifth of what the jobs server takes


@contextmanager
def packed_code() -> Iterator[Path]:
    """Gives a temporary folder with the code, for the length of a `with` block."""
    with tempfile.TemporaryDirectory(prefix="ganlimit-code-") as name:
        pack_code(Path(name))
        yield Path(name)


def pack_code(folder: Path) -> None:
    """Copy this installation's code to `folder`, so that a Python that is started there runs it.

    Raises SweepError where it is unreasonably large.
    """
    size = 0
    for package in CODE:
        for source, name in _files(package):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            size += target.stat().st_size
    if size > MOST_BYTES:
        raise SweepError(
            f"The code of a submission has at most {MOST_BYTES / 2**20:.0f} MiB",
            f"{size / 2**20:.0f} MiB",
            "Something lies in the packages' folders that does not belong there: remove it.",
        )
    number = version("ganlimit")  # a row says by which version it was made, and nodes may not have it installed
    card = folder / f"ganlimit-{number}.dist-info" / "METADATA"
    card.parent.mkdir()
    card.write_text(f"Metadata-Version: 2.1\nName: ganlimit\nVersion: {number}\n")


def _files(package: str) -> Iterator[tuple[Path, str]]:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None, "it is this program"
    root = Path(spec.origin).parent
    for path in sorted(root.rglob("*")):
        is_hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(root).parts)
        is_deployed = package == "cluster" and path.is_relative_to(root / "deploy")
        if path.is_file() and path.suffix in SUFFIXES and not is_hidden and not is_deployed:
            yield path, f"{package}/{path.relative_to(root).as_posix()}"

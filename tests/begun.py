"""The data directory of a sweep that an earlier revision has begun and was interrupted in, as one small file.

    python -m tests.begun REV FILE

The code of REV trains the smallest models, begins an adaptive search over them, and gets Ctrl-C after some trials. The
store goes into the file as SQL, without the place where it was and the name of the machine.
"""

import argparse
import io
import socket
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from tests.continuity import SPEC, Directory
from tests.revisions import checked_out

PLACE, HOST = "/place-of-the-data-directory", "host-of-the-sweep"
STORE, DATABASE = "mlflow.sql", "mlflow.db"
TEXTS = (".sql", ".jsonl", ".json", ".journal")
KEPT = ("artifacts", "pools", "sweeps")
LEFT_OUT = (".png", ".pt2")  # what people look at, and models for other programs
BEGUN: dict[str, Any] = {
    **SPEC,
    "extractor": {"features": 16, "epochs": 3},
    "teacher": {"width": 6, "latent_size": 8, "pool_size": 128, "training": {"kimg": 2}},
    "student": {"kimg": 2},
    "search": {**SPEC["search"], "trials": 6, "reproducible": False},
    "phases": ["search"],
    "evaluation": {"num_samples": 64, "inception_splits": 2, "rungs_kimg": [1]},
}


def pack(data_dir: Path, file: Path) -> None:
    """Write the data directory to `file`."""
    with closing(sqlite3.connect(data_dir / DATABASE)) as connection:
        store = "\n".join(connection.iterdump())
    with tarfile.open(file, "w:xz") as archive:
        _add(archive, STORE, store.replace(str(data_dir), PLACE).replace(str(data_dir.parent), PLACE).encode())
        for path in sorted(path for name in KEPT for path in (data_dir / name).rglob("*") if path.is_file()):
            if path.suffix not in LEFT_OUT:
                _add(archive, str(path.relative_to(data_dir)), path.read_bytes())


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    content = content.replace(socket.gethostname().encode(), HOST.encode()) if name.endswith(TEXTS) else content
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def unpack(file: Path, data_dir: Path) -> Path:
    """Returns `data_dir`, made of what `pack` wrote."""
    with tarfile.open(file) as archive:
        archive.extractall(data_dir, filter="data")
    store = data_dir / STORE
    with closing(sqlite3.connect(data_dir / DATABASE)) as connection:
        connection.executescript(store.read_text().replace(PLACE, str(data_dir)))
    store.unlink()
    return data_dir


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", metavar="REV")
    parser.add_argument("file", metavar="FILE", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gl-begun-") as name:
        folder = Path(name).resolve()
        spec, begun = folder / "sweep.yaml", Directory(folder / "begun", folder / "sweep.yaml")
        spec.write_text(yaml.safe_dump(BEGUN))
        begun.begin(checked_out(arguments.revision, folder / "code"), enough=3)
        pack(begun.path, arguments.file)
    print(f"{arguments.file}: {arguments.file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

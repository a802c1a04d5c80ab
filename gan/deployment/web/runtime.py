"""This module finds what a page runs its networks with: files of onnxruntime-web, from npm or from where a person says.

They are no part of this package. Each has one digest, wherever it came from.
"""

import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from gan.digests import file_digest
from gan.errors import GanError
from gan.networks.own_network import first_line

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
LIBRARY, LOADER, BINARY = "ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"
DIGESTS = {  # SHA-256
    LIBRARY: "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    LOADER: "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    BINARY: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
_PLACES = ("dist", "package/dist", "node_modules/onnxruntime-web/dist", ".")  # below a folder that a person names
_PATIENCE_S = 600  # for 33 MB
_RULE = f"A page runs {PACKAGE}, a package of npm"
_REMEDY = f"Install npm, or on a machine that has it: npm pack {PACKAGE}, and give the file: --runtime PATH."


@dataclass(frozen=True)
class WebRuntime:
    """A WebRuntime is a folder that holds the files which a page runs its networks with, as they were published."""

    folder: Path

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    @property
    def whole(self) -> bool:
        """Returns whether every file is there and is the published one."""
        paths = {self.folder / name: digest for name, digest in DIGESTS.items()}
        return all(path.is_file() and file_digest(path) == digest for path, digest in paths.items())


def find_web_runtime(kept: Path, *, given: Path | None = None, download: bool = True) -> WebRuntime:
    """Returns the runtime that is kept in `kept`, which is filled where it is not there yet.

    It comes from `given`, the package's folder or .tgz, or else from npm where `download` allows it. Raises GanError
    where it can be had from neither, is not the one that was published, or cannot be kept.
    """
    runtime = WebRuntime(kept / PACKAGE)
    try:
        kept.mkdir(parents=True, exist_ok=True)
        with FileLock(kept / ".lock"), tempfile.TemporaryDirectory(dir=kept) as scratch:
            if given is not None or not runtime.whole:
                package = given.expanduser() if given else _packed(Path(scratch), download=download)
                _keep(runtime, Path(scratch), package=package, source=str(given or "npm"))
    except OSError as error:
        rule = "What pages run on is kept in a folder that can be written"
        raise GanError(rule, f"{kept} ({error.strerror})", "Make room, or choose another.") from error
    return runtime


def _packed(folder: Path, *, download: bool) -> Path:
    """Returns the package's .tgz, which npm has put into `folder`."""
    npm = shutil.which("npm")
    if npm is None or not download:
        raise GanError(_RULE, "no npm on this machine" if download else "none kept, and no downloads", _REMEDY)
    command = [npm, "pack", PACKAGE, "--ignore-scripts", "--loglevel=error", f"--pack-destination={folder}"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=_PATIENCE_S)
        return next(folder.glob("*.tgz"))
    except subprocess.CalledProcessError as error:
        raise GanError(_RULE, f"none ({_complaint(error.stderr)})", _REMEDY) from error
    except subprocess.TimeoutExpired as error:
        raise GanError(_RULE, f"none from npm in {_PATIENCE_S} s", _REMEDY) from error


def _complaint(text: str) -> str:
    """Returns what npm says at first, without the marks that it begins its lines with."""
    return "npm: " + (text.strip().splitlines() or ["no word"])[0].removeprefix("npm error ")


def _contents(package: Path) -> dict[str, bytes]:
    """Returns the files of a package by name."""
    if package.is_dir():
        places = [package / place for place in _PLACES]
        folder = next((place for place in places if (place / LIBRARY).is_file()), package / _PLACES[0])
        return {name: (folder / name).read_bytes() for name in DIGESTS}
    wanted = {f"package/dist/{name}": name for name in DIGESTS}
    contents: dict[str, bytes] = {}
    with tarfile.open(package) as archive:
        for member in archive:  # in their order: to go back is to unpack again
            if member.name in wanted and (file := archive.extractfile(member)):
                contents[wanted[member.name]] = file.read()
    return contents


def _keep(runtime: WebRuntime, scratch: Path, *, package: Path, source: str) -> None:
    """Writes a package's files to where they are kept, whole or not at all."""
    try:
        contents = _contents(package)
    except (OSError, EOFError, tarfile.TarError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or first_line(error).rstrip(":")
        raise GanError(_RULE, f"{source} ({reason})", _REMEDY) from error
    unfinished = WebRuntime(scratch / "unfinished")
    unfinished.folder.mkdir()
    for name, content in contents.items():
        (unfinished.folder / name).write_bytes(content)
    if not unfinished.whole:
        raise GanError(f"{_RULE}, with the digests of its files", f"{source} (others)", _REMEDY)
    shutil.rmtree(runtime.folder, ignore_errors=True)
    unfinished.folder.rename(runtime.folder)

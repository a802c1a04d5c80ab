"""What pages run on comes from npm or from a place that is named, is kept, and is what was published."""

import shutil
import tarfile
from pathlib import Path

import pytest

from gan import GanError
from gan.deployment.web.runtime import BINARY, DIGESTS, LIBRARY, PACKAGE, WebRuntime, find_web_runtime


@pytest.fixture
def packed(web_runtime: WebRuntime, tmp_path: Path) -> Path:
    """The package as npm packs it, without what a page does not need."""
    with tarfile.open(tmp_path / "package.tgz", "w:gz", compresslevel=1) as archive:
        for name in DIGESTS:
            archive.add(web_runtime.folder / name, f"package/dist/{name}")
    return tmp_path / "package.tgz"


def test_it_is_kept_once_it_was_named(packed: Path, web_runtime: WebRuntime, tmp_path: Path) -> None:
    assert find_web_runtime(tmp_path / "kept", given=packed).read(LIBRARY) == web_runtime.read(LIBRARY)
    packed.unlink()
    again = find_web_runtime(tmp_path / "kept", download=False)
    assert again.read(BINARY) == web_runtime.read(BINARY)
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {PACKAGE, ".lock"}


@pytest.mark.parametrize("place", ["dist", "package/dist", "node_modules/onnxruntime-web/dist"])
def test_a_folder_is_taken_as_well(web_runtime: WebRuntime, place: str, tmp_path: Path) -> None:
    shutil.copytree(web_runtime.folder, tmp_path / place)
    assert find_web_runtime(tmp_path / "kept", given=tmp_path).whole


def test_what_was_changed_is_refused_and_what_was_kept_is_fetched_again(
    web_runtime: WebRuntime, tmp_path: Path
) -> None:
    shutil.copytree(web_runtime.folder, tmp_path / "kept" / PACKAGE)
    shutil.copytree(web_runtime.folder, tmp_path / "changed")
    for file in (tmp_path / "changed" / LIBRARY, tmp_path / "kept" / PACKAGE / LIBRARY):
        file.write_text(file.read_text() + "fetch('elsewhere')")
    with pytest.raises(GanError, match=r"with the digests of its files, got .*changed"):
        find_web_runtime(tmp_path / "kept", given=tmp_path / "changed")
    with pytest.raises(GanError, match="none kept, and no downloads"):
        find_web_runtime(tmp_path / "kept", download=False)
    assert find_web_runtime(tmp_path / "kept", given=web_runtime.folder).whole


def test_where_it_cannot_be_had_one_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("npm"):  # which finds no registry here
        monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        with pytest.raises(GanError, match=r"got none \(npm: code ECONNREFUSED\)\. Install npm, or .*--runtime PATH"):
            find_web_runtime(tmp_path / "kept")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GanError, match="got no npm on this machine"):
        find_web_runtime(tmp_path / "kept")
    (tmp_path / "text.tgz").write_text("no archive")
    for given, reason in {"none": "No such file", "text.tgz": "could not be opened", ".": "No such file"}.items():
        with pytest.raises(GanError, match=reason):
            find_web_runtime(tmp_path / "kept", given=tmp_path / given)
    with pytest.raises(GanError, match="is kept in a folder that can be written"):
        find_web_runtime(tmp_path / "text.tgz" / "kept")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [".lock"]

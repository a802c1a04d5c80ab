import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cluster import ClusterError, require_reachable, use_token

AUTHENTICATION = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AUTHENTICATION:
        monkeypatch.setenv(name, "")  # restored afterwards, whatever a test sets
        monkeypatch.delenv(name)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    return path


def test_ray_shows_the_token_of_the_file_though_it_was_imported_before_and_had_another(token_file: Path) -> None:
    code = """
import os, sys
from pathlib import Path
import cluster
from ray._raylet import AuthenticationTokenLoader
for token in ("first", "second"):
    Path(sys.argv[1]).write_text(token)
    cluster.use_token(Path(sys.argv[1]))
    print(AuthenticationTokenLoader.instance().get_token_for_http_header()["authorization"])
"""
    environment = {name: value for name, value in os.environ.items() if name not in AUTHENTICATION}
    output = subprocess.run(
        [sys.executable, "-c", code, str(token_file)],
        env={**environment, "RAY_AUTH_TOKEN": "of the environment"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert output == "Bearer first\nBearer second\n"


def test_without_a_file_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "theirs")
    use_token(None)
    assert {name: os.environ.get(name) for name in AUTHENTICATION} == dict.fromkeys(AUTHENTICATION) | {
        "RAY_AUTH_TOKEN": "theirs"
    }


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        (b"s3cret", 0o640, r"owner's alone, got .*token with mode 0640. Run: chmod 600 .*token"),
        (b" \n", 0o600, "one word of printable ASCII, got .*token with nothing in it"),
        (b"two words", 0o600, "one word of printable ASCII"),
        (b"\xff\xfe", 0o600, "not a text file"),
        (None, 0o600, r"can be read, got .*token \(No such file or directory\)"),
    ],
)
def test_a_token_file_must_be_ones_own_and_hold_a_token(
    token_file: Path, content: bytes | None, mode: int, complaint: str
) -> None:
    token_file.unlink()
    if content is not None:
        token_file.write_bytes(content)
        token_file.chmod(mode)
    with pytest.raises(ClusterError, match=complaint) as caught:
        use_token(token_file)
    assert "s3cret" not in str(caught.value)
    assert not set(AUTHENTICATION) & os.environ.keys()


class Guarded(BaseHTTPRequestHandler):
    """Answers as Ray's dashboard does."""

    def do_GET(self) -> None:
        shown = self.headers.get("Authorization")
        status = 401 if shown is None else 200 if shown == "Bearer s3cret" else 403
        self.send_response(status if self.path == "/api/version" else 404)
        self.end_headers()
        self.wfile.write(b'{"ray_version": "2.60.0"}')

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def guarded() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Guarded) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_cluster_is_reachable_with_its_token_alone(
    guarded: str, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # is for other machines
    with pytest.raises(ClusterError, match=r"none for .* \(401\)\. Give it with --token-file"):
        require_reachable(guarded)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token_file))
    require_reachable(guarded)
    with pytest.raises(ClusterError, match=r"a Ray cluster's dashboard, got .*404"):
        require_reachable(f"{guarded}/elsewhere")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    with pytest.raises(ClusterError, match=r"another one for .* \(403\)"):
        require_reachable(guarded)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("http://127.0.0.1:1", r"can be reached, got http://127\.0\.0\.1:1 \(.*refused\)"),
        ("http://no-such-host.invalid:8265", "can be reached"),
        ("http://127.0.0.1:99999", "can be reached"),
        ("127.0.0.1:8265", "Write http://HOST:8265"),
        ("file:///etc/passwd", "Write http://HOST:8265"),
    ],
)
def test_what_does_not_answer_is_a_clear_error(address: str, complaint: str) -> None:
    with pytest.raises(ClusterError, match=complaint):
        require_reachable(address)

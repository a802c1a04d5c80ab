"""The image's recipe and the scripts of a deployment, tried without a container."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.cluster.deploy.manifests import DEPLOY, ROOT, compose


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    shutil.copy(DEPLOY / "make-secrets.sh", tmp_path)
    subprocess.run([tmp_path / "make-secrets.sh"], check=True, capture_output=True)
    return tmp_path / "secrets"


def variables(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_the_secrets_fit_each_other_and_compose(secrets: Path) -> None:
    node, tracking = variables(secrets / "node.env"), variables(secrets / "tracking.env")
    password = (secrets / "postgres_password").read_text().strip()
    postgres = compose()["services"]["postgres"]["environment"]
    expected = f"postgresql://{postgres['POSTGRES_USER']}:{password}@postgres:5432/{postgres['POSTGRES_DB']}"
    assert tracking["MLFLOW_BACKEND_STORE_URI"] == expected
    assert node["MLFLOW_TRACKING_PASSWORD"] == (secrets / "mlflow_admin_password").read_text().strip()
    (identity,) = json.loads((secrets / "s3.json").read_text())["identities"]
    for keys in (node, tracking):
        credentials = {"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}
        assert identity["credentials"] == [credentials]
    assert {f"./secrets/{path.name}" for path in secrets.iterdir()} == {
        secret["file"] for secret in compose()["secrets"].values()
    }


def test_the_secrets_are_their_owners_alone_and_never_overwritten(secrets: Path) -> None:
    assert secrets.stat().st_mode & 0o777 == 0o700
    readable = [path.name for path in secrets.iterdir() if path.stat().st_mode & 0o077]
    assert readable == ["s3.json"]
    token = (secrets / "token").read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n", token)
    again = subprocess.run([secrets.parent / "make-secrets.sh"], capture_output=True, check=False)
    assert again.returncode == 2
    assert (secrets / "token").read_text() == token
    assert "GANLIMIT_UID=0" not in (secrets.parent / ".env").read_text().splitlines()


def test_secrets_without_s3_hold_no_keys(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "make-secrets.sh", tmp_path)
    subprocess.run([tmp_path / "make-secrets.sh", "--without-s3"], check=True, capture_output=True)
    assert "AWS" not in "".join(path.read_text() for path in (tmp_path / "secrets").iterdir())


def run_entrypoint(env_file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GANLIMIT_ENV_FILE": str(env_file)}
    command = ["bash", str(DEPLOY / "entrypoint.sh"), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_entrypoint_gives_the_file_to_the_command_and_runs_nothing_of_it(tmp_path: Path) -> None:
    file = tmp_path / "node.env"
    file.write_text(f"# a comment\n\nA=$(touch {tmp_path}/ran)\nB=x=y z\nC=last, without a line's end")
    done = run_entrypoint(file, "bash", "-c", 'printf "%s|" "$A" "$B" "$C"; exit 7')
    assert done.stdout == f"$(touch {tmp_path}/ran)|x=y z|last, without a line's end|"
    assert done.returncode == 7
    assert not (tmp_path / "ran").exists()


def test_the_entrypoint_refuses_what_is_no_variable_without_showing_it(tmp_path: Path) -> None:
    file = tmp_path / "node.env"
    file.write_text("A=1\nhunter2\n")
    done = run_entrypoint(file, "true")
    assert done.returncode == 2
    assert "NAME=VALUE" in done.stderr
    assert "hunter2" not in done.stderr
    assert run_entrypoint(tmp_path / "missing", "true").returncode != 0


def test_the_image_copies_what_exists_and_ends_as_an_ordinary_user() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().split()
    sources = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    for source in (source for source in sources if not source.startswith("--")):
        assert (ROOT / source).exists(), source
        assert source == "." or f"!{source.partition('/')[0]}" in ignored, source
    assert [line for line in lines if line.startswith("USER ")] == ["USER 1000:1000"]
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {f"!{package.rstrip('*')}" for package in packages} <= set(ignored)


def test_the_image_installs_every_dependency_of_a_team() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    (program,) = re.findall(r'python -c "(import tomllib.*?)" > requirements.txt', text, re.DOTALL)
    program = program.replace("\\\n", "")
    done = subprocess.run(["python3", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert done.stdout.splitlines() == project["dependencies"] + project["optional-dependencies"]["team"]


def test_a_linter_of_images_finds_nothing() -> None:
    if not (hadolint := shutil.which("hadolint")):
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, str(DEPLOY / "Containerfile")], capture_output=True, text=True, check=False)
    assert done.stdout == ""

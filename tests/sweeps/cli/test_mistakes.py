"""A script that asked for JSON gets its mistake as JSON, whichever command it typed."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from sweeps.cli import app as application
from sweeps.exit_codes import ExitCode
from sweeps.ledger.tags import EXPERIMENT_KIND
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace


@pytest.mark.parametrize(
    "words",
    [
        *(("report", "none"), ("paper", "none"), ("sweep", "status", "none"), ("sweep", "list"), ("teacher", "list")),
        *(("sweep", "run", "none.yaml"), ("sweep", "plan", "none.yaml"), ("sweep", "resume", "none")),
        *(("sweep", "confirm", "none"), ("extractor", "check", "none.yaml"), ("teacher", "select", "none.yaml")),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_object_with_its_parts(words: tuple[str, ...], ganlimit: Any, tmp_path: Path) -> None:
    place = () if "plan" in words else ("--data-dir", tmp_path / "none")
    plain, asked = ganlimit(*words, *place), ganlimit(*words, *place, "--json")
    assert (plain.code, asked.code, plain.stdout) == (ExitCode.MISTAKE, ExitCode.MISTAKE, "")
    assert asked.stderr == plain.stderr
    error = json.loads(asked.stdout)["error"]
    assert error.keys() == {"rule", "value", "remedy"}
    assert f"error: {error['rule']}, got {error['value']}. {error['remedy']}\n" == asked.stderr


def test_each_mistake_of_a_file_is_listed(ganlimit: Any, tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["student"], tiny["limit"] = {"kimg": -1}, {"metric": "beauty"}
    error = json.loads(ganlimit("sweep", "plan", spec_file(tiny), "--json").stdout)["error"]
    assert len(error["mistakes"]) == 2
    assert error["value"].startswith("2 mistakes in ")


def test_an_experiment_that_is_not_for_sweeps_is_one_before_anything_is_trained(
    ganlimit: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path
) -> None:
    tracking = Tracking(Workspace.open(tmp_path / "data").store)
    tracking.client.create_experiment("chats", tags={EXPERIMENT_KIND: "genai_development"})
    deleted = tracking.client.create_experiment("gone")
    tracking.client.delete_experiment(deleted)
    for name, said in (("chats", "traces of language models"), ("gone", f"--experiment-id {deleted}")):
        path = spec_file({**tiny, "mlflow": {"experiment": name}})
        answer = ganlimit("sweep", "run", path, "--data-dir", tmp_path / "data")
        assert (answer.code, answer.stderr.count("error: ")) == (ExitCode.MISTAKE, 1)
        assert said in answer.stderr
        assert "Traceback" not in answer.stderr
    assert not tracking.registry.models()


def test_a_full_disk_is_one_too(ganlimit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(application, "app", full)
    answer = ganlimit("sweep", "run", "digits", "--json")
    assert answer.code == ExitCode.MISTAKE
    assert json.loads(answer.stdout)["error"]["rule"] == "The disk has room"


@pytest.mark.parametrize(
    ("words", "command", "said"),
    [
        ("sweep run", "ganlimit sweep run", "SPEC"),
        ("sweep run digits --bogus", "ganlimit sweep run", "--bogus"),
        ("sweep run digits --workers many", "ganlimit sweep run", "--workers"),
        ("sweep run digits --tracking-uri host:5000", "ganlimit sweep run", "Write http://HOST:PORT."),
        ("deploy tiny --format jpeg", "ganlimit deploy", "jpeg"),
        ("sweep walk", "ganlimit sweep", "walk"),
        ("--bogus", "ganlimit", "--bogus"),
    ],
)
def test_words_that_a_command_does_not_take_are_one_too(words: str, command: str, said: str, ganlimit: Any) -> None:
    plain, asked = ganlimit(*words.split()), ganlimit(*words.split(), "--json")
    assert (plain.code, asked.code, plain.stdout) == (ExitCode.MISTAKE, ExitCode.MISTAKE, "")
    assert said in plain.stderr
    error = json.loads(asked.stdout)["error"]
    assert f"{command} has " in error["rule"]
    assert said in error["value"]
    assert error["remedy"].endswith(f"{command} --help.")

"""What is sent to a cluster, and what is refused before."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sweeps
from cluster import Job
from sweeps.ledger.tags import JOB_TRACKING_URI
from sweeps.ledger.workspace import Workspace
from sweeps.site.shipped_code import pack_code
from sweeps.site.submission import Submission, require_public, require_tracking_uri
from sweeps.site.submitted import ACCEPTED, for_people, is_accepted, say_accepted, tracking_uri_of


def submission(spec: sweeps.SweepSpec, *words: str, **changes: Any) -> Submission:
    return Submission(
        words=("run", "sweep.yaml", *words), specs=(spec,), **{"tracking_uri": "http://t:5000", **changes}
    )


def test_the_code_that_is_sent_runs_by_itself_and_is_small(tmp_path: Path) -> None:
    pack_code(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3 * 2**20
    suffixes = {path.suffix for path in files if "dist-info" not in path.parts[-2]}
    assert suffixes <= {".py", ".pyi", ".yaml", ".j2", ".css", ".js"}
    assert not [path for path in files if "tests" in path.parts or "deploy" in path.parts]
    code = "import sweeps, gan, importlib.metadata as m; gan.CriticConfig; "
    code += "print(sweeps.__file__, gan.__file__, m.version('ganlimit'))"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert said.count(str(tmp_path)) == 2
    presets = subprocess.run(
        [sys.executable, "-m", "sweeps.cli", "sweep", "schema"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert '"properties"' in presets.stdout


def test_the_driver_keeps_its_files_in_the_storage_where_that_is_a_path(tiny: dict[str, Any], spec_file: Any) -> None:
    spec = sweeps.load_spec(spec_file({**tiny, "cluster": {"storage": "/mnt/my sweeps"}}))
    command = submission(spec, "--trials", "3").command
    assert command == (
        "python -m sweeps.cli sweep run sweep.yaml --trials 3 --address auto --tracking-uri http://t:5000 "
        "--data-dir '/mnt/my sweeps'"
    )
    spec = sweeps.load_spec(spec_file({**tiny, "cluster": {"storage": "s3://bucket/x"}}))
    assert submission(spec).command.endswith('--data-dir "${GANLIMIT_DATA_DIR:-$HOME/ganlimit-data}"')
    assert submission(spec, data_dir="/data").command.endswith("--data-dir /data")


def test_a_dashboard_says_what_a_job_is(tiny: dict[str, Any], spec_file: Any) -> None:
    asked = submission(sweeps.load_spec(spec_file(tiny)))
    assert (asked.title, asked.datasets) == ("sweep run tiny", "digits")


def test_two_submissions_are_the_same_when_they_ask_the_same(tiny: dict[str, Any], spec_file: Any) -> None:
    spec = sweeps.load_spec(spec_file(tiny))
    assert submission(spec).digest == submission(spec).digest
    others = [submission(spec, "--workers", "2"), submission(spec, tracking_uri="http://u:5000")]
    others.append(submission(spec.model_copy(update={"seed": 1})))
    assert len({submission(spec).digest, *(other.digest for other in others)}) == 4


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(sweeps.SweepError, match="says no password") as refused:
        require_public("http://me:canary@host:5000")
    assert "canary" not in str(refused.value)
    assert "MLFLOW_TRACKING_PASSWORD" in str(refused.value)
    require_public("http://host:5000")


def test_a_submission_names_its_tracking_server() -> None:
    with pytest.raises(sweeps.SweepError, match=r"got none\. Give --tracking-uri"):
        require_tracking_uri(None)
    assert require_tracking_uri("http://t:1") == "http://t:1"


@pytest.mark.parametrize(
    "storage",
    ["relative/path", "~nobody-here/x", "/a\0b", "gs://bucket/x", "s3://", "s3://key:secret@bucket/x", "s3://b/x?y"],
)
def test_storage_that_not_every_node_would_understand_is_refused(
    storage: str, tiny: dict[str, Any], spec_file: Any
) -> None:
    with pytest.raises(sweeps.SpecError, match=r"storage: Storage is a path from the root .*AWS_") as refused:
        sweeps.load_spec(spec_file({**tiny, "cluster": {"storage": storage}}))
    assert "secret" not in str(refused.value)


def test_an_option_that_is_wrong_is_not_called_a_line_of_the_spec(ganlimit: Any) -> None:
    answer = ganlimit("sweep", "submit", "digits", "--storage", "relative/path", "--address", "http://127.0.0.1:1")
    assert answer.code == 2
    assert answer.stderr.startswith("error: Storage is a path from the root")


def test_a_driver_tells_who_submitted_it_that_it_begins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    say_accepted()
    assert capsys.readouterr().out == "", "a person who runs a sweep has submitted nothing"
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")  # as Ray starts a job
    say_accepted()
    answer = capsys.readouterr().out
    assert is_accepted(f"cluster 10.0.0.1:6379: 2 nodes\n{answer}digits: search\n")
    assert not is_accepted(f"cluster 10.0.0.1:6379; trials' files in /{answer}")
    assert not is_accepted("cluster 10.0.0.1:6379: 2 nodes, 4 trials at once; trials' files in /shared\n")


def test_what_a_driver_tells_the_submitting_program_is_not_shown_to_people() -> None:
    log = f"cluster\n{ACCEPTED}\ndigits {ACCEPTED}\nganlimit-other\n{ACCEPTED}\nsearch 1\r\n\nsearch 2"
    people = f"cluster\ndigits {ACCEPTED}\nganlimit-other\nsearch 1\r\n\nsearch 2"
    for size in range(1, len(log) + 1):
        pieces = [log[start : start + size] for start in range(0, len(log), size)]
        assert "".join(for_people(pieces)) == people, size
    assert list(for_people(["search", " 1", "\ngan", "limit\n"])) == ["search", " 1", "\n", "ganlimit\n"]
    assert list(for_people(["gan"])) == ["gan"], "a log that ends early loses nothing"


def test_an_option_then_the_job_then_the_environment_says_where_runs_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://environment:1")
    recorded = Job(id="digits", status="RUNNING", message="", metadata={JOB_TRACKING_URI: "http://job:1"})
    silent = Job(id="digits", status="RUNNING", message="", metadata={})
    asked = ((recorded, "http://option:1"), (recorded, None), (silent, "http://option:1"), (silent, None))
    places = [Workspace.at(tmp_path, tracking_uri_of(job, option)).tracking_uri for job, option in asked]
    assert places == ["http://option:1", "http://job:1", "http://option:1", "http://environment:1"]

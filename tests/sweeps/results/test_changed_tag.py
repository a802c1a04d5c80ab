"""A person has changed what all rows of a sweep have alike: one error says so, and the sweep writes it anew."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweeps.driver.sameness import refuse_other_models
from sweeps.errors import SweepError
from sweeps.ledger.tags import COMMON, SPEC, common_columns, common_tags
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace


@pytest.fixture
def data_dir(finished: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished.data_dir, tmp_path / "data"))


def change(data_dir: Path, text: str | None, *, tag: str = COMMON, **columns: object) -> None:
    """Write another text, or other columns of the right one, into the tag, or delete it."""
    tracking = Tracking(Workspace.existing(data_dir).store)
    parent = tracking.find_sweep("tiny")
    assert parent is not None
    if text is None:
        tracking.client.delete_tag(parent.info.run_id, tag)
    else:
        said = text or json.dumps({**json.loads(parent.data.tags[tag]), **columns})
        tracking.client.set_tag(parent.info.run_id, tag, said)


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        (None, {}, "nothing"),
        ("hello", {}, "'hello'"),
        ("[]", {}, "'[]'"),
        ('{"a": 1}', {}, "'{\"a\": 1}'"),
        ("", {"teacher_fid": "abc"}, "the teacher_fid of its rows"),
        ("", {"teacher_fid": "nan"}, "'nan'"),
        ("", {"teacher_fid": None}, "as it was written"),
        ("", {"teacher_parameters": "0"}, "the teacher_parameters of its rows"),
        ("", {"absent": "zzz"}, "'zzz'"),
    ],
)
def test_every_command_says_so_in_one_error(
    ganlimit: Any, data_dir: Path, text: str | None, columns: dict[str, object], said: str
) -> None:
    change(data_dir, text, **columns)
    for command in (("sweep", "status", "tiny"), ("report", "tiny"), ("paper", "tiny")):
        result = ganlimit(*command, "--data-dir", data_dir)
        assert result.code == 2, command
        message = " ".join(result.stderr.split())
        assert COMMON in message
        assert said in message, message
        assert "Give the command that began the sweep" in message
        assert "Traceback" not in message
    listed = ganlimit("sweep", "list", "--data-dir", data_dir)
    assert listed.code == 0, "other sweeps are listed all the same"
    assert "tiny is left out" in listed.stderr


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("text", [None, "hello"])
def test_the_command_that_began_the_sweep_writes_it_anew(
    ganlimit: Any, finished: Any, data_dir: Path, tmp_path: Path, text: str | None
) -> None:
    change(data_dir, text)
    spec = tmp_path / "tiny.yaml"
    spec.write_text(yaml.safe_dump(finished.spec.model_dump(mode="json", exclude_unset=True)))
    result = ganlimit("sweep", "run", spec, "--quiet", "--json", "--data-dir", data_dir)
    assert result.code == 0, result.stderr
    again = ganlimit("report", "tiny", "--json", "--data-dir", data_dir)
    assert again.code == 0, again.stderr
    assert json.loads(again.stdout)["limit"]["sentence"] == finished.result.report.limit.sentence()


@pytest.mark.parametrize("text", [None, "hello", '{"dataset": "digits"}'])
def test_another_teacher_is_refused_all_the_same(data_dir: Path, text: str | None) -> None:
    tracking = Tracking(Workspace.existing(data_dir).store)
    parent = tracking.find_sweep("tiny")
    assert parent is not None
    now = common_columns(parent.data.tags)
    change(data_dir, text)
    refuse_other_models(tracking, "tiny", tags=common_tags(now))
    for column in ("teacher_digest", "protocol_digest"):
        with pytest.raises(SweepError, match=rf"goes on with the {column} it began with, {now[column]}"):
            refuse_other_models(tracking, "tiny", tags=common_tags({**now, column: "another"}))


@pytest.mark.parametrize("text", [None, "hello", "[]", "null", '{"a": 1}'])
def test_a_changed_specification_is_one_error_too(ganlimit: Any, data_dir: Path, text: str | None) -> None:
    change(data_dir, text, tag=SPEC)
    result = ganlimit("sweep", "status", "tiny", "--data-dir", data_dir)
    assert result.code == 2
    assert f"the tag {SPEC} as it was written" in " ".join(result.stderr.split())
    listed = ganlimit("sweep", "list", "--data-dir", data_dir)
    assert listed.code == 0
    assert "tiny is left out" in listed.stderr

"""A teacher's training that was cut off goes on from its last report, and ends as if it had never stopped."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sweeps.display import QuietDisplay
from sweeps.display.progress import Update
from sweeps.driver.runner import train_teacher
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace

MEASURED = ("fid", "kid", "critic_accuracy", "generator_loss", "sharpness")


class Heard(QuietDisplay):
    """What a person hears of a training, who stops it at a share of its budget."""

    def __init__(self, stop_at: float = 2.0) -> None:
        self.stop_at, self.kimg, self.words = stop_at, list[float](), list[str]()

    @contextmanager
    def step(self, name: str, total: float) -> Iterator[Update]:
        def update(done: float, note: str) -> None:
            if name == "teacher":
                self.kimg.append(done)
                if done >= self.stop_at * total:
                    raise KeyboardInterrupt

        yield update

    def say(self, message: str) -> None:
        self.words.append(message)


@pytest.fixture
def data_dir(finished: Any, tmp_path: Path) -> Path:
    """A directory with the same teacher, whose training was never cut off."""
    return Path(shutil.copytree(finished.data_dir, tmp_path / "data"))


def kept(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "teachers").glob("*"))


def cut_off(finished: Any, data_dir: Path, *, at: float) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_teacher(finished.spec, data_dir, display=Heard(at), again=True)
    assert len(kept(data_dir)) == 1


def curves(data_dir: Path, version: str) -> dict[str, list[tuple[int, float]]]:
    """What MLflow has of a teacher's training: kimg and value of each measurement, but for the last digits, once."""
    tracking = Tracking(Workspace.existing(data_dir).store)
    name, _, number = version.partition("/")
    run_id = tracking.client.get_model_version(name, number).run_id
    histories = {each: tracking.client.get_metric_history(run_id, each) for each in MEASURED}
    return {
        each: sorted({(metric.step, round(metric.value, 6)) for metric in history})
        for each, history in histories.items()
    }


def test_it_is_the_teacher_of_one_go(finished: Any, data_dir: Path) -> None:
    whole = train_teacher(finished.spec, data_dir)
    cut_off(finished, data_dir, at=0.35)
    cut_off(finished, data_dir, at=0.75)  # and once more, on its way from there
    heard = Heard()
    again = train_teacher(finished.spec, data_dir, display=heard, again=True)
    assert heard.kimg[0] > 0.6 * finished.spec.teacher.training.kimg, "what was done is not done again"
    assert any("goes on at" in words for words in heard.words)
    assert again.version != whole.version
    assert again.card == whole.card
    assert again.last_fid == whole.last_fid
    assert again.critic is not None
    assert whole.critic is not None
    assert again.critic.card == whole.critic.card
    assert curves(data_dir, again.version) == curves(data_dir, whole.version)
    assert len(curves(data_dir, again.version)["fid"]) > 5
    assert kept(data_dir) == []


def test_from_a_damaged_file_it_begins_anew(finished: Any, data_dir: Path) -> None:
    whole = train_teacher(finished.spec, data_dir)
    cut_off(finished, data_dir, at=0.35)
    (path,) = kept(data_dir)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    heard = Heard()
    again = train_teacher(finished.spec, data_dir, display=heard, again=True)
    assert heard.kimg[0] < 0.1 * finished.spec.teacher.training.kimg
    assert again.card.weights_digest == whole.card.weights_digest


def test_under_another_measurement_it_begins_anew(finished: Any, data_dir: Path) -> None:
    cut_off(finished, data_dir, at=0.35)
    evaluation = finished.spec.evaluation.model_copy(update={"num_samples": 300})
    heard = Heard(0.2)
    with pytest.raises(KeyboardInterrupt):
        train_teacher(finished.spec.model_copy(update={"evaluation": evaluation}), data_dir, display=heard, again=True)
    assert heard.kimg[0] < 0.1 * finished.spec.teacher.training.kimg, "FIDs of two measurements are not compared"
    assert len(kept(data_dir)) == 2


def test_what_a_kill_at_the_registration_left_is_put_right(finished: Any, data_dir: Path) -> None:
    cut_off(finished, data_dir, at=0.35)
    train_teacher(finished.spec, data_dir)
    (path,) = kept(data_dir)  # of a training that began after the version was there, and may go on
    tracking = Tracking(Workspace.existing(data_dir).store)
    tracking.client.delete_registered_model_alias("digits-teacher", "champion")
    os.utime(path, (0, 0))  # as if it were of the process that registered the version
    found = train_teacher(finished.spec, data_dir)
    assert kept(data_dir) == []
    champion = tracking.registry.champion("digits-teacher")
    assert champion is not None
    assert f"digits-teacher/{champion.version}" == found.version

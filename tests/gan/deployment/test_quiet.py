"""What is measured alone is alone: no other measurement runs then, and its process keeps to few cores."""

import os
import threading
from pathlib import Path

import pytest

from gan import GanError, Generator, deploy_generator, latency_alone, one_measurement
from gan.deployment.timing_process import take_quietest_cores
from tests.gan.deployment.conftest import ORIGIN


def test_two_measurements_never_run_together() -> None:
    heard: list[str] = []

    def other() -> None:
        with one_measurement():
            heard.append("the other")

    waiting = threading.Thread(target=other)
    with one_measurement():
        waiting.start()
        waiting.join(timeout=0.3)
        heard.append("the first")
    waiting.join()
    assert heard == ["the first", "the other"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process")
def test_a_process_keeps_to_as_many_cores_as_it_has_threads() -> None:
    before = os.sched_getaffinity(0)
    try:
        take_quietest_cores(1)
        assert len(os.sched_getaffinity(0)) == 1
        assert os.sched_getaffinity(0) <= before
    finally:
        os.sched_setaffinity(0, before)


def test_an_export_is_timed_for_one_image_in_a_process_of_its_own(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path, small, origin=ORIGIN)
    found = latency_alone(tmp_path)
    assert found.batch == 1
    assert found.calls >= 40
    assert 0 < found.low_ms <= found.median_ms <= found.high_ms
    (tmp_path / "model.onnx").write_bytes(b"no network")
    with pytest.raises(GanError, match=r"process of its own, which is timed, got .*See to what it said"):
        latency_alone(tmp_path)

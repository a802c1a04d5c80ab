"""Times are taken in turns, and are of a machine, its threads and its libraries. No test here is timed."""

import time

import pytest
import torch

from gan import Generator, Latency, MeasurementProtocol, eager, latencies
from gan.deployment.formats import runtimes_of
from gan.deployment.in_pytorch import threads_of_torch
from gan.deployment.latency import ROUNDS, WARM_UPS


def test_contenders_have_turns_one_after_the_other() -> None:
    calls: list[str] = []

    def contender(name: str, took_s: float) -> object:
        calls.append(name)
        time.sleep(took_s)
        return None

    slow = {name: lambda name=name: contender(name, 0.006) for name in ("first", "second")}
    found = latencies(slow, batch=4)
    rounds = found["first"].calls
    assert 3 <= rounds <= ROUNDS
    assert calls == ["first"] * WARM_UPS + ["second"] * WARM_UPS + ["first", "second"] * rounds
    for latency in found.values():
        assert latency.calls == rounds
        assert 6 <= latency.low_ms <= latency.median_ms <= latency.high_ms
        assert latency.images_per_s == pytest.approx(4000 / latency.median_ms)


def test_short_calls_are_many_in_a_turn() -> None:
    found = latencies({"short": lambda: None}, batch=1)
    assert found["short"].calls % 20 == 0


def test_a_generator_is_run_as_pytorch_has_it_with_its_threads(small: Generator) -> None:
    before = torch.get_num_threads()
    with threads_of_torch(before + 1):
        assert torch.get_num_threads() == before + 1
        assert eager(small, batch=5)().shape == (5, 1, 16, 16)  # type: ignore[attr-defined]
    assert torch.get_num_threads() == before


def test_another_machine_or_version_is_another_protocol() -> None:
    here = MeasurementProtocol.here(threads=1)
    assert here.cpu
    assert here == MeasurementProtocol.here(threads=1)
    others = {"cpu": "another", "cores": here.cores + 1, "threads": 2, "versions": {**here.versions, "torch": "0.1"}}
    digests = {here.model_copy(update={name: value}).digest for name, value in others.items()}
    assert len(digests | {here.digest}) == 5


def test_versions_are_those_of_what_runs() -> None:
    ran = runtimes_of(iter(["pytorch", "onnx", "onnx-int8", "litert"]))  # pytorch is a form, and no format
    assert ran == ("ai-edge-litert", "onnxruntime")
    usual, beside = MeasurementProtocol.here(), MeasurementProtocol.here(runtimes=["numpy", "of no such package"])
    assert set(beside.versions) - set(usual.versions) == {"numpy"}
    assert beside.digest != usual.digest == MeasurementProtocol.here(runtimes=runtimes_of(["onnx"])).digest


def test_a_latency_is_of_whole_batches() -> None:
    assert Latency(batch=64, median_ms=8.0, low_ms=7.0, high_ms=9.0, calls=3).images_per_s == 8000

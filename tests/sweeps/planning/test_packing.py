"""How many trials share a GPU: the rule on tables whose answer is known, and the measurement on the CPU."""

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import sweeps
from gan import (
    Compute,
    GanError,
)
from sweeps.errors import SweepError
from sweeps.planning.packing import (
    KeptPackings,
    Load,
    Measurement,
    Memory,
    Packing,
    chosen_count,
    joint_rate,
    next_count,
)
from sweeps.planning.packing_measurement import _answer, measure_packing

GIB = 2**30
H100 = Memory(total_bytes=80 * GIB, before_bytes=GIB)


def tried(
    rate: Callable[[int], float], each_gib: float = 0.5, most: int = 64, memory: Memory = H100
) -> tuple[list[int], int]:
    """The counts that are measured on a device of that throughput, and the one that is chosen."""
    found: list[Measurement] = []
    while count := next_count(found, memory, most=most):
        in_use = memory.before_bytes + round(count * each_gib * GIB)
        found.append(Measurement(trials=count, images_per_s=rate(count), memory_bytes=in_use))
    return [measurement.trials for measurement in found], chosen_count(found, memory)


@pytest.mark.parametrize(
    ("rate", "each_gib", "most", "counts", "chosen"),
    [
        pytest.param(lambda n: 100.0 * n, 0.5, 64, [1, 2, 4, 8, 16, 32, 64], 64, id="linear for ever"),
        pytest.param(lambda n: 100.0 * min(n, 6), 0.5, 64, [1, 2, 4, 8, 16], 8, id="saturates at six"),
        pytest.param(lambda n: 100.0 * n**0.1, 0.5, 64, [1, 2], 1, id="a doubling gains 7%"),
        pytest.param(lambda n: 100.0 * n**0.2, 0.5, 8, [1, 2, 4, 8], 8, id="a doubling gains 15%"),
        pytest.param(lambda n: 100.0 / n, 0.5, 64, [1, 2], 1, id="each takes from the others"),
        pytest.param(lambda n: 100.0 * n, 10.0, 64, [1, 2, 4, 7], 7, id="71 of 80 GiB hold seven"),
        pytest.param(lambda n: 100.0 * n, 60.0, 64, [1], 1, id="two do not fit"),
        pytest.param(lambda n: 100.0 * n, 79.0, 64, [1], 1, id="one hardly fits"),
        pytest.param(lambda n: 100.0 * n, 0.5, 12, [1, 2, 4, 8, 12], 12, id="cores for twelve"),
        pytest.param(lambda n: 100.0 * min(n, 8.5), 0.5, 12, [1, 2, 4, 8, 12], 8, id="the last few gain 6%"),
        pytest.param(lambda n: 100.0, 0.5, 1, [1], 1, id="cores for one"),
    ],
)
def test_the_count_on_devices_of_known_throughput(
    rate: Callable[[int], float], each_gib: float, most: int, counts: list[int], chosen: int
) -> None:
    assert tried(rate, each_gib, most) == (counts, chosen)


def measured(*rows: tuple[int, float, float]) -> list[Measurement]:
    return [Measurement(trials=n, images_per_s=rate, memory_bytes=round(gib * GIB)) for n, rate, gib in rows]


def test_a_count_that_took_more_memory_than_was_foreseen_is_not_chosen() -> None:
    found = measured((1, 100, 2.0), (2, 200, 20.0), (4, 400, 79.0))
    assert next_count(found, H100, most=64) is None
    assert chosen_count(found, H100) == 2


def test_memory_that_others_use_is_not_there() -> None:
    half = Memory(total_bytes=80 * GIB, before_bytes=40 * GIB)
    assert tried(lambda n: 100.0 * n, 10.0, memory=half) == ([1, 2, 3], 3)


def test_where_nothing_could_be_measured_each_has_a_gpu_to_itself() -> None:
    assert chosen_count([], H100) == 1
    packing = Packing(trials=1, device="X", memory=H100, measurements=())
    assert packing.sentence() == "packing: 1 trial on a GPU (X has no memory for the largest student, not even for one)"
    assert packing.slowdown == 1.0


def test_what_is_said_has_the_figures() -> None:
    found = measured((1, 12000, 1.5), (2, 23000, 2.0), (4, 42000, 3.0), (8, 44000, 5.0))
    packing = Packing(trials=4, device="NVIDIA H100 80GB HBM3", memory=H100, measurements=tuple(found))
    assert packing.sentence() == (
        "packing: 4 trials on a GPU, 3.5 times the images of one (NVIDIA H100 80GB HBM3; "
        "images/s of 1: 12,000, 2: 23,000, 4: 42,000, 8: 44,000; 3.0 of 80.0 GiB)"
    )
    assert packing.slowdown == pytest.approx(4 / 3.5)


def test_images_count_while_all_train() -> None:
    """The second one begins late and the first one ends early: both run from 2 to 6."""
    steady = [(float(t), 100.0 * t) for t in range(7)]  # 100 a second
    late = [(2.0, 0.0), (4.0, 100.0), (9.0, 1100.0)]  # 50 a second for two seconds, then 200
    assert joint_rate([steady]) == 100.0
    assert joint_rate([steady, late]) == pytest.approx(100 + (100 + 2 * 200) / 4)


def test_trials_are_measured_together(extractor: Path, load: Load) -> None:
    heard: list[tuple[int, str]] = []
    packing = measure_packing(load, extractor, heard=lambda *said: heard.append(said), timed_s=0.5)
    assert packing.device == "CPU"
    counts = [measurement.trials for measurement in packing.measurements]
    assert counts in ([1], [1, 2])
    assert [count for count, _ in heard] == counts
    one, *two = packing.measurements
    assert one.images_per_s > 0
    assert 0.1 * GIB < one.memory_bytes - packing.memory.before_bytes < 4 * GIB
    for both in two:
        assert both.memory_bytes - one.memory_bytes > 0.1 * GIB, "another process"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (RuntimeError("CUDA error: out of memory"), MemoryError),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), MemoryError),
        (GanError("Rule", "value", "Remedy."), GanError),
        (int(signal.SIGKILL), MemoryError),
        (int(signal.SIGSEGV), SweepError),
    ],
)
def test_a_trial_without_memory_is_told_from_one_with_a_mistake(said: Exception | int, expected: type) -> None:
    """A signal: it was ended from outside, as the system does by the first with whoever takes too much."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=signal.raise_signal, args=(said,))
    if isinstance(said, Exception):
        theirs.send(said)
    else:
        process.start()
    theirs.close()
    with pytest.raises(expected):
        _answer(process, ours)


def test_a_load_for_which_the_machine_has_no_gpu(extractor: Path, load: Load) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    on_gpu = load.model_copy(update={"compute": Compute(device="cuda")})
    with pytest.raises(GanError, match="cuda is a GPU that PyTorch sees, got none"):
        measure_packing(on_gpu, extractor, heard=lambda *_: None)


def test_what_was_measured_is_found_again_for_the_same_load_alone(load: Load, tmp_path: Path) -> None:
    kept = KeptPackings(tmp_path)
    assert kept.find(load) is None
    packing = Packing(trials=2, device="X", memory=H100, measurements=tuple(measured((1, 5, 2), (2, 9, 3))))
    kept.keep(load, packing)
    assert kept.find(load) == packing
    others: Sequence[dict[str, Any]] = (
        {"device": "NVIDIA A100"},
        {"most": 3},
        {"architecture": load.architecture.model_copy(update={"width": 5})},
        {"recipe": load.recipe.model_copy(update={"batch_size": 16})},
        {"compute": Compute(precision="bfloat16")},
        {"threads": 2},
    )
    for other in others:
        assert kept.find(load.model_copy(update=other)) is None, other
    (file,) = (tmp_path / "packings").iterdir()
    file.write_text(file.read_text()[:-20])
    assert kept.find(load) is None, "it is measured again"


def test_what_a_load_is_made_of(tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["resources"] = {"trials_per_gpu": "auto", "cpus_per_trial": 3, "precision": "bfloat16"}
    spec = sweeps.load_spec(spec_file(tiny))
    load = Load.of(spec, "NVIDIA H100", cores=16)
    assert (load.most, load.threads) == (5, 3)
    assert load.compute == Compute(device="cuda", precision="bfloat16")
    assert (load.architecture.width, load.architecture.depth) == (4, 2)
    assert Load.of(spec, "NVIDIA H100", cores=1).most == 1
    assert Load.of(spec, "NVIDIA H100", cores=1000).most == 64


def test_a_load_has_its_gan_term_from_the_first_step_on(tiny: dict[str, Any], spec_file: Any) -> None:
    load = Load.of(sweeps.load_spec(spec_file(tiny)), "NVIDIA H100", cores=16)
    later = Load.of(sweeps.load_spec(spec_file(tiny), {"student.gan_from": 0.5}), "NVIDIA H100", cores=16)
    assert later.recipe.gan_weight > 0
    assert later == load

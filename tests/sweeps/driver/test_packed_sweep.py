"""A sweep whose trials share a GPU as was measured: what is measured once, and who sees the number."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import sweeps
from cluster import Node, TrialNeed, ray_session
from gan import Compute, DataRoot, DatasetConfig, default_data_root
from sweeps.display import Display, LineDisplay, QuietDisplay
from sweeps.doctor.own_checks import _room
from sweeps.errors import SweepError
from sweeps.ledger.workspace import Workspace
from sweeps.models.extractors import ExtractorFiles
from sweeps.models.materials import MaterialFiles, MaterialSource
from sweeps.planning.calibration import Calibration, Pace
from sweeps.planning.packing import KeptPackings, Load, Measurement, Memory, Packing
from sweeps.planning.packing_measurement import measure_packing
from sweeps.planning.plan import Plan, plan_sweep
from sweeps.site.remote_packing import gpus_of, measure_on_cluster
from sweeps.site.site import ThisMachine
from sweeps.spec.need import need_of
from sweeps.spec.resources import ResourceSpec
from sweeps.spec.sweep import SweepSpec


@pytest.fixture
def materials(extractor: Path) -> MaterialFiles:
    """An untrained extractor; nothing else is read."""
    none = extractor.parent / "none"
    dataset = DatasetConfig.model_validate({"name": "digits"})
    files = ExtractorFiles(model=extractor, reference=none)
    return MaterialFiles(dataset=dataset, data_root=default_data_root(), extractor=files, pool=none, agreement=none)


GIB = 2**30
FOUR = Packing(
    trials=4,
    device="NVIDIA H100",
    memory=Memory(total_bytes=80 * GIB, before_bytes=GIB),
    measurements=tuple(
        Measurement(trials=n, images_per_s=rate, memory_bytes=n * GIB)
        for n, rate in ((1, 100.0), (2, 180.0), (4, 200.0))
    ),
)


class Words(QuietDisplay):
    """A display that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


class Machine(ThisMachine):
    """This machine with a GPU on which four trials are worth it."""

    measured: tuple[str, ...] = ()

    def load(self, spec: SweepSpec, display: Display) -> Load:
        return Load.of(spec, "NVIDIA H100", cores=8)

    def measure(self, load: Load, materials: MaterialSource, display: Display) -> Packing:
        self.measured = (*self.measured, load.digest)
        return FOUR


@pytest.fixture
def auto(tiny: dict[str, Any], spec_file: Any) -> SweepSpec:
    """The tiny sweep on a GPU, packed as is measured."""
    return sweeps.load_spec(spec_file({**tiny, "resources": {"trials_per_gpu": "auto"}}))


def test_it_is_measured_once_and_for_what_is_largest(auto: SweepSpec, materials: Any, tmp_path: Path) -> None:
    workspace, words = Workspace.open(tmp_path / "data"), Words()
    machine, root = Machine(workspace, default_data_root(), num_cpus=None), default_data_root()
    small = auto.search.space.width.model_copy(update={"high": 2})
    space = auto.search.space.model_copy(update={"width": small})
    narrow = auto.model_copy(update={"name": "narrow", "search": auto.search.model_copy(update={"space": space})})
    both = {"narrow": materials, "tiny": materials}
    resources = machine.pack([narrow, auto], both, display=words)
    assert resources.gpus == 0.25
    assert machine.need(resources) == TrialNeed(cpus=1.0, gpus=0.25)
    assert machine.measured == (Load.of(auto, "NVIDIA H100", cores=8).digest,)
    assert words.said == [FOUR.sentence()]

    another = Machine(workspace, root, num_cpus=None)
    assert another.pack([auto], both, display=words).gpus == 0.25
    assert another.measured == ()
    assert words.said[1:] == [f"{FOUR.sentence()}, measured before"]

    elsewhere = Machine(Workspace.open(tmp_path / "other"), root, num_cpus=None)
    elsewhere.pack([auto], both, display=words)
    assert elsewhere.measured == machine.measured


@pytest.mark.parametrize(
    ("given", "gpus"), [({}, 0.0), ({"gpus_per_trial": 0.5}, 0.5), ({"trials_per_gpu": 3}, 0.3333)]
)
def test_what_is_said_is_not_measured(
    tiny: dict[str, Any], spec_file: Any, tmp_path: Path, given: dict[str, Any], gpus: float
) -> None:
    spec = sweeps.load_spec(spec_file({**tiny, "resources": given}))
    machine = Machine(Workspace.open(tmp_path / "data"), default_data_root(), num_cpus=None)
    assert machine.pack([spec], {}, display=QuietDisplay()) == spec.resources
    assert machine.need(spec.resources) == TrialNeed(cpus=1.0, gpus=gpus)
    assert machine.measured == ()


def test_a_gpu_has_its_part_of_its_nodes_cores(auto: SweepSpec) -> None:
    need = need_of(auto)
    assert need == TrialNeed(cpus=1.0, gpus=1.0), "a whole GPU, on which teacher and measurement are"
    head = Node(id="h", address="h", resources={"CPU": 128.0}, labels={})
    eight = Node(id="a", address="a", resources={"CPU": 96.0, "GPU": 8.0, "accelerator_type:H100": 1.0}, labels={})
    one = Node(id="b", address="b", resources={"CPU": 4.0, "GPU": 1.0, "accelerator_type:T4": 1.0}, labels={})
    assert gpus_of([head, eight], need) == ("H100", 12)
    assert gpus_of([head, one], need) == ("T4", 4)
    with pytest.raises(SweepError, match=r"GPUs of one kind, got H100, T4. Choose nodes by cluster.labels"):
        gpus_of([head, one, eight], need)


def test_a_machine_without_a_gpu_has_no_room(auto: SweepSpec) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    check = _room(auto)
    assert not check.is_fine
    assert "one occupies 1 CPU, 1 GPU" in check.found


def planned(auto: SweepSpec, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    paces = tuple(
        Pace(kind=mode, mac_g=0.1, s_per_kimg=3600.0, evaluation_s=0.0, ending_s=0.0)
        for mode in ("teacher", "joint", "distilled", "scratch")
    )
    monkeypatch.setattr("sweeps.planning.plan.calibrate", lambda *_, **__: Calibration(paces, 1.0, checkpoint_bytes=0))
    monkeypatch.setattr("sweeps.planning.packing.device_name", lambda _: "NVIDIA H100")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    return plan_sweep(auto, default_data_root(), data_dir=data_dir)


def test_a_plan_says_what_is_known(auto: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour a kimg: the teacher takes 6 hours, four students of 4 kimg and four baselines of 2 kimg take 24."""
    unknown = planned(auto, tmp_path, monkeypatch)
    assert unknown.workers == 1
    assert unknown.gpu_hours == pytest.approx(6 + 24)
    assert any("trials_per_gpu auto is measured when the sweep begins" in warning for warning in unknown.warnings)
    assert unknown.packing is None
    assert not list(tmp_path.glob("packings")), "nothing is written"

    KeptPackings(tmp_path).keep(Load.of(auto, "NVIDIA H100", cores=8), FOUR)
    known = planned(auto, tmp_path, monkeypatch)
    assert known.workers == 4
    assert known.gpu_hours == pytest.approx(6 + 24 / 2), "two times the images of one"
    assert known.core_hours == pytest.approx(6 + 24 * 2), "each trial takes twice as long as alone"
    assert known.wall_hours == pytest.approx(6 + 24 / 2)
    assert not any("trials_per_gpu" in warning for warning in known.warnings)
    console = Console(width=200)
    with console.capture() as captured:
        console.print(known.render())
    assert "packing: 4 trials on a GPU, 2.0 times the images of one" in captured.get()


@pytest.mark.slow
def test_it_is_measured_where_a_node_is_reserved(load: Load, materials: Any) -> None:
    with ray_session(num_cpus=2):
        packing = measure_on_cluster(load, materials, need=TrialNeed(cpus=1.0), display=QuietDisplay(), timed_s=0.3)
    assert packing.device == "CPU"
    assert packing.measurements[0].trials == 1
    assert packing.trials in (1, 2)


def run_twice(spec: SweepSpec, data_dir: Path, data_root: DataRoot) -> tuple[str, str]:
    """What two runs of a sweep say: the second has more to do than the first did."""
    said = []
    for trials in (1, 2):
        spec = spec.model_copy(update={"search": spec.search.model_copy(update={"trials": trials})})
        console = Console(width=300)
        with console.capture() as captured:
            result = sweeps.run_sweep(spec, data_dir, display=LineDisplay(console), data_root=data_root)
        assert result.table["state"].to_pylist() == ["COMPLETED"] * trials
        said.append(captured.get())
    return said[0], said[1]


def assert_it_was_measured_once(said: tuple[str, str], data_dir: Path, device: str) -> None:
    first, second = said
    (file,) = (data_dir / "packings").iterdir()
    kept = json.loads(file.read_text())["packing"]
    sentence = Packing.model_validate_json(json.dumps(kept)).sentence()
    assert kept["device"] == device
    assert "packing: begun" in first
    assert sentence in first
    assert "packing: begun" not in second
    assert f"{sentence}, measured before" in second


@pytest.fixture
def short(tiny: dict[str, Any], spec_file: Any) -> SweepSpec:
    """The tiny sweep of distillations alone, packed as is measured."""
    tiny |= {"name": "short", "phases": ["search"], "resources": {"trials_per_gpu": "auto"}}
    tiny["student"]["kimg"] = 3  # unlike what is there already
    tiny["search"] |= {"trials": 1}
    return sweeps.load_spec(spec_file(tiny))


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_a_whole_sweep_on_a_cpu_that_is_called_a_gpu(
    short: SweepSpec, finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the GPU's own calls, which are those for its name, its memory and its number. It is timed for moments."""
    monkeypatch.setattr("sweeps.site.site.measure_packing", partial(measure_packing, timed_s=0.3))
    monkeypatch.setattr(ResourceSpec, "compute", property(lambda _: Compute()))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", '{"GPU": 1}')
    data_dir = shutil.copytree(finished.data_dir, tmp_path / "data")  # with its teacher
    said = run_twice(short, data_dir, default_data_root())
    assert_it_was_measured_once(said, data_dir, "CPU")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_whole_sweep_on_a_gpu(short: SweepSpec, tmp_path: Path) -> None:
    said = run_twice(short, tmp_path / "data", default_data_root())
    assert_it_was_measured_once(said, tmp_path / "data", torch.cuda.get_device_name())

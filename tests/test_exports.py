"""What the four packages export, and that it costs nothing before it is used."""

import importlib
import subprocess
import sys
from types import ModuleType

import pytest


@pytest.mark.parametrize("package", ["gan", "cluster", "analysis", "sweeps"])
def test_every_name_is_there_and_no_module_takes_its_place(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert not isinstance(getattr(module, name), ModuleType), f"the module {package}.{name} hides what it defines"


def test_a_worker_and_a_sweeps_table_load_no_plotting_statistics_vision_or_compiler() -> None:
    costs = "costs_of(GeneratorConfig(image_size=16, image_channels=1, width=2))"
    code = "import sys, sweeps.trial.worker, sweeps.results.table; from gan import GeneratorConfig; "
    code += f"from sweeps.trial.log import costs_of; {costs}; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"torch", "mlflow"} <= set(said)
    assert not {"matplotlib", "scipy.stats", "torchvision", "sklearn", "torch._dynamo", "sympy"} & set(said)


def test_asking_a_cluster_for_a_log_loads_no_torch() -> None:
    code = "import sys, sweeps.cli, sweeps.site.submitted; from cluster import Jobs, use_token; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "mlflow", "optuna"} & set(said)

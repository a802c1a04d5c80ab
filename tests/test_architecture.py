"""The walls between the packages: who imports whom, and what that drags in."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "ray", "mlflow", "optuna", "matplotlib")


def test_the_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([lint, "--no-logo", "--no-cache"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("gan", {"torch", "matplotlib"}),  # torch-fidelity may bring matplotlib
        ("analysis", {"matplotlib"}),
        ("cluster", {"ray"}),
        ("sweeps", set()),
    ],
)
def test_a_package_loads_only_its_own_libraries(package: str, allowed: set[str]) -> None:
    code = f"import sys, {package}; print(*(name for name in {HEAVY} if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) <= allowed

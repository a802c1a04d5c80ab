"""The tests, in folders as the packages are. A package of its own name: torch-fidelity installs another `tests`."""

#!/usr/bin/env bash
# torch-fidelity 0.4.0 installs its test suite as a top-level package `tests`.
#
# A project that imports helpers from a `tests` folder of its own without an __init__.py (a namespace package) gets
# torch-fidelity's instead as soon as that is installed: a regular package wins over a namespace package, wherever each
# stands on sys.path. An __init__.py in the project's own folder, with the project earlier on the path, ends it.
#
# Seen: `tests` in top_level.txt; `import tests.mine` fails although ./tests/mine.py is first on the path.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/site" torch-fidelity==0.4.0 2>/dev/null
mkdir -p "$folder/project/tests"
echo 'name = "mine"' > "$folder/project/tests/mine.py"
cd "$folder/project"
look() { PYTHONPATH="$folder/project:$folder/site" python3 -c 'import tests.mine; print(tests.mine.name)' 2>&1 | tail -1 || true; }

grep -qx tests "$folder"/site/torch_fidelity-0.4.0.dist-info/top_level.txt || { echo "no longer a top-level package"; exit 1; }
without=$(look)
touch tests/__init__.py
with=$(look)
echo "without __init__.py: $without"
echo "with __init__.py:    $with"
[[ $without == "ModuleNotFoundError: No module named 'tests.mine'" && $with == mine ]]

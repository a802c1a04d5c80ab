#!/usr/bin/env bash
# moocore 0.3.2: eaf(points, sets) takes where the set's number changes for a new set, so rows must lie set by set.
#
# The empirical attainment function of several searches says which qualities half of them reached. Rows of a table of
# trials often come in the order of time, run by run in turn. Given so, the numbers 1, 2, 1, 2 are read as if rows lay
# set after set: another surface comes back, without an error. The same rows sorted by set first give the right one.
#
# Seen: two surfaces from one table; that of the sorted rows is the one a count by hand gives.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" moocore==0.3.2 numpy==2.4.6 2>/dev/null
cd "$folder"
PYTHONPATH="$folder/site" python3 - <<'PYTHON'
import moocore
import numpy as np

points = np.array([[1.0, 5.0], [2.0, 3.0], [4.0, 1.0], [3.0, 4.0], [1.5, 4.5], [5.0, 0.5]])
sets = np.array([1, 2, 1, 2, 1, 2])
by_set = np.argsort(sets, kind="stable")


def reached_by_both(surface):
    return surface[surface[:, 2] == 100][:, :2]


def attained(point, number):
    return bool((points[sets == number] <= point).all(axis=1).any())


in_turn, sorted_first = moocore.eaf(points, sets), moocore.eaf(points[by_set], sets[by_set])
print("rows in turn, reached by both:", reached_by_both(in_turn).tolist())
print("rows by set, reached by both: ", reached_by_both(sorted_first).tolist())
wrong = [point.tolist() for point in reached_by_both(in_turn) if not (attained(point, 1) and attained(point, 2))]
print("of the former not reached by both:", wrong)
assert all(attained(point, 1) and attained(point, 2) for point in reached_by_both(sorted_first))
assert wrong, "the order of rows matters no longer"
PYTHON

#!/usr/bin/env bash
# prdc 0.2 gives a perfect copy precision, recall, density and coverage of 0 where images repeat more often than nearest_k.
#
# A sample counts as covered when its distance is below the radius to the k-th neighbour. Where each image stands in the
# set more than k times, as in a set that was filled up by repetition, that radius is 0, and 0 is not below 0. The paper
# of precision and recall (Kynkäänniemi et al., 2019) lets equal distances count; then a copy of a set scores 1.
#
# Seen: 1 for a copy of 200 different features, 0 for a copy of 40 that stand there five times each, with nearest_k=3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" prdc==0.2 numpy==2.4.6 scikit-learn==1.9.1 scipy==1.17.1 2>/dev/null
cd "$folder"
PYTHONPATH="$folder/site" python3 - <<'PYTHON'
import numpy as np
from prdc import compute_prdc

once = np.random.default_rng(0).standard_normal((200, 8))
repeated = np.repeat(once[:40], 5, axis=0)
found = {name: compute_prdc(set_, set_.copy(), nearest_k=3) for name, set_ in (("once", once), ("repeated", repeated))}
for name, scores in found.items():
    print(name, {key: float(value) for key, value in scores.items()})
assert all(value == 1 for value in found["once"].values())
assert all(value == 0 for value in found["repeated"].values()), "equal distances count now"
PYTHON

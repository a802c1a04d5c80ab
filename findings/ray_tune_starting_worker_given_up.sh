#!/usr/bin/env bash
# Ray Tune 2.60.0 with reuse_actors gives a worker up that is still starting when another one has become free, and lets
# that one take its trial. The next trial asks for a new worker, which starts from the beginning. So where a trial is
# shorter than a worker's start, one worker does all trials in turn, and the rest of the cluster starts workers that run
# nothing.
#
# Seen: two cores, eight trials of 1 s, a first worker that is there at once and others whose setup takes 3 s: all eight
# trials ran in one process, and the wall time is that of one after the other.
# Expected: as soon as the second worker is up, it takes trials; so it does without reuse_actors.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" 'ray[tune]==2.60.0' 2>/dev/null
cd "$folder"
cat > trials.py <<'PYTHON'
import os, sys, time
from pathlib import Path

import ray
from ray import tune
from ray.tune.tuner import Tuner

folder = Path(sys.argv[1])


class Trial(tune.Trainable):
    def setup(self, config):
        try:
            (folder / "first").touch(exist_ok=False)
        except FileExistsError:
            time.sleep(3)

    def reset_config(self, config):
        return True

    def step(self):
        time.sleep(1)
        with (folder / "ran").open("a") as file:
            print(os.getpid(), file=file)
        return {"done": True}

    def save_checkpoint(self, folder):
        pass

    def load_checkpoint(self, folder):
        pass


ray.init(address="local", num_cpus=2, include_dashboard=False, _temp_dir=str(folder / "r"), log_to_driver=False)
tuner = Tuner(
    tune.with_resources(Trial, {"cpu": 1}),
    param_space={"number": tune.grid_search(list(range(8)))},
    tune_config=tune.TuneConfig(reuse_actors=sys.argv[2] == "reused"),
    run_config=tune.RunConfig(storage_path=str(folder / "results"), verbose=0),
)
tuner.fit()
ran = (folder / "ran").read_text().split()
print(len(ran), "trials in", len(set(ran)), "processes")
PYTHON

for way in reused new; do
    mkdir "$way"
    said=$(PYTHONPATH="$folder/site" RAY_USAGE_STATS_ENABLED=0 OMP_NUM_THREADS=1 python3 trials.py "$folder/$way" "$way" 2>/dev/null | tail -1)
    echo "$way: $said"
    case $way in
        reused) [ "$said" = "8 trials in 1 processes" ] ;;
        new) [ "$said" = "8 trials in 8 processes" ] ;;
    esac
done

#!/usr/bin/env bash
# Ray Tune 2.60.0 with OptunaSearch on Optuna 5.0.0: a trial that ends with NaN stays RUNNING in the Optuna study for good.
#
# A GAN that diverged reports NaN. Ray Tune ends its trial as TERMINATED; the study behind it, which a later search goes
# on with, keeps that point as one that is still being tried. A sampler that avoids running points (the constant liar of
# TPE) avoids it for ever, and who waits for all trials to finish waits for ever.
#
# Seen: two trials TERMINATED in Ray Tune; COMPLETE and RUNNING in the study.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" 'ray[tune]==2.60.0' optuna==5.0.0 2>/dev/null
cd "$folder"
cat > search.py <<'PYTHON'
import optuna
import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch

ray.init(address="local", num_cpus=1, include_dashboard=False, _temp_dir="TEMPORARY", log_to_driver=False)
storage = optuna.storages.InMemoryStorage()
search = OptunaSearch(
    {"width": optuna.distributions.IntDistribution(1, 2)},
    metric="fid",
    mode="min",
    study_name="fid",
    storage=storage,
    points_to_evaluate=[{"width": 1}, {"width": 2}],
)


def train(config):
    tune.report({"fid": 10.0 if config["width"] == 1 else float("nan")})


results = tune.Tuner(
    train,
    tune_config=tune.TuneConfig(num_samples=2, search_alg=search, max_concurrent_trials=1),
    run_config=tune.RunConfig(storage_path="TEMPORARY/results", verbose=0),
).fit()
print("Ray Tune:", [result.error for result in results])
study = optuna.load_study(study_name="fid", storage=storage)
states = {trial.params["width"]: trial.state.name for trial in study.trials}
print("Optuna:", states)
assert len(results) == 2 and results.num_errors == 0
assert states == {1: "COMPLETE", 2: "RUNNING"}, "the study hears of it now"
PYTHON
sed -i "s#TEMPORARY#$folder/ray#" search.py
PYTHONPATH="$folder/site" RAY_USAGE_STATS_ENABLED=0 OMP_NUM_THREADS=1 python3 search.py 2>/dev/null

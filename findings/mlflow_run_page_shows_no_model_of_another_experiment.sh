#!/usr/bin/env bash
# MLflow 3.17.2: a run's page says "Logged models (0)" where its input is a model of another experiment.
#
# `log_inputs` takes a LoggedModel of any experiment, and the run has it in `inputs.model_inputs`. But the page asks for
# models by id in the experiment of the run alone, and counts those that it gets. Who keeps base models in an experiment
# of their own makes a LoggedModel of each in the experiment of the runs.
#
# Seen in headless Chromium: (0) where the model is elsewhere, (1) where it is in the run's experiment; both runs have
# one input model.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null; wait; rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" mlflow==3.17.2 2>/dev/null
cd "$folder"
export PYTHONPATH="$folder/site" MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_DISABLE_TELEMETRY=true
read -r elsewhere here < <(python3 - 2>/dev/null <<'PYTHON'
from mlflow import MlflowClient
from mlflow.entities import LoggedModelInput

client = MlflowClient("sqlite:///mlflow.db")
models, runs = (client.create_experiment(name, "mlflow-artifacts:/") for name in ("models", "runs"))
links = []
for experiment in (models, runs):
    model = client.create_logged_model(experiment, name="base")
    run = client.create_run(runs).info.run_id
    client.log_inputs(run, models=[LoggedModelInput(model.model_id)])
    assert [each.model_id for each in client.get_run(run).inputs.model_inputs] == [model.model_id]
    links.append(f"#/experiments/{runs}/runs/{run}?workflowType=machine_learning")
print(*links)
PYTHON
)
python3 -m mlflow server --backend-store-uri sqlite:///mlflow.db --port 5123 --workers 1 >server.log 2>&1 &
server=$!
until curl --silent --fail http://127.0.0.1:5123/health >/dev/null; do sleep 1; done
shown() {
  chromium --headless --no-sandbox --disable-gpu --user-data-dir="$folder/browser" --virtual-time-budget=60000 \
    --dump-dom "http://127.0.0.1:5123/$1" 2>/dev/null | grep -o "Logged models ([0-9]*)" | head -1
}
first=$(shown "$elsewhere")
second=$(shown "$here")
echo "a model of another experiment: $first"
echo "a model of the run's own:      $second"
[[ $first == "Logged models (0)" && $second == "Logged models (1)" ]]

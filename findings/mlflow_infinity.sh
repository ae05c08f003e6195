#!/usr/bin/env bash
# MLflow 3.17.2, SQLite store: a metric of plus or minus infinity is kept, and told by get_metric_history and by the page, as
# the largest number there is (1.7976931348623157e308), with nothing that says so; NaN has a flag of its own (is_nan) and
# comes back as NaN. So a loss that ran away and a loss of 1.8e308 are the same to whoever reads it.
# Seen with Python 3.11 on Linux x86-64.
# Fails once infinity comes back as infinity.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q mlflow==3.17.2
cat > probe.py <<'P'
import math, mlflow
from mlflow.tracking import MlflowClient
mlflow.set_tracking_uri("sqlite:///probe.db")
with mlflow.start_run() as run:
    for step, value in enumerate([math.inf, -math.inf, math.nan]):
        mlflow.log_metric("loss", value, step=step)
values = [m.value for m in MlflowClient().get_metric_history(run.info.run_id, "loss")]
print(values)
largest = 1.7976931348623157e308
assert values[:2] == [largest, -largest] and math.isnan(values[2]), "no longer so"
P
venv/bin/python probe.py 2>/dev/null | tail -1
venv/bin/python probe.py > /dev/null 2>&1 || { echo "no longer so"; exit 1; }

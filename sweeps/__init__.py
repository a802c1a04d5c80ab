"""This package is the one place that composes networks, cluster, search, tracking and analysis.

    import sweeps
    result = sweeps.run_sweep(sweeps.load_spec("digits"))
    print(result.limit.sentence())

Everything the command line does is a function here. Names are imported on first use, because torch,
Ray and MLflow take seconds to load.
"""

import os

import lazy_loader

# Before mlflow and ray are imported anywhere, and inherited by the workers: no call home, no warnings
# about a missing git, and only the loggers that are asked for.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# A tracking server that is away is asked again later, from the trials' journals, rather than waited for.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
# Threads that soon fall asleep while they wait: spinning on, as they do by default, they make training
# several times slower beside one other busy process; falling asleep at once, slower without one.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""This module tells apart what a tracking store answers: that it is away, or that it refuses."""

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    DEADLINE_EXCEEDED,
    INTERNAL_ERROR,
    REQUEST_LIMIT_EXCEEDED,
    RESOURCE_EXHAUSTED,
    TEMPORARILY_UNAVAILABLE,
    ErrorCode,
)

_AWAY_CODES = (
    *(INTERNAL_ERROR, TEMPORARILY_UNAVAILABLE, DEADLINE_EXCEEDED),
    *(RESOURCE_EXHAUSTED, REQUEST_LIMIT_EXCEEDED),
)
_AWAY = {ErrorCode.Name(code) for code in _AWAY_CODES}


def is_away(error: MlflowException) -> bool:
    """Returns whether the same may be asked again later: the store is away, or has too much to do."""
    return error.error_code in _AWAY

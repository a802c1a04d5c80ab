"""This module tries the S3 bucket of a tracking server's artifacts before anyone uploads to it."""

import importlib.util
import os
from urllib.parse import urlparse

from cluster.errors import ClusterError

TIMEOUT_S = 10


def require_object_store(destination: str) -> None:
    """Raise ClusterError where `destination` is an S3 address that the environment's settings do not open.

    The endpoint is MLFLOW_S3_ENDPOINT_URL or boto3's own AWS_ENDPOINT_URL; so is the rest: AWS_ACCESS_KEY_ID and
    its like, a profile, or the machine's role. Any other destination is not looked at.
    """
    if not destination.startswith("s3:"):
        return
    if importlib.util.find_spec("boto3") is None:
        raise ClusterError("Artifacts in S3 need boto3", "none", "Run pip install 'ganlimit[team]'.")
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    place = urlparse(destination)
    settings = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 2})
    try:
        client = boto3.client("s3", endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL"), config=settings)
        client.list_objects_v2(Bucket=place.netloc, Prefix=place.path.lstrip("/"), MaxKeys=1)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise ClusterError(
            "The artifacts' bucket can be listed",
            f"{destination} ({error})",
            "Check the bucket, AWS_ENDPOINT_URL and the AWS_* credentials.",
        ) from error

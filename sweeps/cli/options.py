"""This module has the options of the command line that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class PaperForm(StrEnum):
    """A PaperForm says how `ganlimit paper` prints."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    CSV = "csv"
    LATEX = "latex"


class DeployedForm(StrEnum):
    """A DeployedForm is what `ganlimit deploy` writes."""

    ONNX = "onnx"
    ONNX_FP16 = "onnx-fp16"
    ONNX_INT8 = "onnx-int8"
    ONNX_INT8_STATIC = "onnx-int8-static"
    ONNX_PACKED = "onnx-packed"
    TORCH_EXPORT = "torch-export"
    LITERT = "litert"
    LITERT_INT8 = "litert-int8"
    EXECUTORCH = "executorch"
    WEB = "web"


def _storage(value: str | None) -> str | None:
    # Before it is put into the spec, whose line would be named otherwise.
    from cluster import storage_address

    return None if value is None else storage_address(value)


Spec = Annotated[str, typer.Argument(metavar="SPEC", help="A YAML file, or the name of a shipped preset.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where runs, models and reports are kept. Default: $GANLIMIT_DATA_DIR or ./ganlimit-data",
        show_default=False,
    ),
]


def _with_scheme(uri: str | None) -> str | None:
    if uri and "://" not in uri:
        raise typer.BadParameter(f"an address begins with its scheme, got {uri}. Write http://HOST:PORT.")
    return uri


TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        help="Where runs and models are: http://HOST:PORT of a tracking server. Default: $MLFLOW_TRACKING_URI or the "
        "data directory",
        show_default=False,
        callback=_with_scheme,
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        help="Where trials keep their files: a path that all nodes have mounted, or s3://BUCKET/PREFIX. Replaces the "
        "spec's cluster.storage.",
        show_default=False,
        callback=_storage,
    ),
]
Anywhere = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDRESS",
        help="Run on a cluster: its dashboard's URL to submit it there, or its HOST:PORT to drive it from here.",
        show_default=False,
    ),
]
Dashboard = Annotated[
    str | None,
    typer.Option("--address", metavar="URL", help="A cluster's dashboard, http://HOST:8265.", show_default=False),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help='Run the trials on this Ray cluster: its HOST:PORT, or "auto" on one of its nodes.',
        show_default=False,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", help="The cluster's secret, a file of mode 0600.", show_default=False),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until it has ended.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Replace the spec's seed.", show_default=False)]
Trials = Annotated[
    int | None, typer.Option("--trials", help="Replace the spec's number of trials.", show_default=False)
]
SweepNameOption = Annotated[str | None, typer.Option("--name", help="Replace the spec's name.", show_default=False)]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Trials at once. Default: one per core.", show_default=False),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        help="Where data sets are kept. Default: $GANLIMIT_DATA_ROOT or ~/.cache/ganlimit",
        show_default=False,
    ),
]
NoDownload = Annotated[bool, typer.Option("--no-download", help="Never download a data set.")]
Inception = Annotated[
    Path | None,
    typer.Option(
        "--inception-weights",
        help="Inception's weights on closed networks. Default: $GANLIMIT_INCEPTION_WEIGHTS or torch's hub folder",
        show_default=False,
    ),
]
ExtractorWeights = Annotated[
    Path | None,
    typer.Option(
        "--extractor-weights",
        help="Weights of any other pretrained extractor. Default: $GANLIMIT_EXTRACTOR_WEIGHTS or torch's hub folder",
        show_default=False,
    ),
]
Measurements = Annotated[
    list[Path] | None,
    typer.Option(
        "--measurements",
        metavar="FILE",
        help="What deployed students cost on one machine: the measurements.parquet of ganlimit deploy --measure. Give "
        "it several times for several.",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script instead of a table.")]
SweepName = Annotated[str, typer.Argument(metavar="NAME", help="The sweep's name.")]
SweepNames = Annotated[
    list[str],
    typer.Argument(metavar="NAME...", help="Names of sweeps, or of what one file began on several data sets."),
]

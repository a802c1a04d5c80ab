"""This module is `ganlimit deploy`: it takes generators to what a device runs."""

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.inputs import folder_of, outside_files
from sweeps.cli.options import Data, DataDir, DeployedForm, Json, NoDownload, Quiet, TrackingUri
from sweeps.cli.output import show, stderr


def deploy(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP|ARTIFACT",
            help="A sweep, whose student at the limit is exported; or a registered model (NAME or NAME/VERSION), "
            "a trial's run id, or a folder.",
        ),
    ],
    formats: Annotated[
        list[DeployedForm] | None,
        typer.Option("--format", help="Give it several times for several. Default: onnx", show_default=False),
    ] = None,
    *,
    whole: Annotated[bool, typer.Option("--all", help="All students of the sweep's frontier.")] = False,
    teacher: Annotated[bool, typer.Option("--teacher", help="The sweep's teacher as well.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the exports. Default: deployed/NAME", show_default=False),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure latency here, PyTorch beside each format asked for.")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Of what is measured.")] = 1,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Measure torch.compile too: half a minute for each generator.")
    ] = False,
    runtime: Annotated[
        Path | None,
        typer.Option(
            "--runtime",
            help="Of --format web: onnxruntime-web as a folder or .tgz. Default: from npm, once",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Export a sweep's student at the limit, or any stored generator, for a device: a file, its card and a script."""
    from sweeps.deployment.deploying import deploy as deployed
    from sweeps.deployment.measuring import Timing
    from sweeps.display import display_for

    found = deployed(
        what,
        out=out,
        formats=[form.value for form in formats or [DeployedForm.ONNX]],
        whole=whole,
        teacher=teacher,
        timing=Timing(threads=threads, compile_too=compiled) if measure or compiled else None,
        runtime=runtime,
        data_dir=folder_of(data_dir),
        tracking_uri=tracking_uri,
        data_root=outside_files(data_root, no_download=no_download),
        display=display_for(stderr(), quiet=quiet),
    )
    show([found], as_json=as_json)

"""This module is `ganlimit extractor`: is what quality is measured with a straight ruler?"""

import typer

import sweeps
from sweeps.cli.inputs import outside_files, overrides
from sweeps.cli.options import (
    Data,
    DataDir,
    ExtractorWeights,
    Inception,
    Json,
    NoDownload,
    Quiet,
    Seed,
    Spec,
    TrackingUri,
)
from sweeps.cli.output import console, print_json, stderr
from sweeps.exit_codes import ExitCode


def extractor_check(
    spec: Spec,
    data_dir: DataDir = None,
    *,
    tracking_uri: TrackingUri = None,
    seed: Seed = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    extractor_weights: ExtractorWeights = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Examine a spec's extractor: does its distance rise as real images are spoilt? Exit code 1 where it does not."""
    from sweeps.display import display_for
    from sweeps.driver.checking import check_extractor
    from sweeps.results.examinations import examination_dict, examination_table, verdict

    # What the spec does with a failure does not matter here, where it is only shown.
    loaded = sweeps.load_spec(spec, overrides(seed=seed) | {"evaluation.examination": "mark"})
    root = outside_files(
        data_root, no_download=no_download, inception_weights=inception_weights, extractor_weights=extractor_weights
    )
    display = display_for(stderr(), quiet=quiet)
    extractor = check_extractor(loaded, data_dir, tracking_uri=tracking_uri, display=display, data_root=root)
    if as_json:
        print_json(examination_dict(extractor.examination, extractor.version))
    else:
        console().print(examination_table(extractor.examination))
        console().print(verdict(extractor.examination, extractor.version), highlight=False)
    if not extractor.examination.passed:
        raise typer.Exit(ExitCode.FAILURE)

"""This module defines the table that all of analysis reads: one row per trial, and what its columns mean.

Units and meaning stand in the metadata of the table's fields, and so in every written file.
"""

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from enum import Enum, StrEnum
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 7
DEFAULT_BLOCK = "dcgan"  # of a table from before there were others, and not named beside a size
VERSION_KEY = b"ganlimit.schema_version"


class TrialState(StrEnum):
    """A state says how a trial stands or ended. Stored: names are only ever added.

    >>> TrialState("PRUNED") is TrialState.PRUNED
    True
    """

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"  # reached the full budget
    PRUNED = "PRUNED"  # stopped at a rung
    DIVERGED = "DIVERGED"  # a loss became NaN or infinite
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    LOST = "LOST"  # its worker or driver went away
    FAILED = "FAILED"  # an unexpected error, kept in the column `error`
    INTERRUPTED = "INTERRUPTED"  # a person stopped the sweep


class Phase(StrEnum):
    """A phase says what a trial was run for. Stored: names are only ever added.

    >>> [str(phase) for phase in Phase]
    ['search', 'confirm', 'baseline']
    """

    SEARCH = "search"
    CONFIRM = "confirm"  # a candidate of the limit with a seed the search never used
    BASELINE = "baseline"


class Mode(StrEnum):
    """A mode says what a student learns from. Stored: names are only ever added.

    >>> Mode.SCRATCH == "scratch"
    True
    """

    DISTILLED = "distilled"
    SCRATCH = "scratch"


class _Group(Enum):
    """A group says where a column's values come from."""

    TRIAL = "the trial itself: its identity, its student, its costs and its end"
    METRIC = "the evaluation of its generator"
    AGREEMENT = "its images beside the teacher's at held-out latents"
    SHARED = "the sweep: data set, teacher, real images and protocol, alike in all its rows"


@dataclass(frozen=True)
class _Kind:
    """A kind is a column's type in Arrow and in Python, and whether every row has a value."""

    arrow: pa.DataType
    python: type
    _: KW_ONLY
    required: bool = True


TRIAL, METRIC, AGREE, SHARED = _Group.TRIAL, _Group.METRIC, _Group.AGREEMENT, _Group.SHARED
TEXT, MAYBE_TEXT = _Kind(pa.string(), str), _Kind(pa.string(), str, required=False)
NUMBER, MAYBE_NUMBER = _Kind(pa.float64(), float), _Kind(pa.float64(), float, required=False)
WHOLE, MAYBE_WHOLE = _Kind(pa.int64(), int), _Kind(pa.int64(), int, required=False)
TRUTH = _Kind(pa.bool_(), bool)

# In the order of the written files: name, group, kind, unit, meaning.
_COLUMNS: tuple[tuple[str, _Group, _Kind, str, str], ...] = (
    ("sweep", TRIAL, TEXT, "", "name of the sweep"),
    ("trial", TRIAL, WHOLE, "", "ordinal of the trial in its sweep, from 1"),
    ("trial_key", TRIAL, TEXT, "", "SHA-256 identity of the trial"),
    ("run_id", TRIAL, TEXT, "", "MLflow run of the trial"),
    ("dataset", SHARED, TEXT, "", "data set"),
    ("phase", TRIAL, TEXT, "", "search, confirm or baseline"),
    ("mode", TRIAL, TEXT, "", "distilled from the teacher, or trained from scratch"),
    ("state", TRIAL, TEXT, "", "how the trial ended (TrialState)"),
    ("final", TRIAL, TRUTH, "", "reached the full budget; only such rows enter a frontier"),
    ("width", TRIAL, WHOLE, "channels", "base channel count of the generator"),
    ("depth", TRIAL, WHOLE, "layers", "convolution layers per resolution stage"),
    ("block", TRIAL, TEXT, "", "kind of the convolutions: dcgan, separable or resize"),
    ("first_layer_rank", TRIAL, MAYBE_WHOLE, "channels", "between latent and first map; null where one layer makes it"),
    ("stage_widths", TRIAL, MAYBE_TEXT, "channels", "of each stage, as 12-4; null where each is half of the last"),
    ("bits", TRIAL, MAYBE_WHOLE, "bits", "of each weight; null where they are floats"),
    ("gan_weight", TRIAL, MAYBE_NUMBER, "1", "weight of the GAN term in [0, 1); null from scratch"),
    ("scheme", TRIAL, MAYBE_TEXT, "", "how it was distilled beside MSE and a plain GAN term; null where by these"),
    ("settings", TRIAL, MAYBE_TEXT, "", "what else of the student was searched, as JSON; null where nothing"),
    ("seed", TRIAL, WHOLE, "", "seed of the trial"),
    ("parameters", TRIAL, WHOLE, "1", "trainable parameters of the generator"),
    ("compression_ratio", TRIAL, NUMBER, "1", "the teacher's parameters / these"),
    ("weight_bytes", TRIAL, MAYBE_WHOLE, "bytes", "of all that is learnt: weights in their bits, the rest in 32"),
    ("mac_g", TRIAL, NUMBER, "1e9 multiply-accumulates", "per generated image"),
    ("latency_ms", TRIAL, MAYBE_NUMBER, "ms", "to generate one image, on the machine of the trial"),
    ("kimg", TRIAL, NUMBER, "1000 images", "seen by the generator in training"),
    ("fid", METRIC, MAYBE_NUMBER, "squared feature distance", "Fréchet distance to the training images"),
    ("best_fid", METRIC, MAYBE_NUMBER, "squared feature distance", "lowest FID of all the trial reported"),
    ("fid_infinity", METRIC, MAYBE_NUMBER, "squared feature distance", "FID extrapolated to infinite samples"),
    ("fid_per_class", TRIAL, MAYBE_TEXT, "", "FID of each class by its label, as JSON; null where not measured"),
    ("inception_score", METRIC, MAYBE_NUMBER, "classes", "Inception Score, mean over splits"),
    ("inception_score_std", METRIC, MAYBE_NUMBER, "classes", "Inception Score, standard deviation over splits"),
    ("sharpness", METRIC, MAYBE_NUMBER, "squared grey levels", "mean Variance of Laplacian"),
    ("kid", METRIC, MAYBE_NUMBER, "squared kernel distance", "Kernel Inception Distance to training images"),
    ("kid_error", METRIC, MAYBE_NUMBER, "squared kernel distance", "its standard error"),
    ("precision", METRIC, MAYBE_NUMBER, "1", "share of samples within the real images' manifold"),
    ("recall", METRIC, MAYBE_NUMBER, "1", "share of real images within the samples' manifold"),
    ("latent_mse", AGREE, MAYBE_NUMBER, "squared, images in [-1, 1]", "to the teacher's images at held-out latents"),
    ("latent_psnr", AGREE, MAYBE_NUMBER, "dB", "to the teacher's images at held-out latents"),
    ("latent_ssim", AGREE, MAYBE_NUMBER, "1", "similarity to the teacher's images at held-out latents"),
    ("path_mse", AGREE, MAYBE_NUMBER, "squared, images in [-1, 1]", "to the teacher's along lines between latents"),
    ("teacher_version", SHARED, TEXT, "", "registered model version of the teacher"),
    ("teacher_digest", SHARED, TEXT, "", "SHA-256 of the teacher's weights"),
    ("teacher_parameters", SHARED, WHOLE, "1", "the teacher's parameters"),
    ("teacher_kimg", SHARED, NUMBER, "1000 images", "the teacher's training budget"),
    ("teacher_fid", SHARED, NUMBER, "squared feature distance", "the teacher's FID"),
    ("teacher_last_fid", SHARED, MAYBE_NUMBER, "squared feature distance", "FID at the end of its training"),
    ("teacher_inception_score", SHARED, MAYBE_NUMBER, "classes", "the teacher's IS"),
    (
        "teacher_critic",
        SHARED,
        MAYBE_TEXT,
        "",
        "how its critic told real images from generated ones; null where unknown",
    ),
    ("teacher_sharpness", SHARED, NUMBER, "squared grey levels", "the teacher's sharpness"),
    ("real_fid", SHARED, MAYBE_NUMBER, "squared feature distance", "FID of held-out real images"),
    ("real_inception_score", SHARED, MAYBE_NUMBER, "classes", "IS of held-out real images"),
    ("real_sharpness", SHARED, NUMBER, "squared grey levels", "of held-out real images"),
    ("protocol_digest", SHARED, TEXT, "", "SHA-256 of what makes metrics comparable"),
    ("extractor", SHARED, TEXT, "", "registered model version of the extractor"),
    ("num_samples", SHARED, WHOLE, "images", "generated for each evaluation"),
    ("absent", SHARED, MAYBE_TEXT, "", "scores that cannot be had, with the reason, as JSON; null where none"),
    ("extractor_faults", SHARED, MAYBE_TEXT, "", "what the extractor failed of its examination; null where nothing"),
    ("wall_s", TRIAL, NUMBER, "s", "wall time of the trial"),
    ("error", TRIAL, MAYBE_TEXT, "", "what went wrong; null where nothing did"),
)


def _columns_of(group: _Group) -> dict[str, type]:
    """Returns the columns of a group by name, in the order of the table, each with its type in Python."""
    return {name: kind.python for name, own, kind, _, _ in _COLUMNS if own is group}


TRIAL_SCHEMA = pa.schema(
    [
        pa.field(name, kind.arrow, nullable=not kind.required, metadata={"unit": unit, "description": meaning})
        for name, _, kind, unit, meaning in _COLUMNS
    ],
    metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()},
)
SHARED_COLUMNS = _columns_of(SHARED)
METRICS = tuple(_columns_of(METRIC))
AGREEMENT = tuple(_columns_of(AGREE))
ARCHITECTURE = ("width", "depth", "block", "first_layer_rank", "stage_widths")
STUDENT = ("dataset", *ARCHITECTURE, "gan_weight", "scheme", "settings")  # what makes two rows the same student
SIZE = ("parameters", *ARCHITECTURE)  # what makes two trials' generators the same
VARIANT, MEASUREMENT = "variant", "measurement"  # form and machine, in a table that measurements were joined to


def settings_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a row's `settings` hold, by name; nothing where nothing else was searched.

    >>> settings_of({"settings": '{"batch_size": 64}'})
    {'batch_size': 64}
    >>> settings_of({"settings": None})
    {}
    """
    return dict(json.loads(row["settings"])) if row["settings"] else {}


def width_text(row: Mapping[str, Any]) -> str:
    """Returns a student's width, or its stages', and the rank of its first layer where it is factored.

    >>> from analysis import example_trials, width_text
    >>> table = example_trials({"width": 19}, {"first_layer_rank": 16}, {"stage_widths": "12-4"})
    >>> [width_text(row) for row in table.to_pylist()]
    ['19', '4 r16', '12-4']
    """
    return _widths(row) + _rank(row)


def size_text(row: Mapping[str, Any]) -> str:
    """Returns what `width_text` does with the depth in it.

    >>> from analysis import example_trials, size_text
    >>> table = example_trials({"width": 19, "depth": 2}, {"first_layer_rank": 16}, {"stage_widths": "12-4"})
    >>> [size_text(row) for row in table.to_pylist()]
    ['19x2', '4x1 r16', '12-4x1']
    """
    return f"{_widths(row)}x{row['depth']}{_rank(row)}"


def _widths(row: Mapping[str, Any]) -> str:
    return row["stage_widths"] or str(row["width"])


def _rank(row: Mapping[str, Any]) -> str:
    return "" if row["first_layer_rank"] is None else f" r{row['first_layer_rank']}"


def student_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns what makes two rows the same student: all that was searched but the seed.

    >>> from analysis import example_trials, student_of
    >>> one, other, wider = example_trials({"seed": 0}, {"seed": 1}, {"width": 8}).to_pylist()
    >>> student_of(one) == student_of(other), student_of(one) == student_of(wider)
    (True, False)
    """
    return tuple(row[name] for name in STUDENT)

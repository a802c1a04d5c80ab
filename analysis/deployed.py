"""This module joins trials with what they cost once deployed: a row for each trial and form that it was measured in.

What a generator costs depends on its architecture and not on what it learnt, so a form that rounds no weight has the
same costs for every trial of that size. What rounded weights do to images depends on the weights: such a form is of the
very trial that was measured.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.errors import AnalysisError
from analysis.measurements import ONE, validate_measurements
from analysis.schema import AGREEMENT, MEASUREMENT, METRICS, SIZE, TRIAL_SCHEMA, VARIANT
from analysis.tables import validate
from analysis.trials import Ints, by_code, codes_of

OWN = ("fid", "inception_score", "sharpness")  # of the form's own images, where they were measured
TEACHERS = {"latency_ms": "teacher_latency_ms", "file_bytes": "teacher_file_bytes"}

_NEW = (  # name, type, whether every row has a value, unit, meaning
    (VARIANT, pa.string(), False, "", "the form that the student was measured in"),
    ("rounds", pa.bool_(), False, "", "whether the form rounds weights"),
    ("own_quality", pa.bool_(), False, "", "whether quality is of the form's own images, and not of the trial's"),
    ("file_bytes", pa.int64(), True, "bytes", "of the model's file"),
    ("compressed_bytes", pa.int64(), True, "bytes", "of the file as zlib has it"),
    ("latency_ms_p5", pa.float64(), False, "ms", "to generate one image: 5%"),
    ("latency_ms_p95", pa.float64(), False, "ms", "to generate one image: 95%"),
    ("images_per_s", pa.float64(), False, "1/s", "in the largest batch that was measured"),
    ("machine", pa.string(), False, "", "the processor, and the threads that computed"),
    (MEASUREMENT, pa.string(), False, "", "SHA-256 of what makes times comparable"),
    ("teacher_latency_ms", pa.float64(), True, "ms", "the teacher's in this form, to generate one image"),
    ("teacher_file_bytes", pa.int64(), True, "bytes", "of the teacher's file in this form"),
)
DEPLOYED_SCHEMA = pa.schema(
    [
        *TRIAL_SCHEMA,
        *(
            pa.field(name, kind, nullable=nullable, metadata={"unit": unit, "description": meaning})
            for name, kind, nullable, unit, meaning in _NEW
        ),
    ]
)


def deployed_trials(table: pa.Table, measurements: pa.Table) -> pa.Table:
    """Returns a row for each trial and form in which it was measured: the trial's row with the costs of that form.

    `latency_ms` is the median for one image on the measuring machine, in place of the trial's own. Where the quality of
    the form's own images was measured it takes the place of the trial's, and metrics that were not are null. A form
    that rounds no weight stands for every trial of the measured one's size, with its teacher. The later of two
    measurements of one generator in one form counts. Raises AnalysisError for tables of other columns, for measurements
    of two machines, and where they are of no trial of `table`.

    >>> from analysis import deployed_trials, example_measurements, example_trials
    >>> forms = {"form": "onnx", "file_bytes": 40_000}, {"form": "onnx-int8", "file_bytes": 11_000, "fid": 10.2}
    >>> found = deployed_trials(example_trials({"trial_key": "k"}), example_measurements(*forms))
    >>> found.select(["variant", "file_bytes", "fid"]).to_pylist()
    [{'variant': 'onnx', 'file_bytes': 40000, 'fid': 10.0}, {'variant': 'onnx-int8', 'file_bytes': 11000, 'fid': 10.2}]
    """
    table, measurements = validate(table), validate_measurements(measurements)
    latencies = measurements.filter(pc.equal(measurements["batch"], ONE))
    size_N = codes_of([table[name] for name in ("dataset", "teacher_digest", *SIZE)])
    parts = [
        _of_form(table, of_form(latencies, form), form=form, size_N=size_N, measurements=measurements)
        for form in latencies["form"].unique().to_pylist()
    ]
    joined = pa.concat_tables([DEPLOYED_SCHEMA.empty_table(), *parts])
    if not len(joined):
        sweeps = ", ".join(table["sweep"].unique().to_pylist()) or "an empty table"
        raise AnalysisError(
            "Measurements are of students of the sweep, of one image each",
            f"none of {sweeps}",
            f"Measure them: ganlimit deploy {sweeps} --all --measure.",
        )
    return joined


def of_form(measurements: pa.Table, form: str) -> pa.Table:
    """Returns the measurements in one form."""
    return measurements.filter(pc.equal(measurements["form"], form))


def _of_form(table: pa.Table, costs: pa.Table, *, form: str, size_N: Ints, measurements: pa.Table) -> pa.Table:
    place_N = _place_of_each(table["trial_key"], costs["trial_key"])
    if not pc.any(pc.fill_null(costs["rounds"], fill_value=True)).as_py():
        by_size = by_code(size_N)
        measured = np.flatnonzero(place_N >= 0)
        by_size[size_N[measured]] = place_N[measured]
        place_N = np.where(place_N >= 0, place_N, by_size[size_N])
    rows = np.flatnonzero(place_N >= 0)
    trials, own = table.take(rows), costs.take(place_N[rows])
    is_own = pc.and_(pc.is_valid(own["fid"]), pc.equal(own["trial_key"], trials["trial_key"]))
    largest = _largest_batches(of_form(measurements, form))
    speed = largest.take(_place_of_each(own["weights_digest"], largest["weights_digest"]))
    machine = [f"{row['cpu']}, {row['threads']} thread{'s' * (row['threads'] != 1)}" for row in own.to_pylist()]
    new = {
        VARIANT: own["form"],
        "rounds": pc.fill_null(own["rounds"], fill_value=True),
        "own_quality": is_own,
        "file_bytes": own["file_bytes"],
        "compressed_bytes": own["compressed_bytes"],
        "latency_ms_p5": own["low_ms"],
        "latency_ms_p95": own["high_ms"],
        "images_per_s": speed["images_per_s"],
        "machine": pa.array(machine, pa.string()),
        MEASUREMENT: own["measurement_digest"],
        **_teachers(trials, costs),
    }
    columns = {**{name: trials[name] for name in TRIAL_SCHEMA.names}, **new, "latency_ms": own["median_ms"]}
    columns |= _qualities(trials, own, is_own=is_own)
    return pa.table([columns[name] for name in DEPLOYED_SCHEMA.names], schema=DEPLOYED_SCHEMA)


def _teachers(trials: pa.Table, costs: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Returns the costs of the teacher in the same form, null where it was not measured."""
    place = _place_of_each(trials["teacher_digest"], costs["weights_digest"])
    found = pa.array(place, mask=place < 0)
    return {"teacher_latency_ms": costs["median_ms"].take(found), "teacher_file_bytes": costs["file_bytes"].take(found)}


def _qualities(trials: pa.Table, own: pa.Table, *, is_own: pa.ChunkedArray) -> dict[str, pa.ChunkedArray]:
    """Returns the metrics: of the form's own images where they were measured, or else the trial's."""
    found = {}
    for name in (*METRICS, *AGREEMENT):
        values = own[name] if name in OWN else pa.nulls(len(own), TRIAL_SCHEMA.field(name).type)
        found[name] = pc.if_else(is_own, values, trials[name])
    return found


def _largest_batches(measurements: pa.Table) -> pa.Table:
    """Returns each generator's measurement in its largest batch."""
    return measurements.sort_by([("batch", "ascending")])


def _place_of_each(values: pa.ChunkedArray, among: pa.ChunkedArray) -> Ints:
    """Returns the last place of each value in `among`, -1 where it is not there or null."""
    last = {value: place for place, value in enumerate(among.to_pylist()) if value is not None}
    known = pa.array(list(last), among.type)
    index = pc.fill_null(pc.index_in(values, value_set=known), len(last)).to_numpy()
    return np.asarray(np.array([*last.values(), -1], dtype=np.int64)[index])

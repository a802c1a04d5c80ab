"""This module is a sweep's specification: everything a user states, parsed once into frozen values."""

import itertools
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from analysis import LimitRule, Phase
from cluster import storage_address
from gan import (
    DatasetConfig,
    DistillationConfig,
    GeneratorConfig,
)
from gan.config import Config
from gan.networks.cost import count_parameters, weight_bytes
from gan.networks.dcgan import WIDEST, halved_widths
from gan.seeds import seed_at
from sweeps.errors import SweepError
from sweeps.spec.architecture import architecture_of, rank_excess, require_ranks_of
from sweeps.spec.browsing import MlflowSpec
from sweeps.spec.domains import require_domains
from sweeps.spec.evaluation import EvaluationSpec, require_samples
from sweeps.spec.models import (
    EMBEDDED,
    WITHOUT_CLASSES,
    AnyTeacherSpec,
    ClassifierSpec,
    ExtractorSpec,
    OwnExtractorSpec,
    TeacherSpec,
)
from sweeps.spec.phases import (
    OF_TRIALS,
    PHASES,
    BaselineSpec,
    BudgetSpec,
    ConfirmSpec,
    MeasureSpec,
    SweepPhase,
    SweepPhaseField,
)
from sweeps.spec.resources import ClusterSpec, ResourceSpec
from sweeps.spec.schemes import require_schemes
from sweeps.spec.search import LATENCY, MOST_STUDENTS, REPLICATES, SearchSpec, Seed
from sweeps.spec.space import AnyDomain, ChoiceDomain, FixedDomain, IntDomain, Value, every_point, extremes
from sweeps.spec.starts import require_starts

HOUR_S = 3600.0
PARAMETERS, BYTES = "parameters", "weight_bytes"
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class SweepSpec(Config):
    """This is a whole sweep. Every random stream grows from `seed`: that of teacher, search and students."""

    name: Name
    group: Name | None = None  # shared by the sweeps that a file with several data sets began
    dataset: Annotated[DatasetConfig, BeforeValidator(_by_name)]  # a name, or a mapping with a name
    seed: Seed = 0
    extractor: ExtractorSpec = ClassifierSpec()
    teacher: AnyTeacherSpec
    student: DistillationConfig
    phases: Annotated[tuple[SweepPhaseField, ...], Field(min_length=1)] = OF_TRIALS
    search: SearchSpec
    confirm: ConfirmSpec = ConfirmSpec()
    baseline: BaselineSpec
    budget: BudgetSpec = BudgetSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    # Left out where it says nothing else, as in sweeps from before.
    measure: MeasureSpec = Field(default=MeasureSpec(), exclude_if=lambda found: found == MeasureSpec())
    limit: LimitRule = LimitRule(metric="fid", tolerance=0.5)
    resources: ResourceSpec = ResourceSpec()
    cluster: ClusterSpec = ClusterSpec()
    # Left out where nothing is said, as in sweeps from before.
    mlflow: MlflowSpec = Field(default=MlflowSpec(), exclude_if=lambda found: found == MlflowSpec())

    @model_validator(mode="after")
    def _is_consistent(self) -> "SweepSpec":
        require_domains(self.search.space, self.shape, widest=self.widest_widths, recipe=self.recipe)
        require_ranks_of(self.search.points, self.shape)
        size = self.dataset.image_shape[1]
        require_schemes(self.search.space, recipe=self.recipe, image_size=size, teacher=self.teacher)
        trained = self.teacher_architecture if isinstance(self.teacher, TeacherSpec) else None
        require_starts(self.search.space, recipe=self.recipe, teacher=trained, shape=self.shape)
        self._require_whole_batches()
        self._require_extractor()
        judged = {"search.objectives": self.search.objectives[1], "limit.metric": self.limit.metric}
        require_samples(self.evaluation, judged, has_classes=bool(self.teacher.space.num_classes))
        self._require_one_rule()
        if self.phases[0] != SweepPhase.SEARCH or list(self.phases) != sorted(set(self.phases), key=PHASES.index):
            others = ", ".join(PHASES[1:])
            raise ValueError(f"phases are search and then some of {others}, got {', '.join(self.phases)}")
        return self

    def _require_whole_batches(self) -> None:
        """Raises ValueError where the pool holds less than a batch of it."""
        batches = extremes(self.search.space.student.get("batch_size", FixedDomain(type="fixed", value=0)))
        largest = max(self.recipe({"batch_size": value} if value else {}).batch_size for value in batches)
        if largest > self.teacher.pool_size:
            raise ValueError(
                f"student.batch_size is at most teacher.pool_size {self.teacher.pool_size}, "
                f"got {largest}; lower it or raise the pool"
            )

    def _require_extractor(self) -> None:
        """Raises ValueError where the extractor cannot measure the images, or its features cannot be matched."""
        extractor, (image_channels, _) = self.extractor, self.dataset.image_shape
        if self.evaluation.num_samples < 2 * extractor.features:
            raise ValueError(
                f"evaluation.num_samples is at least twice the extractor's {extractor.features} features, "
                f"got {self.evaluation.num_samples}; raise it to {2 * extractor.features} or more"
            )
        if isinstance(extractor, OwnExtractorSpec) and extractor.image_channels < image_channels:
            raise ValueError(
                f"an extractor of image_channels 1 reads grey images, and those of {self.dataset.name} have "
                f"{image_channels} channels; export one for colour images"
            )
        for key, name in (("search.objectives", self.search.objectives[1]), ("limit.metric", self.limit.metric)):
            if name == "inception_score" and extractor.kind in WITHOUT_CLASSES:
                raise ValueError(
                    f"{key} is a score that the extractor gives, and {extractor.kind} has no classes, got {name}; "
                    "choose fid, or the extractor classifier or inception"
                )
        searched = self.search.space.student.get("feature_weight")
        matches = any(weight for weight in (self.student.feature_weight, *(extremes(searched) if searched else ())))
        if matches and extractor.kind not in EMBEDDED:
            raise ValueError(
                f"student.feature_weight above 0 matches features of {' or '.join(EMBEDDED)}, got extractor "
                f"{extractor.kind}; set feature_weight: 0 or choose one of those"
            )

    def _require_one_rule(self) -> None:
        """Raises ValueError where the search for the limit would be told another metric than the limit's."""
        if self.search.sampler == "limit" and self.limit.metric != self.search.objectives[1]:
            raise ValueError(
                f"the sampler limit is told the limit's metric, got search.objectives {self.search.objectives[1]} and "
                f"limit.metric {self.limit.metric}; write the same"
            )
        if self.search.sampler == "limit" and not self._has_two_sizes():
            raise ValueError("the sampler limit seeks among two sizes or more, got one; widen search.space")
        if self.search.is_timed and self.confirm.precision is not None:
            got = f"{self.confirm.precision:g} and search.objectives {LATENCY}"
            raise ValueError(f"confirm.precision narrows no limit of latency, got {got}; leave it out")
        if self.search.sampler != "limit" and self.confirm.confidence is not None:
            got = f"{self.confirm.confidence:g} and the sampler {self.search.sampler}"
            raise ValueError(
                f"confirm.confidence is of the model that the sampler limit asks, got {got}; leave it out, or write "
                "confirm.precision instead"
            )

    @property
    def limit_cost(self) -> str:
        """Returns the cost whose limit is sought and confirmed: bytes where these lead the search."""
        return BYTES if self.search.objectives[0] == BYTES else PARAMETERS

    def _has_two_sizes(self) -> bool:
        points = (point for point in every_point(self.search.space.domains(), MOST_STUDENTS) or ())
        possible = (
            (point, architecture_of(point, self.shape)) for point in points if rank_excess(point, self.shape) <= 0
        )
        allowed = ((point, student) for point, student in possible if self.search.constraints.allow(student))
        sizes = (self.size_at(point, student) for point, student in allowed)
        first = next(sizes, None)
        return any(size != first for size in sizes)

    @property
    def trial_phases(self) -> tuple[Phase, ...]:
        """Returns the phases that have trials, in the order in which they run."""
        return tuple(Phase(phase) for phase in self.phases if phase in OF_TRIALS)

    @property
    def is_measured(self) -> bool:
        """Returns whether the sweep ends with a measurement of what its students cost on a device."""
        return SweepPhase.MEASURE in self.phases

    def size_at(self, point: Mapping[str, Value], student: GeneratorConfig) -> int:
        """Returns what the student at a point costs of what the limit is of: parameters, or bytes."""
        return weight_bytes(student, self.recipe(point).bits) if self.limit_cost == BYTES else count_parameters(student)

    def recipe(self, point: Mapping[str, Value]) -> DistillationConfig:
        """Returns how the student at `point` is distilled: the spec's recipe with the point's values.

        Raises ValidationError where they do not fit.
        """
        data = self.student.model_dump(mode="json")
        for name, value in point.items():
            if name in self.search.space.student or name == "gan_weight":
                *parents, last = name.split(".")
                place = data
                for parent in parents:
                    place = place.setdefault(parent, {}) if isinstance(place, dict) else {}
                number = float(value) if name == "gan_weight" else value
                place[last] = number + 0.0 if isinstance(number, float) else number  # -0.0 is 0.0
        return DistillationConfig.model_validate_json(json.dumps(data))

    def confirmed(self, seeds: int) -> "SweepSpec":
        """Returns this sweep as NAME-confirmed, with its frontier and limit judged by `seeds` fresh seeds.

        Raises SweepError where the sweep itself has the phase confirm, or NAME is too long.
        """
        if Phase.CONFIRM in self.trial_phases:
            remedy = f"Go on with it: ganlimit sweep confirm {self.name}."
            raise SweepError("NAME-confirmed is of a sweep without the phase confirm", self.name, remedy)
        changes: dict[str, Any] = {
            "name": f"{self.name}-confirmed",
            "group": f"{self.group}-confirmed" if self.group else None,
            "phases": [name for name in PHASES if name in (*self.phases, SweepPhase.CONFIRM)],
            "confirm": self.confirm.with_seeds(seeds).model_dump(mode="json"),
        }
        if self.baseline.of == "frontier":
            changes["baseline"] = self.baseline.model_dump(mode="json") | {"of": "confirmed"}  # its students by seed
        if self.search.is_adaptive:
            changes["search"] = self.search.model_dump(mode="json") | {"trials": 0}  # what was searched is enough
        try:
            return SweepSpec.model_validate_json(json.dumps(self.model_dump(mode="json") | changes))
        except ValidationError as error:
            remedy = "Run the sweep under a shorter name."
            raise SweepError("NAME-confirmed is a sweep's name", changes["name"], remedy) from error

    def stored_in(self, storage: str | None) -> "SweepSpec":
        """Returns this sweep with its trials' files in another storage; unchanged for None. Raises ClusterError."""
        if storage is None:
            return self
        cluster = self.cluster.model_copy(update={"storage": storage_address(storage)})
        return self.model_copy(update={"cluster": cluster})

    def with_fresh_seeds(self, seeds: int) -> "SweepSpec":
        """Returns this sweep with at least `seeds` fresh seeds of each candidate."""
        most = max(seeds, self.confirm.seeds)
        return self.model_copy(update={"confirm": self.confirm.with_seeds(most)})

    def fused(self, phase: Phase) -> int:
        """Returns how many students of a phase are distilled in one process."""
        foreseen = phase == Phase.CONFIRM or (self.search.sampler == "grid" and not self.search.pruning)
        return self.resources.fused_trials if foreseen and phase != Phase.BASELINE else 1

    @property
    def confirm_seeds(self) -> tuple[int, ...]:
        """Returns the seeds of the confirmation, none of which the search uses."""
        return self.fresh_seeds(self.confirm.seeds) if Phase.CONFIRM in self.trial_phases else ()

    def fresh_seeds(self, count: int) -> tuple[int, ...]:
        """Returns so many seeds that the search does not use; fewer are the first of more."""
        used = frozenset(self.student_seeds)
        numbers = (seed_at(self.seed, "confirm", number) % 2**31 for number in itertools.count())
        return tuple(itertools.islice((number for number in numbers if number not in used), count))

    @property
    def student_seeds(self) -> tuple[int, ...]:
        """Returns the seeds of the students: those of the search, or else the sweep's, from which `limit` counts on."""
        if self.search.sampler == "limit":
            return tuple(range(self.seed, min(self.seed + REPLICATES, 2**31)))
        return self.search.seeds or (self.seed,)

    @property
    def trained_teacher(self) -> TeacherSpec:
        """Returns the teacher that is to be trained. Raises SweepError where it is a generator of the user's own."""
        if isinstance(self.teacher, TeacherSpec):
            return self.teacher
        raise SweepError(
            "A teacher that is trained has width and training",
            f"a generator of your own, {self.teacher.path}",
            "Run the sweep: it is used as it is.",
        )

    @property
    def widest_widths(self) -> tuple[int, ...]:
        """Returns the teacher's width at each stage that is searched, or its width where no stages are."""
        widest = self.teacher.width if isinstance(self.teacher, TeacherSpec) else WIDEST
        widths = halved_widths(widest, self.dataset.image_shape[1])
        return widths if self.search.space.stage_widths else widths[-1:]

    @property
    def teacher_architecture(self) -> GeneratorConfig:
        """Returns the trained teacher's generator."""
        teacher = self.trained_teacher
        return architecture_of({"width": teacher.width, "depth": teacher.depth, "block": teacher.block}, self.shape)

    @property
    def shape(self) -> dict[str, Any]:
        """Returns what every student takes, as the teacher does, and the shape of the data set's images."""
        image_channels, image_size = self.dataset.image_shape
        return {"image_size": image_size, "image_channels": image_channels, **self.teacher.space.model_dump()}

    def student_architecture(self, width: int, depth: int) -> GeneratorConfig:
        """Returns a generator of the paper's kind that takes what the teacher takes, for the data set's images."""
        return architecture_of({"width": width, "depth": depth}, self.shape)

    def domains(self) -> dict[str, AnyDomain]:
        """Returns the domains of all searched dimensions: those of the space and, with several seeds, the seed."""
        domains, seeds = self.search.space.domains(), self.student_seeds
        if self.search.sampler == "limit":
            domains["seed"] = IntDomain(type="int", low=seeds[0], high=seeds[-1])
        elif len(seeds) > 1:
            domains["seed"] = ChoiceDomain(type="choice", values=seeds)
        return domains

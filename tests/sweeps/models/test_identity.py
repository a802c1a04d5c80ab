"""What is kept is known by all that it is made from: no two pools, teachers or trials that differ share a digest."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import sweeps
from gan import (
    Generator,
    GeneratorCard,
    ImageDataset,
    ImportedCard,
    ImportedConfig,
    ImportedGenerator,
    Metrics,
    Protocol,
    agreement_latents,
    default_data_root,
    load_dataset,
    load_imported,
    pool_latents,
)
from gan.digests import array_digest, file_digest, value_digest
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.identity import imported_identity, pool_digest, trained_identity
from sweeps.models.teachers import Teacher, find_or_build_agreement_pool, find_or_build_pool
from sweeps.models.workshop import Workshop
from sweeps.spec.models import ImportedTeacherSpec
from sweeps.trial.request import TrialRequest

FACTORY = """
import torch
from own_layers import last
def make(width=256):
    return torch.nn.Sequential(torch.nn.Linear(8, width), last(), torch.nn.Unflatten(1, (1, 16, 16)))
other = make
"""
LAYERS = """
import torch
def last():
    return torch.nn.{activation}()
"""
# What says nothing of the images that a generator makes: where it lies, and what else is known of it.
SAYS_NOTHING = {"file", "weights", "kimg"}
PROTOCOL = {"dataset_digest": "d", "extractor": "classifier", "extractor_digest": "e", "num_samples": 64}


@pytest.fixture(scope="module")
def digits() -> ImageDataset:
    return load_dataset("digits")


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """A generator of one's own, whose images lie between 0 and 1 and so in a declared range of -1.5 to 1.5 as well."""
    network = torch.nn.Sequential(torch.nn.Linear(8, 256), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (1, 16, 16)))
    torch.nn.init.normal_(network[0].weight, std=4, generator=torch.Generator().manual_seed(0))
    torch.jit.save(torch.jit.trace(network.eval(), torch.zeros(2, 8)), tmp_path / "own.pt")
    stated = {"latent_size": 8, "latent_distribution": "uniform", "output_range": (0.0, 1.0), "pool_size": 64}
    return {"file": str(tmp_path / "own.pt"), **stated}


def spec_of(own: dict[str, Any]) -> ImportedTeacherSpec:
    return ImportedTeacherSpec.model_validate(own)


def card_of(imported: ImportedConfig, dataset: ImageDataset) -> ImportedCard:
    shape = {"latent_size": imported.latent_size, "image_channels": 1, "image_size": 16}
    return ImportedCard.model_validate(
        {
            **{"imported": imported, "shape": shape, "parameters": 1, "metrics": {}, "protocol_digest": "p"},
            **{"dataset": dataset.name, "dataset_digest": dataset.digest},
            "weights_digest": file_digest(imported.path),
        }
    )


def digests(
    own: dict[str, Any], dataset: ImageDataset, *, generator: ImportedGenerator | None = None
) -> dict[str, str]:
    """Returns under what teacher, pool and agreement pool would be found: of this generator, or of a loaded one."""
    spec = spec_of(own)
    if generator:
        generator.imported = spec.imported
    made = generator or load_imported(spec.imported)
    card, space = card_of(spec.imported, dataset), spec.space
    return {
        "teacher": imported_identity(made, dataset).digest,
        "pool": pool_digest(made, card, latents_NL=pool_latents(spec.pool_size, space, seed=0)),
        "agreement": pool_digest(made, card, latents_NL=agreement_latents(space, 0)),
    }


def rewritten(own: dict[str, Any]) -> str:
    path = Path(own["file"]).with_name("other.pt")
    path.write_bytes(Path(own["file"]).read_bytes() + b"\0")
    return str(path)


IMAGES = {"teacher", "pool", "agreement"}
MATRIX: dict[str, tuple[Any, set[str]]] = {
    "file": (rewritten, IMAGES),
    "latent_size": (9, IMAGES),
    "latents": ("BL11", IMAGES),
    "latent_distribution": ("sphere", IMAGES),
    "latent_bound": (0.5, IMAGES),
    "labels": ({"classes": 3}, IMAGES),
    "call": ({"noise_mode": "const"}, IMAGES),
    "output": ("images", IMAGES),
    "noise_seed": (1, IMAGES),
    "output_range": ((-1.5, 1.5), IMAGES),
    "kimg": (12.0, {"teacher"}),
    "pool_size": (65, {"pool"}),
    # Its critic has an identity of its own.
    "critic": ({"folder": "critic"}, set()),
    "critic_kimg": (1.0, set()),
}


@pytest.mark.parametrize("key", MATRIX)
def test_a_changed_key_of_a_generator_of_ones_own_finds_nothing_of_the_old_one(
    key: str, own: dict[str, Any], digits: ImageDataset
) -> None:
    value, differing = MATRIX[key]
    generator = load_imported(spec_of(own).imported)  # of which not every change could be loaded
    before = digests(own, digits, generator=generator)
    after = digests(own | {key: value(own) if callable(value) else value}, digits, generator=generator)
    assert {name for name in before if before[name] != after[name]} == differing


def test_every_key_of_a_generator_of_ones_own_is_in_the_matrix() -> None:
    by_factory = {"factory", "factory_args", "weights", "entry"}  # below
    assert {*ImportedTeacherSpec.model_fields} == {*MATRIX} | by_factory


@pytest.fixture
def by_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Returns the digests of a generator by a package of two files, with another last layer, or asked otherwise."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two contents of one length and one second are one to it
    (tmp_path / "own_factory.py").write_text(FACTORY)
    network = torch.nn.Linear(8, 256)
    torch.nn.init.normal_(network.weight, std=4, generator=torch.Generator().manual_seed(0))
    state = {f"0.{name}": value for name, value in network.state_dict().items()}
    torch.save(
        {"g": state, "g_ema": {"0.weight": state["0.weight"], "0.bias": state["0.bias"] + 1}}, tmp_path / "w.pth"
    )
    made = {"factory": "own_factory:make", "weights": str(tmp_path / "w.pth"), "entry": "g"}
    own = {**made, "latent_size": 8, "output_range": (0.0, 1.0), "pool_size": 64}

    def of(dataset: ImageDataset, activation: str = "Sigmoid", **changes: Any) -> dict[str, str]:
        (tmp_path / "own_layers.py").write_text(LAYERS.format(activation=activation))
        for name in ("own_factory", "own_layers"):
            sys.modules.pop(name, None)
        return digests({**own, **changes}, dataset)

    yield of
    for name in ("own_factory", "own_layers"):
        sys.modules.pop(name, None)


def test_what_a_factory_makes_of_the_weights_is_part_of_its_identity(by_factory: Any, digits: ImageDataset) -> None:
    found = [by_factory(digits, activation) for activation in ("Sigmoid", "Hardsigmoid", "Sigmoid")]
    assert all(found[0][name] != found[1][name] for name in IMAGES)
    assert found[0] == found[2]


@pytest.mark.parametrize(
    "changes", [{"factory_args": {"width": 256}}, {"entry": "g_ema"}, {"factory": "own_factory:other"}]
)
def test_how_a_factory_is_asked_is_part_of_its_identity(
    changes: dict[str, Any], by_factory: Any, digits: ImageDataset
) -> None:
    before, after = by_factory(digits), by_factory(digits, **changes)
    assert all(before[name] != after[name] for name in IMAGES)


def test_pools_of_trained_teachers_are_found_where_they_always_were(digits: ImageDataset) -> None:
    architecture = {"image_size": 16, "image_channels": 1, "width": 8, "latent_size": 8}
    card = GeneratorCard.model_validate(
        {
            **{"architecture": architecture, "parameters": 1, "dataset": "digits", "dataset_digest": digits.digest},
            **{"training": {}, "kimg": 1.0, "seed": 0, "metrics": {}, "protocol_digest": "p", "weights_digest": "w"},
        }
    )
    latents_NL = pool_latents(64, 8, seed=0)
    found = pool_digest(Generator(card.architecture), card, latents_NL=latents_NL)
    assert found == value_digest({"teacher": "w", "latents": array_digest(latents_NL.numpy())})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 1),
        ("teacher.width", 9),
        ("teacher.depth", 2),
        ("teacher.latent_size", 17),
        ("teacher.training.kimg", 7),
        ("teacher.training.batch_size", 32),
        ("resources.precision", "bfloat16"),
    ],
)
def test_a_changed_key_of_a_trained_teacher_trains_another(
    path: str, value: Any, tiny: dict[str, Any], spec_file: Any, digits: ImageDataset
) -> None:
    before, after = (sweeps.load_spec(spec_file(tiny), changes) for changes in ({}, {path: value}))
    assert trained_identity(before, digits) != trained_identity(after, digits)


CHANGES = {
    "version": 2,
    "dataset_digest": "other",
    "extractor": "inception",
    "extractor_digest": "other",
    "num_samples": 65,
    "latent_seed": 1,
    "inception_splits": 9,
    "fid_infinity": True,
    "class_shares": (0.5, 0.5),
    "fid_per_class": True,
    "reference_digest": "other",
    "reference_by": "somebody",
}


def test_every_key_of_a_protocol_is_in_its_digest() -> None:
    before = Protocol.model_validate(PROTOCOL)
    assert {*Protocol.model_fields} == {*CHANGES}
    changed = {before.model_copy(update={key: value}).digest for key, value in CHANGES.items()}
    assert len(changed | {before.digest}) == len(CHANGES) + 1


def test_everything_that_a_trial_is_asked_is_in_its_key_but_why() -> None:
    request = TrialRequest.model_validate_json(
        """{"phase": "search", "architecture": {"image_size": 16, "image_channels": 1, "width": 2, "latent_size": 8},
        "distillation": {"kimg": 1}, "training": {"kimg": 1}, "seed": 0, "teacher_digest": "t", "pool_digest": "p",
        "protocol_digest": "q", "threads": 1}"""
    )
    distillation, training = request.distillation, request.training
    changes: dict[str, Any] = {
        "architecture": request.architecture.model_copy(update={"block": "separable"}),
        "distillation": distillation and distillation.model_copy(update={"feature_weight": 1.0}),
        "training": training and training.model_copy(update={"kimg": 2.0}),
        **{"seed": 1, "teacher_digest": "u", "pool_digest": "u", "protocol_digest": "u", "threads": 2, "fused": 2},
        "compute": request.compute.model_copy(update={"channels_last": True}),
        "critic_digest": "c",
    }
    assert "critic_digest" not in request.model_dump(), "trials from before keep their identity"
    assert {*TrialRequest.model_fields} == {*changes, "phase"}
    keys = {request.model_copy(update={name: value}).key for name, value in changes.items()}
    assert len(keys | {request.key}) == len(changes) + 1


def test_a_corrected_output_range_has_a_pool_of_its_own_with_other_images(
    own: dict[str, Any], tiny: dict[str, Any], spec_file: Any, digits: ImageDataset, store: Workspace
) -> None:
    tracking = Tracking(store.store)
    workshop = Workshop(workspace=store, tracking=tracking, data_root=default_data_root())
    found = []
    for output_range in ([-1.5, 1.5], [0.0, 1.0]):
        tiny["teacher"] = own | {"output_range": output_range}
        spec = sweeps.load_spec(spec_file(tiny))
        assert isinstance(spec.teacher, ImportedTeacherSpec)
        imported = spec.teacher.imported
        teacher = Teacher(
            generator=load_imported(imported),
            card=card_of(imported, digits),
            version="own/1",
            metrics=Metrics(fid=1.0, sharpness=1.0),
            last_fid=1.0,
        )
        pools = (find_or_build_pool, find_or_build_agreement_pool)
        found.append([find(spec, teacher, shares=(), workshop=workshop) for find in pools])
    for (wrong_path, wrong), (right_path, right) in zip(*found, strict=True):
        assert wrong_path != right_path
        assert torch.equal(wrong.all()[0], right.all()[0])
        assert wrong.digest != right.digest
        assert wrong.all()[1].float().mean() > right.all()[1].float().mean() + 30, "taken for brighter ones"

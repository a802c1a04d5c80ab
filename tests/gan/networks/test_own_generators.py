"""What of people's generators is taken as it is: conditional ones, other outputs, ranges, weights, and noise."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from gan import (
    DistillationConfig,
    GeneratorConfig,
    ImageDataset,
    ImportedCard,
    ImportedConfig,
    Lesson,
    OwnGenerator,
    build_pool,
    distill,
    filled_generator,
    generate,
    inspect_generator,
    load_any_generator,
    load_imported,
    open_pool,
    pool_latents,
    save_imported,
)
from gan.networks.imported import ImportedGenerator
from tests.gan.networks.own_generators import (
    ByIndex,
    ByOneHot,
    Embedding,
    OnlyMaps,
    Plain,
    config,
    exported,
    scripted,
    traced,
)

LATENTS = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))
LABELS = torch.tensor([0, 9, 3, 3, 5])
CONDITIONAL = torch.cat([LATENTS, torch.eye(10)[LABELS]], dim=1)


def by_index(path: Path, *, store: str) -> tuple[Path, nn.Module]:
    network = ByIndex()
    if store == "TorchScript":
        return scripted(path, network), network
    return exported(path, network, torch.randn(4, 6), torch.zeros(4, dtype=torch.int64)), network


@pytest.mark.parametrize("store", ["TorchScript", "torch.export"])
def test_classes_by_index_and_an_image_in_a_tuple(store: str, tmp_path: Path) -> None:
    path, network = by_index(tmp_path / "theirs.pt2", store=store)
    report = inspect_generator(OwnGenerator(file=str(path)))
    imported = report.imported
    assert (imported.latent_size, imported.latents, imported.output, imported.output_range) == (6, "BL", 1, (-1.0, 1.0))
    assert imported.labels is not None
    assert (imported.labels.classes, imported.labels.form) == (10, "index")
    assert (report.kind, report.parameters) == (store, sum(p.numel() for p in network.parameters()))
    generator = load_imported(imported)
    torch.testing.assert_close(generator(CONDITIONAL), network(LATENTS, LABELS)[1])
    assert generator.config.input_size == 16


def test_a_latent_beside_the_embedding_of_a_label(tmp_path: Path) -> None:
    imported = inspect_generator(OwnGenerator(file=str(scripted(tmp_path / "theirs.pt", Embedding())))).imported
    assert imported.labels is not None
    assert (imported.latent_size, imported.labels.classes, imported.labels.form) == (6, 10, "index")


@pytest.mark.parametrize("store", ["TorchScript", "torch.export"])
def test_classes_one_hot_and_bytes_in_a_dict(store: str, tmp_path: Path) -> None:
    network, path = ByOneHot(), tmp_path / "theirs.pt2"
    examples = torch.randn(4, 6), torch.eye(10)[:4]
    own = OwnGenerator(file=str(path))
    if store == "TorchScript":
        traced(path, network, *examples)
        own = own.model_copy(update={"latent_size": 6})  # 16 columns of both are all that the weights say
    else:
        exported(path, network, *examples)
    report = inspect_generator(own)
    assert report.imported.labels is not None
    assert (report.imported.labels.classes, report.imported.labels.form) == (10, "one-hot")
    assert (report.imported.output, report.imported.output_range, report.output_dtype) == (
        "images",
        (0.0, 255.0),
        "uint8",
    )
    found = generate(load_imported(report.imported), CONDITIONAL)
    assert torch.equal(found, network(LATENTS, torch.eye(10)[LABELS])["images"]), "bytes are as they were"


def test_maps_and_sizes_are_found_by_trying(tmp_path: Path) -> None:
    path = scripted(tmp_path / "theirs.pt", OnlyMaps())
    imported = filled_generator(OwnGenerator(file=str(path)))
    assert (imported.latent_size, imported.latents, imported.output_range) == (6, "BL11", (-1.0, 1.0))
    stated = OwnGenerator(file=str(path), latent_size=3, output_range=(-1.0, 1.0))
    assert filled_generator(stated).latent_size == 3, "what is given whole is checked where it is loaded"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("store", ["TorchScript", "torch.export"])
def test_half_precision_runs_in_float32(store: str, dtype: torch.dtype, tmp_path: Path) -> None:
    network, path = Plain().to(dtype), tmp_path / "theirs.pt2"
    scripted(path, network) if store == "TorchScript" else exported(path, network, torch.randn(4, 6, dtype=dtype))
    report = inspect_generator(OwnGenerator(file=str(path)))
    assert report.weights_dtype == str(dtype).removeprefix("torch.")
    generator = load_imported(report.imported)
    torch.testing.assert_close(generator(LATENTS), 2 * network.float()(LATENTS) - 1)


STATES: dict[str, Any] = {
    "module": lambda state: ({f"module.{name}": value for name, value in state.items()}, None),
    "ema entry": lambda state: ({"g_ema": state, "g": {}, "opt": {"step": 3}, "kimg": 25}, None),
    "chosen entry": lambda state: (
        {"g": {n: 0 * v for n, v in state.items()}, "g_ema": {f"module.{n}": v for n, v in state.items()}},
        "g_ema",
    ),
    "nested": lambda state: ({"epoch": 3, "state_dict": {"module.generator." + n: v for n, v in state.items()}}, None),
    "half": lambda state: ({name: value.half() for name, value in state.items()}, None),
    "beside others": lambda state: ({"D.w": torch.zeros(2), **{f"G.{n}": v for n, v in state.items()}}, None),
}


@pytest.mark.parametrize("kind", STATES)
def test_weights_are_found_in_a_pickle_of_tensors(kind: str, factory: Path, tmp_path: Path) -> None:
    state = load_file(factory)
    content, entry = STATES[kind](state)
    torch.save(content, tmp_path / "theirs.pth")
    values = {"factory": "theirs_gan:build", "weights": str(tmp_path / "theirs.pth"), "entry": entry}
    own = OwnGenerator.model_validate({name: value for name, value in values.items() if value})
    found, expected = (
        load_imported(ImportedConfig.model_validate({**one.model_dump(), "latent_size": 6, "output_range": (0.0, 1.0)}))
        for one in (own, OwnGenerator(factory="theirs_gan:build", weights=str(factory)))
    )
    torch.testing.assert_close(found(LATENTS), expected(LATENTS), atol=2e-3 if kind == "half" else 1e-6, rtol=0)
    assert inspect_generator(own).weights_dtype == ("float16" if kind == "half" else "float32")


def test_a_factory_gets_its_arguments(factory: Path, tmp_path: Path) -> None:
    import theirs_gan

    torch.save(theirs_gan.build(channels=1).state_dict(), tmp_path / "grey.pth")
    own = OwnGenerator(factory="theirs_gan:build", factory_args={"channels": 1}, weights=str(tmp_path / "grey.pth"))
    assert inspect_generator(own).image_channels == 1


def noisy(tmp_path: Path, **values: Any) -> ImportedConfig:
    import theirs_gan

    torch.save(theirs_gan.noisy().state_dict(), tmp_path / "noisy.pth")
    return config(factory="theirs_gan:noisy", weights=str(tmp_path / "noisy.pth"), **values)


def in_batches(generator: ImportedGenerator, latents: Tensor, size: int) -> Tensor:
    return torch.cat([generator(part) for part in latents.split(size)])


@pytest.mark.parametrize("values", [{"noise_seed": 3}, {"call": {"noise_mode": "const"}}])
@pytest.mark.parametrize("alone", [False, True])
def test_noise_is_fixed_whatever_the_batch(
    factory: Path, values: dict[str, Any], alone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = load_imported(noisy(tmp_path, **values))
    monkeypatch.setattr(generator._caller, "_one_by_one", alone)
    latents = torch.randn(7, 6)
    expected = generator(latents)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    for size in (1, 3, 7):
        torch.testing.assert_close(in_batches(generator, latents, size), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(generator(latents.flip(0)), expected.flip(0), atol=1e-5, rtol=1e-5)
    assert torch.equal(torch.random.get_rng_state(), state), "nobody else's numbers are drawn"


def test_another_noise_seed_is_another_noise(factory: Path, tmp_path: Path) -> None:
    one, other = (load_imported(noisy(tmp_path, noise_seed=seed))(LATENTS) for seed in (3, 4))
    assert not torch.allclose(one, other, atol=0.01)
    report = inspect_generator(noisy(tmp_path, noise_seed=3))
    assert not report.is_deterministic
    assert report.samples.shape == (64, 3, 16, 16)


def test_scripted_noise_is_fixed_too(tmp_path: Path) -> None:
    path = scripted(tmp_path / "theirs.pt", Plain(noise=0.1))
    generator = load_imported(config(file=str(path), noise_seed=3, output_range=(0.0, 1.1)))
    expected = generator(LATENTS)
    for _ in range(4):  # TorchScript compiles what runs again and again
        torch.testing.assert_close(in_batches(generator, LATENTS, 2), expected)


def test_what_is_stored_is_what_was_given_and_no_pickle(factory: Path, tmp_path: Path) -> None:
    path, _ = by_index(tmp_path / "theirs.pt", store="TorchScript")
    torch.save({"ema": load_file(factory)}, tmp_path / "theirs.pth")
    pickled = OwnGenerator(factory="theirs_gan:build", weights=str(tmp_path / "theirs.pth"), entry="ema")
    for number, own in enumerate((OwnGenerator(file=str(path)), pickled, noisy(tmp_path, noise_seed=3))):
        imported = inspect_generator(own).imported
        generator = load_imported(imported)
        card = ImportedCard(
            imported=imported, shape=generator.config, parameters=1, dataset="d", dataset_digest="e", metrics={},
            protocol_digest="p",
        )  # fmt: skip
        folder = tmp_path / f"stored{number}"
        save_imported(folder, imported, card=card)
        imported.path.unlink()
        again, stored = load_any_generator(folder)
        assert isinstance(stored, ImportedCard)
        assert stored.shape == generator.config
        inputs = generator.config.inputs(4, seed=1)
        assert torch.equal(again(inputs), generator(inputs))
        assert {file.name for file in folder.iterdir()} <= {"card.json", "generator.pt", "weights.safetensors"}


def test_a_conditional_one_teaches_conditional_students(tmp_path: Path, digits: ImageDataset) -> None:
    path, _ = by_index(tmp_path / "theirs.pt", store="TorchScript")
    teacher = load_imported(filled_generator(OwnGenerator(file=str(path))))
    latents = pool_latents(64, teacher.config, seed=0, shares=digits.class_shares(10))
    list(build_pool(teacher, "theirs", path=tmp_path / "pool.arrow", latents_NL=latents))
    shape = {**teacher.config.model_dump(), "width": 2}
    student = GeneratorConfig.model_validate(shape)
    recipe = DistillationConfig(kimg=0.128, batch_size=32, gan_weight=0.1)
    *_, progress = distill(student, recipe, lesson=Lesson(open_pool(tmp_path / "pool.arrow"), digits), seed=0)
    assert not progress.diverged
    assert progress.generator(CONDITIONAL).shape == (5, 1, 16, 16)


def test_what_is_as_it_always_was_is_stated_as_it_always_was() -> None:
    plain = ImportedConfig(file="g.pt2", latent_size=8, output_range=(0.0, 1.0))
    keys = {"file", "factory", "weights", "latent_size", "latents", "output_range", "kimg"}
    assert set(plain.model_dump(mode="json")) == keys
    whole = ImportedConfig.model_validate(
        {
            **plain.model_dump(), "labels": {"classes": 3, "as": "index"}, "output": "x", "noise_seed": 3,
            "call": {"noise_mode": "const"}, "latent_distribution": "sphere", "latent_bound": 1.0,
        }
    )  # fmt: skip
    assert ImportedConfig.model_validate_json(whole.model_dump_json()) == whole
    assert whole.space.num_classes == 3

"""A compression sweep as one would write it by hand in an afternoon, with which naive.py compares ours.

Ray Tune, Optuna, MLflow and torch-fidelity by the book: a trial loads teacher, classifier and data, runs the teacher at
every step, and lets torch-fidelity measure at every report; MLflow hears of it by Tune's callback. By default each
trial is a fresh process, as Tune has it; `reuse` keeps the processes.
Students, recipe, latents and samples are the library's, so that FID is comparable.
"""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlflow
import torch
import torch.nn.functional as F
import torch_fidelity
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.search.optuna import OptunaSearch
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase

from gan import Classifier, GeneratorConfig, build_generator, load_classifier, load_dataset, load_generator
from gan.images import to_unit_range

LATENT_SIZE = 64
RATE, WARMUP_STEPS, HALFLIFE_KIMG = 1e-2, 31, 2.0


def train(config: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    teacher, _ = load_generator(Path(config["teacher"]))
    teacher.eval()
    Extractor.classifier, _ = load_classifier(Path(config["classifier"]))
    with suppress(ValueError):  # a process that is kept has registered it
        torch_fidelity.register_feature_extractor("digits-classifier", Extractor)
    real = load_dataset("digits").train_images
    student = build_generator(
        GeneratorConfig(image_size=16, image_channels=1, width=config["width"], latent_size=LATENT_SIZE),
        seed=config["width"],
    )
    average = build_generator(student.config, seed=config["width"]).eval().requires_grad_(False)
    adam = torch.optim.Adam(student.parameters(), lr=RATE, betas=(0.9, 0.99))
    batch, steps = config["batch_size"], round(1000 * config["kimg"] / config["batch_size"])
    warmup = torch.optim.lr_scheduler.LinearLR(adam, 1 / WARMUP_STEPS, total_iters=WARMUP_STEPS)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps - WARMUP_STEPS)
    schedule = torch.optim.lr_scheduler.SequentialLR(adam, [warmup, cosine], [WARMUP_STEPS])
    reports = {round(1000 * kimg / batch) for kimg in config["rungs_kimg"]} | {steps}
    for step in range(1, steps + 1):
        latents = torch.randn(batch, LATENT_SIZE)
        with torch.no_grad():
            target = teacher(latents)
        loss = F.mse_loss(student(latents), target)
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
        update(average, student, decay=0.5 ** (batch / 1000 / min(HALFLIFE_KIMG, step * batch / 1000 / 20)))
        if step in reports:
            metrics = evaluate(average, real, config)
            with tempfile.TemporaryDirectory() as folder:
                torch.save({"student": student.state_dict(), "adam": adam.state_dict()}, Path(folder) / "state.pt")
                tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


@torch.no_grad()
def update(average: torch.nn.Module, student: torch.nn.Module, decay: float) -> None:
    for mean, weight in zip(average.parameters(), student.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)
    for kept, buffer in zip(average.buffers(), student.buffers(), strict=True):
        kept.copy_(buffer)


class Extractor(FeatureExtractorBase):
    """The classifier as torch-fidelity wants it."""

    classifier: Classifier  # loaded by each trial

    def __init__(self, name: str, features_list: list[str], **kwargs: object) -> None:
        super().__init__(name, features_list)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("penultimate", "logits")

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        features, logits = self.classifier(to_unit_range(images[:, :1]))
        outputs = {"penultimate": features, "logits": logits}
        return tuple(outputs[name] for name in self.features_list)


class Images(torch.utils.data.Dataset[Tensor]):
    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def evaluate(generator: torch.nn.Module, real: Tensor, config: dict[str, Any]) -> dict[str, float]:
    latents = torch.randn(config["num_samples"], LATENT_SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        fakes = torch.cat([generator(part) for part in latents.split(256)])
    found = torch_fidelity.calculate_metrics(
        input1=Images(fakes.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)),
        input2=Images(real),
        input2_cache_name="digits",  # torch-fidelity's own: features and statistics of the real images are kept
        cache_root=config["cache"],
        feature_extractor="digits-classifier",
        feature_layer_fid="penultimate",
        feature_layer_isc="logits",
        fid=True,
        isc=True,
        samples_shuffle=False,
        batch_size=256,
        save_cpu_ram=True,  # or it starts four processes to read what is in memory
        cuda=False,
        verbose=False,
    )
    return {"fid": found["frechet_inception_distance"], "inception_score": found["inception_score_mean"]}


def sweep(
    shared: dict[str, Any], widths: list[int], tracking_uri: str, folder: Path, clock: tune.Callback, reuse: bool
) -> dict[int, float]:
    """Run it. Returns the final FID by width."""
    mlflow.set_tracking_uri(tracking_uri)
    if mlflow.get_experiment_by_name("naive") is None:
        mlflow.create_experiment("naive", artifact_location=(folder / "artifacts").as_uri())
    search = OptunaSearch(metric="fid", mode="min", points_to_evaluate=[{"width": width} for width in widths])
    results = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space={"width": tune.randint(2, 33), **shared},
        tune_config=tune.TuneConfig(search_alg=search, num_samples=len(widths), reuse_actors=reuse),
        run_config=tune.RunConfig(
            storage_path=str(folder),
            verbose=0,
            callbacks=[
                MLflowLoggerCallback(tracking_uri=tracking_uri, experiment_name="naive", save_artifact=True),
                clock,
            ],
        ),
    ).fit()
    ended = [results[number] for number in range(len(results))]
    return {result.config["width"]: result.metrics["fid"] for result in ended if result.config and result.metrics}

"""What is shown of a stored generator, wherever its files lie."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from gan import GeneratorCard, GeneratorConfig, build_critic, build_generator, save_critic, save_generator
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.registry import CRITIC
from sweeps.ledger.store import MODELS_EXPERIMENT
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.sampling import load_artifact, shown_card
from tests.cluster.servers import s3_server
from tests.gan.networks.test_critic_files import CONFIG, card_of

OWN = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)


def test_a_model_of_a_store_elsewhere_is_there_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, workspace = tmp_path / "files", Workspace.open(tmp_path / "data")
    about = {"dataset": "digits", "dataset_digest": "d", "training": {}, "metrics": {}, "protocol_digest": "p"}
    card = GeneratorCard.model_validate({"architecture": OWN, "parameters": 1, "kimg": 1.0, "seed": 0, **about})
    save_generator(files, build_generator(OWN, seed=0), card=card)
    critic = build_critic(CONFIG, OWN, norm="spectral", seed=0)
    kept = save_critic(files / CRITIC, critic, card=card_of(critic))
    with s3_server() as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        MlflowClient(workspace.store.uri).create_experiment(MODELS_EXPERIMENT, f"{bucket.uri}/models")
        tracking = Tracking(workspace.store)
        with model_run(tracking, "a-teacher", tags={}) as run_id:
            version = tracking.registry.register("a-teacher", run_id, folder=files, tags={})
        tracking.registry.crown(version)
        assert load_artifact("a-teacher", workspace.root)[0].config == OWN
        assert shown_card("a-teacher/1", workspace.root)["critic"] == kept.model_dump(mode="json")

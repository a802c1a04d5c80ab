"""This module finds the version of a model that was made before, whatever a person did to the registry since."""

import json
from collections.abc import Callable
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from gan import load_critic
from sweeps.ledger.lock import sole_maker
from sweeps.ledger.model_runs import completed_model_runs
from sweeps.ledger.registry import CRITIC
from sweeps.ledger.tags import CRITIC_ACCURACY, IDENTITY
from sweeps.ledger.tracking import Tracking
from sweeps.models.identity import ModelIdentity
from sweeps.models.workshop import Workshop

_CARD = "card.json"
_STATED = ("weights_digest", "protocol_digest", "parameters", "kimg")  # by a card, and by its version's tags


def find_or_make_version(
    identity: ModelIdentity, make: Callable[[], ModelVersion], *, workshop: Workshop, again: bool = False
) -> ModelVersion:
    """Returns the version of this identity, which `make` registers where there is none, or `again`.

    One process of a data directory makes it, and others wait for it.
    """
    version = None if again else workshop.tracking.registry.find_made(identity.model, identity.digest)
    if version:
        return version
    what = "its end, then it is made again" if again else "it"
    said = f"{identity.model} is made by another process of this data directory: waiting for {what}"
    locks = workshop.workspace.locks
    with sole_maker(locks, identity.digest[:32], waits=lambda: workshop.display.say(said)):
        return (None if again else find_kept_version(workshop.tracking, identity)) or make()


def find_kept_version(tracking: Tracking, identity: ModelIdentity) -> ModelVersion | None:
    """Returns the version of this identity; None where none was made.

    One of a model that was renamed stays there. One that was deleted, with its model or alone, is registered again: its
    files are kept by the run that made it.
    """
    registry = tracking.registry
    version = registry.find_made(identity.model, identity.digest)
    if version:
        return version
    for run in completed_model_runs(tracking, {IDENTITY: identity.digest}):
        folder = registry.model_folder(run.info.run_id) if run.info.run_name == identity.model else None
        if folder:
            tags = _tags_of(folder, identity)
            version = registry.register_files(identity.model, run.info.run_id, tags=tags)
            if "fid" in tags and registry.champion(identity.model) is None:
                registry.crown(version)
            return version
    return None


def _tags_of(folder: Path, identity: ModelIdentity) -> dict[str, str]:
    """Returns the tags that the version of these files was registered with."""
    critic = load_critic(folder / CRITIC)[1] if (folder / CRITIC).is_dir() else None
    own = folder / _CARD
    card = json.loads((own if own.is_file() else folder / CRITIC / _CARD).read_text(encoding="utf-8"))
    tags = {IDENTITY: identity.digest, **{name: str(card[name]) for name in _STATED if name in card}}
    if "metrics" in card:
        tags["fid"] = repr(card["metrics"]["fid"])
    if critic and critic.judgement:
        tags[CRITIC_ACCURACY] = repr(critic.judgement.accuracy)
    return tags

"""This module exports a generator to a folder: the model's file, its card, and a script that draws its images.

What was written is run before it counts: an export whose images are not the original's leaves nothing behind.

Shapes: N latents, I columns of a generator's inputs, C H W image channels, height and width.
"""

import os
import shutil
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan.deployment import run as program
from gan.deployment.card import DeployedInput, DeployedOutput, DeploymentCard, Format, Origin
from gan.deployment.extras import needing
from gan.deployment.folder import replaced_folder
from gan.deployment.folding import fold
from gan.deployment.formats import FORMS
from gan.deployment.latency import DrawingCosts
from gan.deployment.names import PROGRAM
from gan.deployment.runtimes import INT8_OPERATORS, Runner, onnx_operators, onnx_opset
from gan.digests import file_digest
from gan.errors import ArtifactError, FormatError
from gan.images import to_uint8
from gan.measuring.evaluation import Evaluator
from gan.networks.artifacts import CARD_FILE, read_card
from gan.networks.bits import FLOAT_BITS
from gan.networks.dcgan import Generator
from gan.networks.imported import AnyGenerator

CHECKED = 256  # latents
BATCHES = (1, 3, 64)  # that they are given in
_DEEPEST = 9  # of zlib


class Deployed:
    """A Deployed generator maps inputs NI to images NCHW in [-1, 1] in NumPy, by the runtime that it is for.

    >>> origin = Origin(weights_digest="d", dataset="digits")
    >>> card = deploy_generator(folder / "deployed", teacher, origin=origin)
    >>> load_deployed(folder / "deployed")(pool_latents(3, 8, seed=0).numpy()).shape
    (3, 1, 16, 16)
    """

    def __init__(self, run: Runner, card: DeploymentCard) -> None:
        self._run, self.card = run, card

    def __call__(self, inputs_NI: np.ndarray) -> np.ndarray:
        return self._run(inputs_NI)


def deploy_generator(
    folder: Path,
    generator: AnyGenerator,
    *,
    origin: Origin,
    form: Format = "onnx",
    evaluator: Evaluator | None = None,
) -> DeploymentCard:
    """Writes an export of a generator to `folder`, whole or not at all, and returns its card.

    An earlier export there is replaced. An `evaluator` measures the images of the export under its protocol.

    Raises FormatError where the format cannot express the generator, or the export's images differ from its by more
    than the format allows; GanError where the format's extra is missing, or `folder` cannot be written or holds
    anything else.

    >>> origin = Origin(weights_digest="its SHA-256", dataset="digits")
    >>> card = deploy_generator(folder / "exported", teacher, origin=origin)
    >>> sorted(path.name for path in (folder / "exported").iterdir())
    ['card.json', 'model.onnx', 'run.py']
    """
    way = FORMS[form]
    with replaced_folder(folder) as unfinished:
        path = unfinished / way.file
        way.write(generator, path, seed=evaluator.protocol.latent_seed if evaluator else 0)
        run = way.open(path, 1)
        about = _differences(generator, run, form=form)
        about |= {
            "format": form,
            "origin": origin,
            "largest_batch": way.largest_batch,
            **_about_file(path),
            **_about(generator),
        }
        about |= _about_graph(path, generator) if way.is_onnx else {}
        about |= _scores(evaluator, generator, run=run) if evaluator else {}
        card = DeploymentCard(producers={name: version(name) for name in ("ganlimit", *way.packages)}, **about)
        (unfinished / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n")
        shutil.copyfile(program.__file__, unfinished / PROGRAM)
    return card


def load_deployed(folder: Path, threads: int = 1) -> Deployed:
    """Returns the export in `folder`, to be run with so many threads; PyTorch has those that it is set to.

    Raises ArtifactError where it is damaged, and GanError where its runtime is missing.

    >>> card = deploy_generator(folder / "opened", teacher, origin=Origin(weights_digest="d", dataset="digits"))
    >>> load_deployed(folder / "opened").card == card
    True
    """
    card = read_card(folder, DeploymentCard)
    path = folder / card.file
    if not path.is_file() or (found := file_digest(path)) != card.file_digest:
        raise ArtifactError(
            f"An export's {card.file} has the SHA-256 digest {card.file_digest}",
            f"{path} ({found if path.is_file() else 'no such file'})",
            "Export it again.",
        )
    return Deployed(FORMS[card.format].open(path, threads), card)


def record_costs(folder: Path, costs: DrawingCosts) -> DeploymentCard:
    """Writes what an export in `folder` was found to cost into its card, which is returned.

    >>> card = deploy_generator(folder / "measured", teacher, origin=Origin(weights_digest="d", dataset="digits"))
    >>> costs = DrawingCosts(protocol=MeasurementProtocol.here(threads=1), costs=())
    >>> record_costs(folder / "measured", costs).measured.protocol.threads
    1
    """
    card = read_card(folder, DeploymentCard).model_copy(update={"measured": costs})
    unfinished = folder / f".{CARD_FILE}.{os.getpid()}"
    unfinished.write_text(card.model_dump_json(indent=2) + "\n")
    unfinished.replace(folder / CARD_FILE)
    return card


# --- parts of a card, by the names of its fields ---------------------------------------------------


def _about(generator: AnyGenerator) -> dict[str, Any]:
    return {
        "architecture": generator.config,
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        "input": DeployedInput.of(generator.config),
        "output": DeployedOutput.of(generator.config),
    }


def _about_file(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "file": path.name,
        "file_digest": file_digest(path),
        "file_bytes": len(content),
        "compressed_bytes": len(zlib.compress(content, _DEEPEST)),
    }


def _about_graph(path: Path, generator: AnyGenerator) -> dict[str, Any]:
    """Returns what the runtime computes of an ONNX file, and the bits that its weights learnt with."""
    with needing("deploy"):
        from gan.deployment.packing import bits_of
    operators = onnx_operators(path)
    bits = bits_of(fold(generator).float().cpu()) if isinstance(generator, Generator) else FLOAT_BITS
    return {
        "opset": onnx_opset(path),
        "bits": None if bits == FLOAT_BITS else bits,
        "operators": operators,
        "int8_operators": {kind: count for kind, count in operators.items() if kind in INT8_OPERATORS},
    }


def _scores(evaluator: Evaluator, generator: AnyGenerator, *, run: Runner) -> dict[str, Any]:
    """Returns what an export scores under the protocol."""
    inputs_NI = evaluator.latents(generator.config)
    images = [to_uint8(torch.from_numpy(run(part.numpy()))) for part in inputs_NI.split(max(BATCHES))]
    metrics = evaluator.measure(torch.cat(images), evaluator.protocol.inception_splits)
    return {
        "protocol_digest": evaluator.protocol.digest,
        "metrics": metrics.as_dict(),
        "absent": metrics.absent,
    }


def _differences(generator: AnyGenerator, run: Runner, *, form: Format) -> dict[str, Any]:
    """Returns how far images are from the generator's in batches of any size. Raises FormatError if it is too far."""
    inputs_NI = generator.config.inputs(CHECKED, "deployment", seed=0)
    device = next(generator.parameters()).device
    with torch.inference_mode():
        images_NCHW = torch.cat([generator(part.to(device)).cpu() for part in inputs_NI.split(max(BATCHES))]).numpy()
    differences = [
        np.concatenate([run(part.numpy()) for part in inputs_NI.split(size)]) - images_NCHW for size in BATCHES
    ]
    largest = max(float(np.abs(each).max()) for each in differences)
    rms = max(float(np.square(each, dtype=np.float64).mean()) for each in differences) ** 0.5
    _require_alike(form, largest=largest, rms=rms)
    checked = {"checked_latents": CHECKED, "checked_batches": BATCHES}
    return {**checked, "largest_difference": largest, "rms_difference": rms}


def _require_alike(form: Format, *, largest: float, rms: float) -> None:
    allowed = FORMS[form]
    if largest <= allowed.largest and rms <= allowed.rms:  # which NaN is not
        return
    raise FormatError(
        f"Images of an export as {form} differ from the original's by at most {allowed.largest:g} at a pixel and "
        f"{allowed.rms:g} as root mean square, in [-1, 1]",
        f"{largest:.3g} and {rms:.3g}",
        "Export it as onnx, which keeps all digits." if allowed.rounds else "Report it: this is a fault of ganlimit.",
    )

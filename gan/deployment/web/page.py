"""This module writes the folder of a page: a student as ONNX, its teacher beside it, and what shows them.

The page works from a server and from a disk: browsers let a page from a disk load scripts and fetch nothing, so
networks and runtime are in scripts, the latter compressed, which makes it a quarter of its size on the way.
"""

import base64
import gzip
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gan.deployment.card import DeploymentCard
from gan.deployment.exporting import deploy_generator
from gan.deployment.folder import replaced_folder
from gan.deployment.names import EMBEDDED, MODELS, NOTICES, PAGE, RUNTIME, STATIC, TEACHER
from gan.deployment.web.runtime import BINARY, LIBRARY, LOADER, VERSION, WebRuntime
from gan.deployment.web.showing import Shown, facts, headline, require_same_latents, source_of

DIRECTIONS = 5  # of latents that have a slider


def deploy_page(folder: Path, student: Shown, *, runtime: WebRuntime, teacher: Shown | None = None) -> DeploymentCard:
    """Writes a page to `folder`, whole or not at all, and returns the card of the student's export in it.

    The folder is that export too: `card.json`, `model.onnx` and `run.py`; the teacher's is below it. An earlier one is
    replaced. Raises GanError as `deploy_generator` does, and where a teacher takes other latents than the student.
    """
    if teacher:
        require_same_latents(student, teacher)
    with replaced_folder(folder) as unfinished:
        card = deploy_generator(unfinished, student.generator, origin=student.origin)
        cards = {"generator": card}
        if teacher:
            own = deploy_generator(unfinished / TEACHER, teacher.generator, origin=teacher.origin)
            cards = {TEACHER: own, "student": card}
        for name in STATIC:
            (unfinished / name).write_bytes((files("gan.deployment.web") / "templates" / name).read_bytes())
        (unfinished / PAGE).write_text(_rendered(cards), encoding="utf-8")
        (unfinished / MODELS).write_text(_models(unfinished, cards), encoding="ascii")
        _write_runtime(unfinished / RUNTIME, runtime)
    return card


def _rendered(cards: dict[str, DeploymentCard]) -> str:
    environment = Environment(
        loader=PackageLoader("gan.deployment.web", "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    teacher, shown = cards.get(TEACHER), cards[next(reversed(cards))]
    return environment.get_template("page.html.j2").render(
        cards=cards,
        shown=shown,
        teacher=teacher,
        headline=headline(shown, teacher),
        facts=facts(cards),
        source=source_of(shown),
        directions=min(DIRECTIONS, shown.input.latent_size),
        version=VERSION,
    )


def _models(folder: Path, cards: dict[str, DeploymentCard]) -> str:
    """Returns the script that has the exports in it, in the order of the page."""
    generators: list[dict[str, Any]] = []
    for role, card in cards.items():
        content = (folder / (TEACHER if role == TEACHER else ".") / card.file).read_bytes()
        generators.append({"role": role, "card": card.model_dump(mode="json"), "model": _base64(content)})
    return f'"use strict";\nconst generators = {json.dumps(generators, allow_nan=False)};\n'


def _write_runtime(folder: Path, runtime: WebRuntime) -> None:
    folder.mkdir()
    (folder / LIBRARY).write_bytes(runtime.read(LIBRARY))
    embedded = {
        "loader": _base64(runtime.read(LOADER)),
        "binary": _base64(gzip.compress(runtime.read(BINARY), mtime=0)),
    }
    script = f'"use strict";\nconst embedded = {json.dumps(embedded)};\n'
    (folder / EMBEDDED).write_text(script, encoding="ascii")
    for name in NOTICES:
        (folder / name).write_bytes((files("onnxruntime") / name).read_bytes())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")

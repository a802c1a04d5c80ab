"""The deployment files as data: what their tests read them with."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import cluster

ROOT = Path(cluster.__file__).parents[1]
DEPLOY = ROOT / "cluster" / "deploy"
LAUNCHERS = ("on-premises.yaml", "aws.yaml")
KUBERNETES = tuple(sorted(path.relative_to(DEPLOY).as_posix() for path in DEPLOY.glob("kuberay/*.yaml")))


def documents(name: str) -> list[Any]:
    """Every document of a YAML file in cluster/deploy."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def one(name: str, kind: str) -> Any:
    """The only Kubernetes object of that kind in a file."""
    (found,) = [document for document in documents(name) if document["kind"] == kind]
    return found


def compose() -> Any:
    """compose.yaml, its anchors resolved and its variables left alone."""
    (document,) = documents("compose.yaml")
    return document


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a document, from the outside in."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def pinned(package: str) -> str:
    """A package's version in constraints.txt."""
    (version,) = re.findall(rf"^{package}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return str(version)


def commands(name: str) -> list[list[str]]:
    """Every command that runs `ray` or `ganlimit` in a file of compose, Kubernetes or the launcher, as words."""
    found = []
    for mapping in (mapping for document in documents(name) for mapping in walk(document)):
        for key, value in mapping.items():
            if key in ("command", "args"):
                found.append([str(word) for word in value])
            elif key.endswith("start_ray_commands"):
                found += [shlex.split(part) for line in value for part in line.split(";")]
            elif key == "entrypoint":
                found.append(shlex.split(value))
    return [_plain(words) for words in found if _plain(words)]


def _plain(words: list[str]) -> list[str]:
    if words[:3] == ["python", "-m", "sweeps.cli"]:
        words = ["ganlimit", *words[3:]]
    words = words[1:] if words[:1] == ["ganlimit-entrypoint"] else words
    return words if words[:1] in (["ray"], ["ganlimit"]) else []


def options(words: list[str]) -> list[str]:
    """The names of a command's options, as --name."""
    return [word.partition("=")[0] for word in words if word.startswith("-") and not word.lstrip("-").isdigit()]


def quantity(text: str) -> float:
    """A size in bytes: 2Gi of Kubernetes, 2gb and 8g of compose, plain digits."""
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", text).groups()  # type: ignore[union-attr]
    powers = {"": 0, "k": 1, "m": 2, "g": 3}
    return float(number) * 1024 ** powers[unit.lower().rstrip("ib")]

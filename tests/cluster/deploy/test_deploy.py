"""The files that start a cluster are understood by what reads them, agree with each other, and keep secrets.

Ray's launcher: Ray's own schema and preparation, EC2's parameters by botocore, its machine types by moto. Compose: the
schema of its specification.
"""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import botocore.session
import botocore.validate
import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import start
from typer.main import get_command

from sweeps.cli.app import app
from tests.cluster.deploy.manifests import (
    DEPLOY,
    KUBERNETES,
    LAUNCHERS,
    ROOT,
    commands,
    compose,
    documents,
    options,
    pinned,
    quantity,
    walk,
)

DESCRIPTIONS = ("compose.yaml", *LAUNCHERS, *KUBERNETES)
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)


def prepared(name: str) -> Any:
    """A launcher file as Ray fills it with its provider's defaults."""
    (config,) = documents(name)
    return prepare_config(config)


# Ray's cluster launcher


@pytest.mark.parametrize("name", LAUNCHERS)
def test_the_launcher_accepts_its_file_and_installs_nothing_of_its_own(name: str) -> None:
    config = prepared(name)
    validate_config(config)
    assert not any(config[key] for key in config if key.endswith("setup_commands"))
    assert config["docker"]["image"]


@pytest.mark.parametrize("name", LAUNCHERS)
def test_the_launcher_refuses_a_misspelt_field(name: str) -> None:
    config = prepared(name)
    config["idle_timeout_minuts"] = config.pop("idle_timeout_minutes")
    with pytest.raises(jsonschema.ValidationError, match="idle_timeout_minuts"):
        validate_config(config)


def test_every_machine_of_the_premises_is_a_worker() -> None:
    config = prepared("on-premises.yaml")
    (machine,) = config["available_node_types"].values()
    assert machine["min_workers"] == machine["max_workers"] == len(config["provider"]["worker_ips"])


def test_ec2_knows_every_parameter_of_the_machines() -> None:
    call = botocore.session.get_session().get_service_model("ec2").operation_model("RunInstances")
    for name, node_type in prepared("aws.yaml")["available_node_types"].items():
        parameters = {**node_type["node_config"], "MinCount": 1, "MaxCount": 1}
        report = botocore.validate.ParamValidator().validate(parameters, call.input_shape)
        assert not report.has_errors(), f"{name}: {report.generate_report()}"


@pytest.mark.slow  # moto makes the whole list of EC2's machine types
def test_the_machines_on_aws_offer_what_their_names_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    from moto import mock_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        config = AWSNodeProvider.fillout_available_node_types_resources(prepared("aws.yaml"))
    resources = {name: node_type["resources"] for name, node_type in config["available_node_types"].items()}
    assert resources["head"]["CPU"] == 0
    assert resources["cpu"]["CPU"] > 0
    assert "GPU" not in resources["cpu"]
    assert resources["gpu"]["GPU"] == 1


# Compose


def test_compose_is_written_to_its_specification() -> None:
    checker = pytest.importorskip("check_jsonschema")
    schema = json.loads((Path(checker.__file__).parent / "builtin_schemas/vendor/compose-spec.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(compose())
    misspelt = compose()
    misspelt["services"]["worker"]["health_check"] = misspelt["services"]["worker"].pop("healthcheck")
    with pytest.raises(jsonschema.ValidationError, match="health_check"):
        validator.validate(misspelt)


def test_compose_itself_accepts_the_file() -> None:
    command = ["docker", "compose", "-f", str(DEPLOY / "compose.yaml"), "--profile", "gpu", "config", "--quiet"]
    if not shutil.which("docker") or subprocess.run([*command[:2], "version"], capture_output=True).returncode:
        pytest.skip("docker has no compose here")
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


def test_what_compose_refers_to_is_there() -> None:
    document = compose()
    services = document["services"]
    for name, service in services.items():
        assert set(service.get("secrets", [])) <= set(document["secrets"]), name
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in document["volumes"], name
        for other, wait in service.get("depends_on", {}).items():
            assert wait["condition"] != "service_healthy" or "healthcheck" in services[other], (name, other)
        words = f"{service.get('command')} {service.get('environment')}"
        for path in re.findall(r"/run/secrets/([\w.]+)", words):
            assert path in service["secrets"], (name, path)
        for host in re.findall(r"(?:http://|'|=)([a-z]\w*):\d+", words):
            assert host in services, (name, host)


def test_compose_publishes_on_this_machine_alone() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:5000:5000", "127.0.0.1:8265:8265"]


def test_the_object_store_of_every_compose_node_fits_into_its_shared_memory() -> None:
    nodes = [service for service in compose()["services"].values() if "start" in service.get("command", [])]
    assert len(nodes) == 3
    for node in nodes:
        words = node["command"]
        assert quantity(words[words.index("--object-store-memory") + 1]) < quantity(node["shm_size"])


# All of them


@pytest.mark.parametrize("name", ["compose.yaml", *LAUNCHERS])
def test_ray_start_has_every_option(name: str) -> None:
    known = {option for parameter in start.params for option in parameter.opts + parameter.secondary_opts}
    found = [words for words in commands(name) if words[:2] == ["ray", "start"]]
    assert len(found) >= 2
    for words in found:
        assert set(options(words)) <= known, words


@pytest.mark.parametrize("name", ["compose.yaml", "kuberay/tracking.yaml", "kuberay/ray-job.yaml"])
def test_ganlimit_has_every_option(name: str) -> None:
    (words,) = [words for words in commands(name) if words[0] == "ganlimit"]
    require_options(words)


def test_ganlimit_has_every_option_of_the_readme() -> None:
    text = (DEPLOY / "README.md").read_text().replace("\\\n", " ")
    lines = re.findall(r"^\s*(ganlimit .*)$", "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)), re.MULTILINE)
    assert lines
    for line in lines:
        require_options(line.partition("#")[0].split())


def require_options(words: list[str]) -> None:
    """Check a command line of ours against the commands themselves."""
    command: Any = get_command(app)
    if "submit" not in command.commands["sweep"].commands:
        pytest.skip("the commands for a cluster are not in this version")
    rest = words[1:]
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    assert set(options(rest)) <= known, words


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_ray_node_wants_the_token(name: str) -> None:
    mappings = [mapping for document in documents(name) for mapping in walk(document)]
    for mapping in mappings:
        words = mapping.get("command", [])
        if words[:2] == ["ray", "start"]:
            assert mapping["environment"]["RAY_AUTH_MODE"] == "token"
            assert mapping["environment"]["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/token"
        if "headGroupSpec" in mapping:
            assert mapping["authOptions"] == {"mode": "token"}
        for line in (line for key in mapping if key.endswith("start_ray_commands") for line in mapping[key]):
            if "ray start" in line:
                assert "RAY_AUTH_MODE=token" in line
                (path,) = re.findall(r"RAY_AUTH_TOKEN_PATH=(\S+)/token", line)
                assert path in mapping["file_mounts"]


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_the_images_hold_the_pinned_ray(name: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    tags = re.findall(r"ganlimit:([\w.-]+-ray[\w.]+)", (DEPLOY / name).read_text())
    assert set(tags) <= {f"{version}-ray{pinned('ray')}"}
    assert tags or name == "kuberay/secrets.example.yaml"
    for mapping in (mapping for document in documents(name) for mapping in walk(document)):
        assert mapping.get("rayVersion", pinned("ray")) == pinned("ray")


def test_the_same_postgres_everywhere() -> None:
    images = {image for name in DESCRIPTIONS for image in re.findall(r"postgres:[\d.]+", (DEPLOY / name).read_text())}
    assert images - {"postgres:5432"} == {"postgres:17"}


@pytest.mark.parametrize("path", sorted(path for path in DEPLOY.rglob("*") if path.is_file()), ids=lambda p: p.name)
def test_no_secret_is_written_down(path: Path) -> None:
    text = path.read_text()
    for password in re.findall(r"://[\w-]+:([^@\s/]+)@", text):
        assert password == "PLACEHOLDER" or password.startswith("$")
    assert [word for word in re.findall(r"[A-Za-z0-9+]{24,}", text) if re.search(r"\d", word)] == []
    if path.suffix != ".yaml":
        return
    for mapping in (mapping for document in yaml.safe_load_all(text) for mapping in walk(document)):
        named = [(mapping["name"], mapping["value"])] if {"name", "value"} <= set(mapping) else []
        for name, value in [*named, *mapping.get("environment", {}).items(), *mapping.get("stringData", {}).items()]:
            is_reference = name.endswith(("_FILE", "_PATH", "_ENV")) or str(value).startswith("/run/secrets/")
            assert is_reference or not SECRET_NAME.search(name) or value == "PLACEHOLDER", name


def test_the_readme_names_every_file() -> None:
    text = (DEPLOY / "README.md").read_text()
    files = {path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file()}
    made_by_hand = {name for name in files if not name.startswith(("secrets/", ".", "__pycache__"))} - {"README.md"}
    assert {name for name in made_by_hand if f"`{name}`" not in text} == set()

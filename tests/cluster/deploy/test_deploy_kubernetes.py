"""The manifests for Kubernetes: its own strict schemas, the fields of KubeRay, and Ray's reading of them.

KubeRay's schema is in no package. Its part is compared with a list of the fields that are used, from the API reference
of KubeRay (docs.ray.io, fields of 1.5.1 and newer); the pods inside it are validated as Kubernetes' own.
"""

import re
from typing import Any

import pytest
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.scripts.scripts import start

from tests.cluster.deploy.manifests import DEPLOY, KUBERNETES, documents, one, options, quantity, walk

KUBERNETES_VERSION = "1.34"
CLUSTER_FIELDS = {
    "rayVersion": str,
    "authOptions": {"mode": ("token", "disabled"), "secretName": str},
    "enableInTreeAutoscaling": bool,
    "autoscalerOptions": {
        "version": ("v1", "v2"),
        "upscalingMode": ("Default", "Aggressive", "Conservative"),
        "idleTimeoutSeconds": int,
        "resources": object,
        "securityContext": object,
    },
    "headGroupSpec": {
        "serviceType": ("ClusterIP", "NodePort", "LoadBalancer"),
        "rayStartParams": dict,
        "template": object,
    },
    "workerGroupSpecs": [
        {
            "groupName": str,
            "replicas": int,
            "minReplicas": int,
            "maxReplicas": int,
            "rayStartParams": dict,
            "template": object,
        }
    ],
}
JOB_FIELDS = {
    "submissionMode": ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
    "entrypoint": str,
    "shutdownAfterJobFinishes": bool,
    "ttlSecondsAfterFinished": int,
    "activeDeadlineSeconds": int,
    "backoffLimit": int,
    "rayClusterSpec": CLUSTER_FIELDS,
    "submitterPodTemplate": object,
}
RAY_KINDS = {"RayCluster": CLUSTER_FIELDS, "RayJob": JOB_FIELDS}


def strange(node: Any, fields: Any, path: str = "spec") -> list[str]:
    """What in `node` has no such name, type or value in `fields`, by its path."""
    if isinstance(fields, tuple):
        return [] if node in fields else [path]
    if isinstance(fields, type):
        is_exact = fields is object or type(node) is fields
        return [] if is_exact else [path]
    if isinstance(fields, list):
        return [found for i, item in enumerate(node) for found in strange(item, fields[0], f"{path}[{i}]")]
    unknown = [f"{path}.{key}" for key in node if key not in fields]
    known = [found for key in fields.keys() & node.keys() for found in strange(node[key], fields[key], f"{path}.{key}")]
    return unknown + known


def clusters() -> list[tuple[str, Any]]:
    job = one("kuberay/ray-job.yaml", "RayJob")
    return [
        ("kuberay/ray-cluster.yaml", one("kuberay/ray-cluster.yaml", "RayCluster")["spec"]),
        ("kuberay/ray-job.yaml", job["spec"]["rayClusterSpec"]),
    ]


def groups(spec: Any) -> list[Any]:
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def pods(name: str) -> list[Any]:
    """The specification of every pod in a file."""
    return [mapping for document in documents(name) for mapping in walk(document) if "containers" in mapping]


def containers(name: str) -> list[Any]:
    return [each for pod in pods(name) for each in [*pod["containers"], *pod.get("initContainers", [])]]


@pytest.mark.parametrize("name", KUBERNETES)
def test_kubernetes_knows_every_field(name: str) -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    for document in documents(name):
        if document["kind"] not in RAY_KINDS:
            schemas.validate(document, KUBERNETES_VERSION, strict=True)
    for pod in pods(name):
        template = {"apiVersion": "v1", "kind": "PodTemplate", "template": {"spec": pod}}
        schemas.validate(template, KUBERNETES_VERSION, strict=True)


def test_kubernetes_refuses_a_misspelt_field() -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    (pod,) = [pod for pod in pods("kuberay/tracking.yaml") if "initContainers" in pod]
    pod["containers"][0]["readynessProbe"] = pod["containers"][0].pop("readinessProbe")
    template = {"apiVersion": "v1", "kind": "PodTemplate", "template": {"spec": pod}}
    with pytest.raises(schemas.ValidationError, match="readynessProbe"):
        schemas.validate(template, KUBERNETES_VERSION, strict=True)


@pytest.mark.parametrize("name", ["kuberay/ray-cluster.yaml", "kuberay/ray-job.yaml"])
def test_kuberay_knows_every_field(name: str) -> None:
    for document in (document for document in documents(name) if document["kind"] in RAY_KINDS):
        assert document["apiVersion"] == "ray.io/v1"
        assert set(document) == {"apiVersion", "kind", "metadata", "spec"}
        assert strange(document["spec"], RAY_KINDS[document["kind"]]) == []


def test_a_misspelt_field_of_kuberay_is_found() -> None:
    spec = one("kuberay/ray-cluster.yaml", "RayCluster")["spec"]
    spec["workerGroupSpecs"][1]["minReplica"] = spec["workerGroupSpecs"][1].pop("minReplicas")
    spec["authOptions"]["mode"] = "tokens"
    assert sorted(strange(spec, CLUSTER_FIELDS)) == ["spec.authOptions.mode", "spec.workerGroupSpecs[1].minReplica"]


@pytest.mark.parametrize(("name", "spec"), clusters())
def test_rays_autoscaler_reads_the_groups(name: str, spec: Any) -> None:
    config = _derive_autoscaling_config_from_ray_cr({"metadata": {"name": "x", "namespace": "y"}, "spec": spec})
    types = config["available_node_types"]
    assert types["headgroup"]["resources"]["CPU"] == 0
    assert "GPU" not in types["cpu"]["resources"]
    assert types["gpu"]["resources"]["GPU"] == 1
    assert types["gpu"]["min_workers"] == 0  # machines with GPUs are given back
    assert types["cpu"]["max_workers"] > 0
    assert spec["enableInTreeAutoscaling"]
    assert spec["autoscalerOptions"]["version"] == "v2"


@pytest.mark.parametrize(("name", "spec"), clusters())
def test_ray_start_has_every_parameter_of_the_groups(name: str, spec: Any) -> None:
    known = {option for parameter in start.params for option in parameter.opts}
    for group in groups(spec):
        assert set(options([f"--{key}" for key in group["rayStartParams"]])) <= known
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


@pytest.mark.parametrize(("name", "spec"), clusters())
def test_shared_memory_holds_the_object_store_and_fits_into_the_pod(name: str, spec: Any) -> None:
    for group in groups(spec):
        pod = group["template"]["spec"]
        container = pod["containers"][0]
        (mount,) = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == "/dev/shm"]
        (volume,) = [volume["emptyDir"] for volume in pod["volumes"] if volume["name"] == mount]
        assert volume["medium"] == "Memory"
        store = quantity(group["rayStartParams"]["object-store-memory"])
        assert store < quantity(volume["sizeLimit"]) < quantity(container["resources"]["limits"]["memory"]) / 2


@pytest.mark.parametrize(("name", "spec"), clusters())
def test_all_nodes_share_the_volume_the_credentials_and_the_tracking_server(name: str, spec: Any) -> None:
    service = next(each for each in documents("kuberay/tracking.yaml") if each["kind"] == "Service")
    uri = f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    for group in groups(spec):
        container = group["template"]["spec"]["containers"][0]
        assert {"name": "shared", "mountPath": "/mnt/ganlimit"} in container["volumeMounts"]
        assert container["envFrom"] == [{"secretRef": {"name": "ganlimit-node"}}]
        assert container["env"] == [{"name": "MLFLOW_TRACKING_URI", "value": uri}]


def test_a_pod_with_a_gpu_may_run_where_the_gpus_are() -> None:
    for _, spec in clusters():
        for group in groups(spec):
            pod = group["template"]["spec"]
            wants_gpu = "nvidia.com/gpu" in pod["containers"][0]["resources"]["limits"]
            tolerates = [each["key"] for each in pod.get("tolerations", [])] == ["nvidia.com/gpu"]
            assert wants_gpu == tolerates == (group.get("groupName") == "gpu")


def test_the_job_brings_the_cluster_of_the_other_file() -> None:
    (_, standing), (_, of_job) = clusters()
    pod = of_job["headGroupSpec"]["template"]["spec"]
    job = one("kuberay/ray-job.yaml", "RayJob")["spec"]
    (sweep,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "sweep"]
    assert f"{sweep['mountPath']}/sweep.yaml" in job["entrypoint"].split()
    pod["containers"][0]["volumeMounts"].remove(sweep)
    pod["volumes"] = [volume for volume in pod["volumes"] if volume["name"] != "sweep"]
    assert of_job == standing
    assert job["shutdownAfterJobFinishes"]


@pytest.mark.parametrize("name", KUBERNETES)
def test_every_container_is_bounded_and_unprivileged(name: str) -> None:
    for pod in pods(name):
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] >= 999
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(name):
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_what_the_manifests_refer_to_is_there() -> None:
    objects = [document for name in KUBERNETES for document in documents(name)]
    defined = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    keys = {key: set(each.get("stringData", {})) for key, each in defined.items()}
    text = (DEPLOY / "kuberay" / "ray-job.yaml").read_text()
    for mapping in walk(objects):
        if "secretRef" in mapping:
            assert ("Secret", mapping["secretRef"]["name"]) in defined
        if "secretName" in mapping and "items" in mapping:
            assert {item["key"] for item in mapping["items"]} <= keys["Secret", mapping["secretName"]]
        if "claimName" in mapping:
            assert ("PersistentVolumeClaim", mapping["claimName"]) in defined
        if "configMap" in mapping:
            assert f"kubectl create configmap {mapping['configMap']['name']} --from-file=sweep.yaml=" in text
    made = (DEPLOY / "kuberay" / "secrets.example.yaml").read_text()
    assert set(re.findall(r"kubectl create secret generic (\S+)", made)) == {
        name for kind, name in defined if kind == "Secret"
    }


@pytest.mark.parametrize("name", KUBERNETES)
def test_every_mount_has_its_volume(name: str) -> None:
    own = {claim["metadata"]["name"] for document in documents(name) for claim in claims(document)}
    for pod in pods(name):
        volumes = {volume["name"] for volume in pod.get("volumes", [])} | own
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes


def claims(document: Any) -> list[Any]:
    return list(document["spec"].get("volumeClaimTemplates", [])) if document["kind"] == "StatefulSet" else []


def test_every_service_finds_its_pods_and_their_port() -> None:
    objects = documents("kuberay/tracking.yaml")
    workloads = [each["spec"] for each in objects if each["kind"] in ("Deployment", "StatefulSet")]
    for service in (each for each in objects if each["kind"] == "Service"):
        selector = service["spec"]["selector"]
        (workload,) = [each for each in workloads if each["template"]["metadata"]["labels"] == selector]
        assert workload["selector"]["matchLabels"] == selector
        ports = {port["name"]: port["containerPort"] for port in workload["template"]["spec"]["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def test_the_tracking_server_answers_to_its_service_and_finds_postgres() -> None:
    objects = {(each["kind"], each["metadata"]["name"]): each["spec"] for each in documents("kuberay/tracking.yaml")}
    words = objects["Deployment", "ganlimit-tracking"]["template"]["spec"]["containers"][0]["args"]
    assert words[words.index("--allowed-host") + 1] == "ganlimit-tracking:5000"
    secrets = {each["metadata"]["name"]: each["stringData"] for each in documents("kuberay/secrets.example.yaml")}
    container = objects["StatefulSet", "ganlimit-postgres"]["template"]["spec"]["containers"][0]
    variables = {each["name"]: each["value"] for each in container["env"]}
    port = objects["Service", "postgres"]["ports"][0]["port"]
    assert secrets["ganlimit-tracking"]["MLFLOW_BACKEND_STORE_URI"] == (
        f"postgresql://{variables['POSTGRES_USER']}:PLACEHOLDER@postgres:{port}/{variables['POSTGRES_DB']}"
    )

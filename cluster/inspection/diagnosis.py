"""This module says what is right and wrong with the nodes of a cluster, and how to mend it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.errors import ClusterError
from cluster.inspection.probing import PATIENCE_S, NodeReport, Probe, installed_versions

MOST_SKEW_S = 5.0  # a run's times are those of the clock of its node
LEAST_DISK_BYTES = 2 * 2**30  # for checkpoints on their way and Ray's own logs


@dataclass(frozen=True, kw_only=True)
class Check:
    """A Check is one thing that was looked at: what it is of, what was found, and what to do where that is wrong."""

    subject: str
    name: str
    found: str
    remedy: str | None = None

    @property
    def is_fine(self) -> bool:
        return self.remedy is None


def checks_of(
    report: NodeReport, probe: Probe, *, driver_versions: Mapping[str, str | None] | None = None
) -> list[Check]:
    """Returns what the node's report says, against the packages of the driver, which is this process unless told."""
    if report.silence is not None:
        remedy = "See ganlimit cluster status, and that the node has the packages of ganlimit."
        return [
            Check(
                subject=_node(report),
                name="answer",
                found=f"none within {PATIENCE_S:.0f} s ({report.silence})",
                remedy=remedy,
            )
        ]
    checks = [
        _versions(report, driver_versions or installed_versions(probe.packages)),
        _clock(report),
        _gpus(report),
        _disk(report),
    ]
    if probe.storage:
        checks.append(_storage(report, probe.storage))
    if probe.tracking_uri:
        checks.append(_tracking(report, probe.tracking_uri))
    checks += [_file(report, str(path), is_missing=path in report.missing_files) for path in probe.files]
    return checks


def require_fine(checks: Sequence[Check]) -> None:
    """Raise ClusterError, naming all that is wrong, unless everything is fine."""
    wrong = [check for check in checks if not check.is_fine]
    if wrong:
        raise ClusterError(
            "Every node is fit for the trials of a sweep",
            "; ".join(f"{check.subject}: {check.name} {check.found}" for check in wrong),
            " ".join(dict.fromkeys(check.remedy for check in wrong if check.remedy)),
        )


def _versions(report: NodeReport, expected: Mapping[str, str | None]) -> Check:
    differing = [
        f"{name} {report.versions.get(name) or 'missing'} instead of {version or 'none on the driver'}"
        for name, version in expected.items()
        if not version or _series(name, report.versions.get(name)) != _series(name, version)
    ]
    if differing:
        remedy = "Install the versions of constraints.txt on all nodes."
        return Check(subject=_node(report), name="packages", found=", ".join(differing), remedy=remedy)
    return Check(
        subject=_node(report),
        name="packages",
        found=f"python {report.versions['python']} and {len(expected) - 1} others agree",
    )


def _series(name: str, version: str | None) -> str | None:
    """Returns what must agree: Python's minor version, any other's whole one but for how it was built (+cu130)."""
    if version is None:
        return None
    return ".".join(version.split(".")[:2]) if name == "python" else version.partition("+")[0]


def _clock(report: NodeReport) -> Check:
    found = f"{report.clock_skew_s:+.1f} s"
    remedy = "Set the clocks of the nodes, for example by chrony." if abs(report.clock_skew_s) > MOST_SKEW_S else None
    return Check(subject=_node(report), name="clock", found=found, remedy=remedy)


def _gpus(report: NodeReport) -> Check:
    offered = report.node.gpus
    found = f"{report.gpus} seen, {offered:g} offered to Ray"
    wrong = offered > report.gpus
    return Check(
        subject=_node(report),
        name="GPUs",
        found=found,
        remedy="See nvidia-smi there, or start the node with fewer." if wrong else None,
    )


def _disk(report: NodeReport) -> Check:
    wrong = report.free_disk_bytes < LEAST_DISK_BYTES
    remedy = "Make room where temporary files are, or set TMPDIR." if wrong else None
    return Check(
        subject=_node(report), name="disk", found=f"{report.free_disk_bytes / 2**30:.1f} GiB free", remedy=remedy
    )


def _storage(report: NodeReport, storage: str) -> Check:
    if report.storage_problem is None:
        return Check(subject=_node(report), name="storage", found=f"{storage} can be written and is seen by all")
    remedy = "Mount it at the same place on every node, or give the nodes the store's address and keys (AWS_...)."
    return Check(subject=_node(report), name="storage", found=f"{storage}: {report.storage_problem}", remedy=remedy)


def _tracking(report: NodeReport, uri: str) -> Check:
    if report.tracking_problem is None:
        return Check(subject=_node(report), name="tracking server", found="can be reached")
    return Check(
        subject=_node(report),
        name="tracking server",
        found=f"{uri}: {report.tracking_problem}",
        remedy="Start it (ganlimit tracking serve), or give an address that every node reaches.",
    )


def _file(report: NodeReport, path: str, *, is_missing: bool) -> Check:
    return Check(
        subject=_node(report),
        name=path,
        found="missing" if is_missing else "is there",
        remedy="Copy it there." if is_missing else None,
    )


def _node(report: NodeReport) -> str:
    return f"node {report.node.address}"

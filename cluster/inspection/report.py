"""What a cluster's nodes say of themselves, asked from inside and carried outside as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cluster.inspection.diagnosis import Check, checks_of
from cluster.inspection.needs import Node, alive_nodes, autoscaled_resources
from cluster.inspection.probing import NodeReport, Probe, installed_versions, probe_nodes


@dataclass(frozen=True)
class Inspection:
    """The reports of all nodes (the head first), the driver's versions, and what one that grows may have in all."""

    reports: tuple[NodeReport, ...]
    driver_versions: Mapping[str, str | None]
    autoscaled: Mapping[str, float] | None = None

    @property
    def nodes(self) -> list[Node]:
        return [report.node for report in self.reports]

    def checks(self, probe: Probe) -> list[Check]:
        """What is right and wrong with each node, by what was asked of them."""
        addresses = [node.address for node in self.nodes]
        return [
            check if addresses.count(report.node.address) == 1 else _told_apart(check, report.node)
            for report in self.reports
            for check in checks_of(report, probe, self.driver_versions)
        ]


def inspect_cluster(probe: Probe) -> Inspection:
    """Look at every node of the cluster to which this process, the driver, is connected."""
    reports = probe_nodes(alive_nodes(), probe)
    return Inspection(tuple(reports), installed_versions(probe.packages), autoscaled_resources())


def probe_to_json(probe: Probe) -> str:
    """A probe for a command's argument."""
    return json.dumps(asdict(probe), default=str)


def probe_from_json(text: str) -> Probe:
    """The probe of `probe_to_json`."""
    data = json.loads(text)
    return Probe(tuple(data["packages"]), data["storage"], data["tracking_uri"], _paths(data["files"]))


def inspection_as_dict(inspection: Inspection) -> dict[str, Any]:
    """For JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(inspection), default=str))
    return plain


def inspection_from_dict(data: Mapping[str, Any]) -> Inspection:
    """The inspection of `inspection_as_dict`."""
    return Inspection(tuple(map(_report, data["reports"])), data["driver_versions"], data["autoscaled"])


def _told_apart(check: Check, node: Node) -> Check:
    """Of several nodes on one machine."""
    return replace(check, subject=f"{check.subject} ({node.id[:6]})")


def _report(data: Mapping[str, Any]) -> NodeReport:
    return NodeReport(**{**data, "node": Node(**data["node"]), "missing_files": _paths(data["missing_files"])})


def _paths(names: Sequence[str]) -> tuple[Path, ...]:
    return tuple(map(Path, names))

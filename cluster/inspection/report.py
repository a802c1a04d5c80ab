"""This module asks a cluster's nodes from inside, and carries what they say outside as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cluster.inspection.diagnosis import Check, checks_of
from cluster.inspection.needs import Node, alive_nodes, autoscaled_resources
from cluster.inspection.probing import NodeReport, Probe, installed_versions, probe_nodes


@dataclass(frozen=True)
class Inspection:
    """An Inspection has all nodes' reports (the head's first), the driver's versions, and what all may grow to."""

    reports: tuple[NodeReport, ...]
    driver_versions: Mapping[str, str | None]
    _: KW_ONLY
    autoscaled: Mapping[str, float] | None = None

    @property
    def nodes(self) -> list[Node]:
        return [report.node for report in self.reports]

    def checks(self, probe: Probe) -> list[Check]:
        """Returns what is right and wrong with each node, by what was asked of them."""
        addresses = [node.address for node in self.nodes]
        return [
            check if addresses.count(report.node.address) == 1 else _told_apart(check, report.node)
            for report in self.reports
            for check in checks_of(report, probe, driver_versions=self.driver_versions)
        ]


def inspect_cluster(probe: Probe) -> Inspection:
    """Look at every node of the cluster to which this process, the driver, is connected."""
    reports = probe_nodes(alive_nodes(), probe)
    return Inspection(tuple(reports), installed_versions(probe.packages), autoscaled=autoscaled_resources())


def probe_to_json(probe: Probe) -> str:
    """Returns a probe for a command's argument."""
    return json.dumps(asdict(probe), default=str)


def probe_from_json(text: str) -> Probe:
    """Returns the probe of `probe_to_json`."""
    data = json.loads(text)
    return Probe(
        packages=tuple(data["packages"]),
        storage=data["storage"],
        tracking_uri=data["tracking_uri"],
        files=_paths(data["files"]),
    )


def inspection_as_dict(inspection: Inspection) -> dict[str, Any]:
    """Returns the inspection for JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(inspection), default=str))
    return plain


def inspection_from_dict(data: Mapping[str, Any]) -> Inspection:
    """Returns the inspection of `inspection_as_dict`."""
    return Inspection(tuple(map(_report, data["reports"])), data["driver_versions"], autoscaled=data["autoscaled"])


def _told_apart(check: Check, node: Node) -> Check:
    """Returns the check with a name that tells its node apart from others on one machine."""
    return replace(check, subject=f"{check.subject} ({node.id[:6]})")


def _report(data: Mapping[str, Any]) -> NodeReport:
    return NodeReport(**{**data, "node": Node(**data["node"]), "missing_files": _paths(data["missing_files"])})


def _paths(names: Sequence[str]) -> tuple[Path, ...]:
    return tuple(map(Path, names))

"""This module finds and checks addresses and ports of a cluster's machines."""

import ipaddress
import socket
from collections.abc import Mapping

from cluster.errors import ClusterError

LOOPBACK = "127.0.0.1"
WORKER_PORTS = range(10002, 20000)  # Ray's workers listen on these
REACH_TIMEOUT_S = 5.0


def node_address(host: str) -> str:
    """Returns the IPv4 address of `host`, at which the other machines find this one. Raises ClusterError."""
    try:
        found = ipaddress.IPv4Address(socket.gethostbyname(host))
    except (OSError, ValueError) as error:
        raise ClusterError("--host is an address of this machine", f"{host} ({error})", "Check it.") from error
    if found.is_unspecified or found.is_multicast or not is_own_address(str(found)):
        raise ClusterError(
            "--host is the one address of this machine at which the others find it",
            host,
            "Give one that `ip address` or `ifconfig` lists.",
        )
    return str(found)


def is_own_address(host: str) -> bool:
    """Returns whether `host` is this machine itself."""
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                probe.bind(address)
                return True
    except (OSError, UnicodeError):
        pass
    return False


def split_address(address: str) -> tuple[str, int]:
    """Returns HOST:PORT as the IPv4 address of the host and the port. Raises ClusterError for what is none."""
    host, _, port = address.rpartition(":")
    try:
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("no port")
        return str(ipaddress.IPv4Address(socket.gethostbyname(host))), int(port)
    except (OSError, ValueError) as error:
        raise ClusterError(
            "ADDRESS is the HOST:PORT of a cluster's head",
            f"{address} ({getattr(error, 'strerror', None) or error})",
            "Copy it from what ganlimit cluster up printed there.",
        ) from error


def own_address_towards(host: str, port: int) -> str:
    """Returns this machine's address on the way to `host`:`port`. Raises ClusterError when nothing listens there."""
    try:
        with socket.create_connection((host, port), REACH_TIMEOUT_S) as connection:
            own: str = connection.getsockname()[0]
            return own
    except OSError as error:
        raise ClusterError(
            "ADDRESS is the head of a cluster that can be reached",
            f"{host}:{port} ({error.strerror or error})",
            "Check the address, that the head runs (ganlimit cluster status there), and firewalls on the way.",
        ) from error


def require_ports(host: str, ports: Mapping[str, int | None]) -> None:
    """Check that the ports, by the option that names them, are different and free. Raises ClusterError."""
    seen: set[int] = set()
    for option, port in ports.items():
        if port is None:
            continue
        if port in seen or port in WORKER_PORTS or not 1024 <= port < 65536:
            raise ClusterError(
                f"{option} is a port of its own from 1024, outside {WORKER_PORTS.start} to {WORKER_PORTS.stop - 1}, "
                "which are for Ray's workers",
                port,
                f"Choose another with {option}.",
            )
        seen.add(port)
        _require_free(host, port, option=option)


def _require_free(host: str, port: int, *, option: str) -> None:
    with socket.socket() as probe:
        # A port that a server has just left is free, though the system still holds old connections.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ClusterError(
                f"{option} is a free port of this machine",
                f"{host}:{port} ({error.strerror})",
                f"Choose another with {option}, or see with ganlimit cluster status what runs here.",
            ) from error

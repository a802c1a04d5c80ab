"""This module keeps what could not be exported in a form, so that a sweep that goes on does not try it again."""

import json
from contextlib import suppress
from pathlib import Path

from analysis import written_whole

FILE = "refused.json"


class Refusals:
    """Refusals are the forms that networks could not be had in, on one machine with certain versions.

    They are kept in a file of `folder`, under the digest of a protocol that has the machine and the versions of what
    writes or runs the forms. Elsewhere, and with other versions, each is tried anew. Where the file cannot be read, all
    are.
    """

    def __init__(self, folder: Path, *, protocol_digest: str) -> None:
        self._path, self._digest = folder / FILE, protocol_digest
        self._all: dict[str, dict[str, str]] = {}  # reasons, by protocol and by network and form
        with suppress(OSError, ValueError, TypeError):
            kept = dict(json.loads(self._path.read_text()))
            self._all = {protocol: dict(reasons) for protocol, reasons in kept.items()}

    def __contains__(self, network_and_form: tuple[str, str]) -> bool:
        return "/".join(network_and_form) in self._all.get(self._digest, {})

    def note(self, weights_digest: str, *, form: str, reason: str) -> None:
        """Keep that the network cannot be had in the form. Raises OSError or AnalysisError where it cannot be kept."""
        self._all.setdefault(self._digest, {})[f"{weights_digest}/{form}"] = reason
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(self._path) as unfinished:
            unfinished.write_text(json.dumps(self._all, indent=1, sort_keys=True) + "\n")

"""This module writes a page for each student that was chosen, its teacher beside it, and logs it to MLflow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gan import DataRoot, DeploymentCard, default_data_root
from gan.deployment.names import PAGE
from gan.deployment.web.page import deploy_page
from gan.deployment.web.runtime import WebRuntime, find_web_runtime
from gan.deployment.web.showing import Shown
from sweeps.deployment.choosing import Candidate, Chosen
from sweeps.display import Display
from sweeps.errors import SweepError
from sweeps.ledger.data_dir import default_data_dir, writable
from sweeps.ledger.tracking import Tracking

Web = Literal["web"]
WEB: Web = "web"
KEPT = "runtimes"  # in the data directory


@dataclass(frozen=True)
class DeployedPage:
    """A DeployedPage is a folder with a page that was written, and the card of the student on it."""

    folder: Path
    card: DeploymentCard

    @property
    def path(self) -> Path:
        """Returns the file that is opened."""
        return self.folder / PAGE

    def as_dict(self) -> dict[str, Any]:
        return {"page": str(self.path), **self.card.model_dump(mode="json")}


def page_runtime(
    *, given: Path | None, asked: bool, data_dir: Path | None, data_root: DataRoot | None
) -> WebRuntime | None:
    """Returns what pages run on, kept in the data directory; None where no page is asked for."""
    if not asked:
        if given is not None:
            raise SweepError("--runtime is of --format web", given, "Leave it out.")
        return None
    kept = writable(data_dir or default_data_dir()) / KEPT
    return find_web_runtime(kept, given=given, download=(data_root or default_data_root()).download)


def write_pages(
    chosen: Chosen, root: Path, *, runtime: WebRuntime, display: Display, tracking: Tracking | None = None
) -> list[DeployedPage]:
    """Writes a page for each student, with the teacher on it where that is chosen, and logs it; returns them."""
    teacher = _shown(chosen.teacher) if chosen.teacher else None
    pages: list[DeployedPage] = []
    with display.step("pages", len(chosen.students)) as update:
        for candidate in chosen.students:
            folder = root / candidate.folder / WEB
            card = deploy_page(folder, _shown(candidate), runtime=runtime, teacher=teacher)
            pages.append(DeployedPage(folder, card))
            if tracking and candidate.run_id:
                tracking.client.log_artifacts(candidate.run_id, str(folder), f"{candidate.place}/{WEB}")
            update(len(pages), candidate.folder)
    return pages


def _shown(candidate: Candidate) -> Shown:
    return Shown(candidate.generator, candidate.origin)

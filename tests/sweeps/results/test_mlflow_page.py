"""MLflow's own page on its real server, in Debian's Chromium: what a person sees there without choosing anything."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from analysis import QUALITIES, frontier_rows
from cluster import tracking_server
from sweeps.ledger.links import run_link
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.pages import pages_of
from tests.cluster.servers import free_port

PATIENCE_MS = 60_000
# What a person closes once: the panel that MLflow opens beside everything.
CLOSED = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"


@pytest.fixture(scope="module")
def workspace(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the finished sweep's data directory, which tests may add to."""
    return Workspace.existing(Path(shutil.copytree(finished.data_dir, tmp_path_factory.mktemp("served") / "data")))


@pytest.fixture(scope="module")
def links(workspace: Workspace) -> dict[str, str]:
    """The pages that `ganlimit ui` names."""
    return {what.strip(): link for what, link in pages_of(Tracking(workspace.store))}


@pytest.fixture(scope="module")
def served(workspace: Workspace) -> Iterator[str]:
    store = workspace.store
    with tracking_server(store.uri, store.artifact_root, port=free_port()) as url:
        yield url


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 1300}, base_url=f"{served}/")
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.add_init_script(CLOSED)
    yield page
    page.close()


def is_drawn(page: Page, selector: str) -> None:
    page.wait_for_function(
        "(selector) => [...document.querySelectorAll(selector)].some((image) => image.naturalWidth > 50)", arg=selector
    )


def test_an_experiment_opens_with_its_sweeps(page: Page, links: dict[str, str], finished: Any) -> None:
    page.goto(links["all of ganlimit/digits"])
    expect(page.get_by_text("How far can a GAN on digits be compressed?")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^digits \([0-9a-f]{12}\)$")).first).to_be_visible()
    for column in ("limit/ratio", "frontier/best_fid"):
        expect(page.get_by_text(column, exact=True).first).to_be_attached()
    assert f"{finished.result.report.limit.ratio:.4f}"[:5] in page.locator("body").inner_text()
    expect(page.locator("body")).to_contain_text("1 matching run"), "sweeps alone"
    expect(page.get_by_text("Judges")).to_have_count(0), "of another kind of experiment"


def test_a_sweeps_run_shows_its_answer(page: Page, links: dict[str, str], finished: Any) -> None:
    page.goto(links["tiny: limit, best students, samples"])
    sentence = finished.result.report.limit.sentence().split(" (")[0]
    expect(page.get_by_text(sentence).first).to_be_visible()
    page.get_by_text("Show more").first.click()
    for row in frontier_rows(finished.result.report.findings):
        cells = page.get_by_role("row").filter(has=page.get_by_role("link", name=f"trial {row.trial}", exact=True))
        expect(cells).to_contain_text(row.parameters)
    is_drawn(page, "img[src*='frontier.png']")
    expect(page.get_by_text("limit/parameters", exact=True)).to_be_visible()
    expect(page.get_by_text("search.space.width", exact=True)).to_be_attached()
    expect(page.get_by_text("ganlimit sweep run tiny")).to_be_visible()


def test_students_compare_in_charts_and_in_what_they_make(page: Page, links: dict[str, str], finished: Any) -> None:
    page.goto(links["its students"])
    for title in ("parameters vs. fid", "Parallel Coordinates", "samples", "last samples"):
        expect(page.get_by_text(title, exact=True).first).to_be_visible()
    for row in finished.result.table.to_pylist():
        expect(page.get_by_role("link", name=re.compile(rf"^0*{row['trial']} \w+ w")).first).to_be_attached()
    for row in finished.result.table.to_pylist():  # students of 4 kimg, baselines of 2
        is_drawn(page, f"img[src*='last%20samples%2Bstep%2B0'][src*='{row['run_id']}']")


def test_a_sweep_and_its_trials_name_their_models(page: Page, links: dict[str, str], finished: Any) -> None:
    page.goto(links["tiny: limit, best students, samples"])
    expect(page.get_by_text("Logged models (1)")).to_be_visible()
    expect(page.get_by_role("link", name="digits-teacher").last).to_be_visible()
    student = finished.result.report.frontier.to_pylist()[0]
    experiment = finished.tracking.client.get_run(student["run_id"]).info.experiment_id
    page.goto(run_link(experiment, student["run_id"]))
    expect(page.get_by_text("Logged models (2)")).to_be_visible()
    for direction, name in (("Input", "digits-teacher"), ("Output", "tiny-students")):
        expect(page.locator(".ag-row").filter(has_text=name)).to_contain_text(direction)


def test_a_student_shows_what_it_made_at_each_rung(page: Page, links: dict[str, str], finished: Any) -> None:
    """It is in the description: no chart needs to be looked for."""
    page.goto(links["tiny: limit, best students, samples"])
    page.get_by_text("Show more").first.click()
    student = finished.result.report.frontier.to_pylist()[0]
    with page.expect_popup() as opened:
        page.get_by_role("link", name=f"trial {student['trial']}", exact=True).click()
    run = opened.value
    expect(run.get_by_text(f"A student of {student['parameters']:,} parameters")).to_be_visible()
    run.get_by_text("Show more").first.click()
    expect(run.get_by_text(f"4 kimg: FID {QUALITIES['fid'].text(student['fid'])}")).to_be_visible()
    for kimg in (2, 4):
        image = f"img[src*='samples%2Bstep%2B{kimg}%2B'][src*='{student['run_id']}']"
        expect(run.locator(image)).to_be_visible()
        is_drawn(run, image)
    run.close()


def test_the_frontier_compares_side_by_side(page: Page, links: dict[str, str], finished: Any) -> None:
    """Parallel coordinates choose by themselves; for the other plots MLflow takes the first names, or none."""
    page.goto(links["its frontier, side by side"])
    students = finished.result.report.frontier.to_pylist()
    expect(page.get_by_text(f"Comparing {len(students)} Runs from 1 Experiment")).to_be_visible()
    differing = [name for name in finished.spec.domains() if len({row[name] for row in students}) > 1]
    for name in (*differing, "parameters"):
        expect(page.locator(".axis-title").filter(has_text=re.compile(f"^{name}$"))).to_be_visible()
    page.get_by_role("tab", name="Scatter Plot").click()
    expect(page.locator(".ytitle")).to_have_text("best_fid")
    for tab, cost in (("Scatter Plot", "parameters"), ("Box Plot", "width")):
        page.get_by_role("tab", name=tab).click()
        choose(page, {"X-axis:": cost, "Y-axis:": "fid"})
        expect(page.locator(".xtitle")).to_have_text(cost)
        expect(page.locator(".ytitle")).to_have_text("fid")


def choose(page: Page, values: dict[str, str]) -> None:
    """Chooses what a plot shows, by the label of each choice."""
    for label, value in values.items():
        page.get_by_label(label).click()
        page.get_by_role("option", name=value, exact=True).click()

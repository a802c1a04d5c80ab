"""The report's page in a real browser: Debian's Chromium, with every network request refused and counted."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from analysis import (
    AnalysisError,
    Chapter,
    LimitRule,
    Mode,
    Strip,
    TrialState,
    device_findings_of,
    findings_of,
    render_page,
    trial_table,
)

RUN_URL = "http://127.0.0.1:5000/#/experiments/1/runs/{run_id}"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def strips(chapter_rows: list[dict[str, Any]]) -> tuple[Strip, ...]:
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (12, 1, 16, 16), dtype=np.uint8)
    students = [Strip(f"1/{r['compression_ratio']:.1f}", f"trial {r['trial']}", images_NCHW=images,
                      parameters=r["parameters"], trial=r["trial"])
                for r in reversed(chapter_rows)]  # fmt: skip
    return (Strip("teacher", "FID 5.0", images_NCHW=images, parameters=100_000), *students)


def chapter_of(table: Any, name: str = "s", tolerance: float = 1.0) -> Chapter:
    findings = findings_of(table, LimitRule(metric="fid", tolerance=tolerance))
    frontier = findings.frontier.to_pylist()
    return Chapter(
        findings=findings,
        name=name,
        samples=strips(frontier) if frontier else (),
        interpolations=strips(frontier[:1]) if frontier else (),
        importances={"width": 0.7, "gan_weight": 0.3},
        specification="name: s\nlimit: {metric: fid}  # <b>&</b>\n",
        versions={"torch": "2.9.0"},
        commands=("ganlimit sweep run s",),
        run_url=RUN_URL,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, sweep_rows: Any, measured_rows: Any, ruler: Any) -> Path:
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    table, rule = trial_table(sweep_rows()), LimitRule(metric="fid", tolerance=1.0)
    device = device_findings_of(table, measured_rows(sweep_rows()), rule=rule)
    chapter = replace(chapter_of(table), ruler=ruler("swapped patches"), device=device)
    path.write_text(render_page([chapter]), encoding="utf-8")
    return path


class Opened:
    """A page, with what it asked of the network and said on the console."""

    def __init__(self, browser: Browser, path: Path, **options: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(viewport=options.pop("viewport", WIDE), **options)
        self.page: Page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: message.type in ("error", "warning") and self._complain(message.text))
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector('[data-chart="frontier"] .main-svg')

    def _complain(self, text: str) -> None:
        self.complaints.append(text)

    def draw_everything(self) -> None:
        for chart in self.page.query_selector_all("[data-chart]"):
            chart.scroll_into_view_if_needed()
            expect(self.page.locator(f"#{self._named(chart)} .main-svg").first).to_be_visible()

    def _named(self, chart: Any) -> str:
        return str(chart.evaluate("e => e.id || (e.id = 'chart' + Math.random().toString().slice(2))"))


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Opened]:
    found = Opened(browser, report)
    yield found
    found.context.close()


@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "dark"), (PHONE, "light")], ids=["wide dark", "phone light"])
def test_the_page_loads_without_a_complaint_or_a_request(
    browser: Browser, report: Path, viewport: Any, scheme: Any
) -> None:
    found = Opened(browser, report, viewport=viewport, color_scheme=scheme)
    found.draw_everything()
    assert found.complaints == []
    assert [url for url in found.requests if not url.startswith(("data:", "blob:"))] == [report.as_uri()]
    overflow = found.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, "nothing sticks out of the window"
    background = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(19, 20, 23)") == (scheme == "dark")
    found.context.close()


def test_it_begins_with_the_answer(opened: Opened, sweep_rows: Any) -> None:
    limit = findings_of(trial_table(sweep_rows()), LimitRule(tolerance=1.0)).limit
    assert f"1/{limit.ratio:.1f}" in opened.page.locator("h1").inner_text()
    assert limit.sentence() in opened.page.locator(".lead").first.inner_text()
    assert opened.page.locator("h1 .label").first.text_content() == "compression limit of the students tried"


def test_in_a_viewers_frame_it_offers_no_link_that_would_open_nothing(
    browser: Browser, report: Path, opened: Opened
) -> None:
    """MLflow's viewer shows it in a sandbox: links open nothing there, and anchors lead nowhere."""
    opened.page.locator("a[data-run][href]").first.wait_for()
    viewer = report.with_name("viewer.html")
    viewer.write_text(
        f'<iframe sandbox="allow-scripts" src="{report.name}" style="width: 900px; height: 700px"></iframe>'
    )
    page = browser.new_page(viewport=WIDE)
    page.goto(viewer.as_uri())
    framed = page.frame_locator("iframe")
    expect(framed.locator('[data-chart="frontier"] .main-svg').first).to_be_visible()
    expect(framed.locator("a[href^=http], a:not([href])")).to_have_count(0)
    expect(framed.locator('[data-chart="frontier"]')).not_to_have_attribute("aria-label", re.compile("Enter opens"))
    expect(framed.get_by_text("its run is among the students in MLflow")).to_be_visible()
    framed.get_by_role("link", name="Samples", exact=True).click()
    expect(framed.get_by_role("heading", name="Samples, down to where they break")).to_be_in_viewport()
    framed.get_by_role("link", name="Skip to the answer").press("Enter")
    expect(framed.locator("main")).to_be_focused()
    page.close()


def _at(opened: Opened, trial: int) -> tuple[float, float]:
    """Where on the screen a trial's point of the frontier lies."""
    place = opened.page.evaluate(
        """trial => {
            const e = document.querySelector('[data-chart="frontier"]'), b = e.getBoundingClientRect();
            const { xaxis, yaxis } = e._fullLayout, t = e.data.find(d => d.name === 'frontier as searched');
            const i = t.customdata.indexOf(trial);
            return [b.left + xaxis._offset + xaxis.l2p(Math.log10(t.x[i])),
                    b.top + yaxis._offset + yaxis.l2p(Math.log10(t.y[i]))];
        }""",
        trial,
    )
    return float(place[0]), float(place[1])


def test_pointing_at_a_student_shows_its_configuration_and_images_and_a_click_opens_its_run(opened: Opened) -> None:
    trial = opened.page.evaluate("chapters[0].views[chapters[0].view].frontier[1]")
    opened.page.mouse.move(*_at(opened, trial))
    card = opened.page.locator("[data-card]")
    expect(card).to_be_visible()
    assert f"search trial {trial}" in card.inner_text()
    assert "width, depth" in card.inner_text()
    assert card.locator("canvas").evaluate("c => [c.width, c.height]") == [64, 48]  # 12 images of 16x16 in rows of 4
    opened.page.evaluate("window.open = (...a) => { window.went = a[0]; }")
    opened.page.mouse.click(*_at(opened, trial))
    run = opened.page.evaluate("t => chapters[0].trials.run_id[chapters[0].trials.trial.indexOf(t)]", trial)
    assert opened.page.evaluate("window.went") == RUN_URL.replace("{run_id}", run)


def test_the_frontier_works_by_keyboard(opened: Opened) -> None:
    opened.page.locator('[data-chart="frontier"]').focus()
    opened.page.keyboard.press("ArrowRight")
    first = opened.page.locator("[data-live]").inner_text()
    opened.page.keyboard.press("ArrowRight")
    second = opened.page.locator("[data-live]").inner_text()
    assert first.startswith("search trial")
    assert second.startswith("search trial")
    assert first != second
    opened.page.evaluate("window.open = (...a) => { window.went = a[0]; }")
    opened.page.keyboard.press("Enter")
    assert "/runs/" in opened.page.evaluate("window.went")
    opened.page.keyboard.press("Escape")
    expect(opened.page.locator("[data-card]")).to_be_hidden()


def test_the_table_of_trials_filters_and_sorts(opened: Opened, sweep_rows: Any) -> None:
    rows = opened.page.locator("[data-trials] tbody tr")
    opened.page.locator('[data-filter="state"]').select_option(TrialState.FAILED)
    failed = sum(row["state"] == TrialState.FAILED for row in sweep_rows())
    assert rows.count() == failed > 0
    opened.page.locator('[data-filter="state"]').select_option("")
    opened.page.locator('[data-filter="text"]').fill("scratch")
    scratch = sum(row["mode"] == Mode.SCRATCH for row in sweep_rows())
    assert f"{scratch} of " in opened.page.locator("[data-pager]").inner_text()
    assert rows.count() == min(scratch, 25)
    opened.page.locator('[data-filter="text"]').fill("")
    button = opened.page.locator('[data-sort="fid"]')
    for direction in ("ascending", "descending"):
        button.focus()
        opened.page.keyboard.press("Enter")
        expect(opened.page.locator("th[aria-sort]")).to_have_attribute("aria-sort", direction)
        place = 1 + opened.page.locator("[data-sort]").evaluate_all("b => b.map(x => x.dataset.sort).indexOf('fid')")
        shown = opened.page.locator(f"[data-trials] tbody tr > :nth-child({place})").all_inner_texts()
        values = [float(text.replace(",", "")) for text in shown if text]
        assert values == sorted(values, reverse=direction == "descending")


def test_another_quality_has_its_own_frontier(opened: Opened) -> None:
    opened.page.locator('[data-axis="quality"]').select_option("inception_score")
    title = opened.page.evaluate("document.querySelector('[data-chart=\"frontier\"]')._fullLayout.yaxis.title.text")
    assert title == "IS (higher is better)"
    assert opened.complaints == []


def test_what_a_device_pays_has_every_form_and_a_switch_between_costs(opened: Opened) -> None:
    section = opened.page.locator('[id$="--device"]')
    chart = section.locator('[data-chart="device"]')
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".main-svg").first).to_be_visible()
    drawn = "e => [e._fullLayout.xaxis.title.text, ...e.data.map(d => d.name)]"
    names = ["Pareto frontier over all forms", "onnx", "teacher, onnx", "onnx-int8"]
    assert chart.evaluate(drawn) == ["latency of one image on its machine [ms] (lower is better)", *names]
    symbols = chart.evaluate("e => e.data.filter(d => d.mode === 'markers').map(d => d.marker.symbol)")
    assert symbols == ["circle", "star", "square"]
    section.locator("select").select_option("file_bytes")
    assert chart.evaluate(drawn)[0] == "size of the deployed file [bytes] (lower is better)"
    limit = opened.page.evaluate("chapters[0].device.views.file_bytes.limit")
    assert limit["label"].endswith("kB, onnx-int8")
    assert limit["label"] in chart.evaluate("e => e._fullLayout.annotations.map(a => a.text).join()")
    assert section.locator("p").first.inner_text().startswith("On digits the smallest latency of the students measured")
    assert "an example's CPU, 1 thread; measurement mmmmmmmm" in section.locator("figcaption").inner_text()
    assert opened.complaints == []


def test_a_page_without_measurements_says_nothing_of_a_device(sweep_rows: Any) -> None:
    page = render_page([chapter_of(trial_table(sweep_rows()))])
    assert 'data-chart="device"' not in page
    assert "file_bytes" not in page.split('id="page-data"')[1].split("</script>")[0]


def test_every_picture_has_words_and_every_control_a_name(opened: Opened) -> None:
    assert all(opened.page.locator("img").evaluate_all("all => all.map(i => i.alt.length > 10)"))
    assert all(opened.page.locator("[data-chart]").evaluate_all("all => all.map(c => c.ariaLabel.length > 20)"))
    assert all(opened.page.locator("select, input").evaluate_all("all => all.map(c => !!c.labels.length)"))
    levels = opened.page.locator("h1, h2, h3").evaluate_all("all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), "no level is skipped"


def test_it_prints_in_light_with_every_chart(browser: Browser, report: Path, tmp_path: Path) -> None:
    found = Opened(browser, report, color_scheme="dark")
    pdf = found.page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert pdf.startswith(b"%PDF")
    drawn = found.page.locator("[data-chart]").evaluate_all("all => all.map(c => !!c.querySelector('.main-svg'))")
    assert all(drawn), "charts below the window are printed too"
    found.context.close()


def test_text_of_a_user_stays_text(browser: Browser, tmp_path: Path, sweep_rows: Any) -> None:
    rows = sweep_rows()
    rows[-1]["error"] = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
    path = tmp_path / "report.html"
    path.write_text(render_page([chapter_of(trial_table(rows))]), encoding="utf-8")
    found = Opened(browser, path)
    assert found.page.evaluate("window.broken") is None
    assert found.complaints == []
    found.context.close()


def test_several_sweeps_have_an_overview_of_their_limits(browser: Browser, tmp_path: Path, sweep_rows: Any) -> None:
    chapters = [chapter_of(trial_table(sweep_rows()), name, t) for name, t in (("one", 1.0), ("two", 0.2))]
    path = tmp_path / "report.html"
    path.write_text(render_page(chapters), encoding="utf-8")
    found = Opened(browser, path)
    assert found.page.locator(".overview tbody tr").count() == 2
    found.draw_everything()
    assert found.complaints == []
    found.context.close()


def test_two_thousand_trials_open(browser: Browser, tmp_path: Path, sweep_rows: Any) -> None:
    rows = sweep_rows(students=1900)
    path = tmp_path / "report.html"
    path.write_text(render_page([chapter_of(trial_table(rows))]), encoding="utf-8")
    found = Opened(browser, path)
    assert found.page.evaluate("chapters[0].trials.trial.length") == len(rows)
    found.context.close()


def test_the_same_table_gives_the_same_page(sweep_rows: Any) -> None:
    assert render_page([chapter_of(trial_table(sweep_rows()))]) == render_page([chapter_of(trial_table(sweep_rows()))])


def test_a_sweep_without_a_finished_trial_has_a_page_too(browser: Browser, tmp_path: Path, table: Any) -> None:
    path = tmp_path / "report.html"
    rows = table({"state": TrialState.DIVERGED, "final": False, "fid": None})
    path.write_text(render_page([chapter_of(rows)]), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    assert "no result yet" in page.locator("h1").inner_text()
    assert page.locator("[data-trials] tbody tr").count() == 1
    page.close()


def test_chapters_have_names_of_their_own(sweep_rows: Any) -> None:
    chapter = chapter_of(trial_table(sweep_rows()))
    for wrong in ([], [chapter, chapter]):
        with pytest.raises(AnalysisError, match="a chapter for each"):
            render_page(wrong)


def test_each_disturbance_of_the_ruler_has_a_panel_and_a_fault_its_word(opened: Opened) -> None:
    panels = opened.page.locator(".ruler > .panel")
    assert panels.count() == 7
    points = panels.locator("polyline").evaluate_all("all => all.map(l => [...l.points].map(p => [p.x, p.y]))")
    assert all([x for x, _ in line] == sorted(x for x, _ in line) and len(line) == 4 for line in points)
    assert [line[-1][1] < line[0][1] - 20 for line in points] == [True, True, True, False, True, True, True]
    assert [title for title in panels.all_inner_texts() if "FAILS" in title] == ["swapped patches\n4 → 4.2\nFAILS"]
    strokes = panels.locator("polyline").evaluate_all("all => all.map(l => getComputedStyle(l).stroke)")
    blue, vermilion = strokes[0], strokes[3]
    assert strokes == [blue, blue, blue, vermilion, blue, blue, blue]
    assert blue != vermilion
    assert "it FAILS swapped patches" in opened.page.locator("section:has(.ruler) > p").inner_text()
    words = panels.locator("svg").first.get_attribute("aria-label")
    assert words == "blur rises: FID 4 at 0, 16 at 0.25, 36 at 0.5, 1,600 at 1"


def test_what_a_panel_draws_stays_in_it_and_a_weak_level_in_the_band_is_seen(table: Any, ruler: Any) -> None:
    page = render_page([replace(chapter_of(table({})), ruler=ruler("blur"))])
    heights = [[float(y) for y in re.findall(r",([\d.]+)", line)] for line in re.findall(r'points="([^"]+)"', page)]
    assert all(0 <= y <= 66 for line in heights for y in line)
    bands = re.findall(r'class="band" x="0" y="([\d.]+)" width="132" height="([\d.]+)"', page)
    (top, height), (passing_top, _) = map(float, bands[0]), map(float, bands[1])
    assert all(top <= y <= top + height for y in heights[0]), "the images that were not seen to be spoilt"
    assert max(heights[1][1:]) < passing_top, "each level of what is seen"


def test_without_an_examination_there_is_no_ruler_on_the_page(table: Any, ruler: Any) -> None:
    chapter = chapter_of(table({}))
    assert "ruler straight" not in render_page([chapter])
    assert "rises with all 7 disturbances" in render_page([replace(chapter, ruler=ruler())])

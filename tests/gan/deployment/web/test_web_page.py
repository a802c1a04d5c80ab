"""A page in a real browser, Debian's Chromium: it draws what Python draws, alone with the files of its folder."""

import functools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from gan import GanError, GeneratorConfig, Origin, load_deployed
from gan.deployment.web.page import deploy_page
from gan.deployment.web.runtime import WebRuntime
from gan.deployment.web.showing import Shown
from gan.images import to_uint8
from tests.gan.deployment.conftest import ORIGIN, SMALL, trained

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
DARK = "rgb(19, 20, 23)"
TEACHER = Origin(weights_digest="d", dataset="digits", metrics={"fid": 4.25}, model="digits-teacher/1")
PIXELS = """(canvas) => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return [...copy.getImageData(0, 0, canvas.width, canvas.height).data];
}"""
FRAMES = """async () => {
  for (let frame = 0; frame < 8; frame += 1) await new Promise(requestAnimationFrame);
  return [...demo.latent];
}"""


def shown(origin: Origin = ORIGIN, **changes: Any) -> Shown:
    return Shown(trained(GeneratorConfig.model_validate(SMALL | changes)), origin)


@pytest.fixture(scope="module")
def folder(web_runtime: WebRuntime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a student and its teacher."""
    folder: Path = tmp_path_factory.mktemp("pages") / "web"
    deploy_page(folder, shown(), teacher=shown(TEACHER, width=16), runtime=web_runtime)
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    """The address of that folder on a plain server."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Opened:
    """A page that is ready, with what it asked for and said on the console."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.requests, self.complaints = page, list[str](), list[str]()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{address}/index.html")
        page.wait_for_selector("body[data-ready]")

    def values(self, name: str) -> np.ndarray:
        return np.array(self.page.evaluate(name), dtype=np.float32)

    def drawn(self, place: int) -> np.ndarray:
        """Returns what stands on one of the page's large canvases, HWC."""
        canvas = self.page.locator("[data-image]").nth(place)
        size = canvas.evaluate("(canvas) => canvas.height")
        return np.array(canvas.evaluate(PIXELS), dtype=np.int64).reshape(size, -1, 4)

    def at_rest(self) -> np.ndarray:
        """Returns the latent after some frames."""
        return np.array(self.page.evaluate(FRAMES), dtype=np.float32)


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Opened]:
    context = browser.new_context(viewport=WIDE)
    yield Opened(context.new_page(), address)
    context.close()


@pytest.fixture(scope="module")
def on_disk(browser: Browser, folder: Path) -> Iterator[Opened]:
    with opened(browser, folder.as_uri()) as found:
        yield found
        assert found.complaints == []


@pytest.fixture
def found(on_disk: Opened) -> Iterator[Opened]:
    """The page from a disk, at rest, and as it was when a test ends."""
    yield on_disk
    on_disk.page.evaluate("play(false); document.activeElement.blur()")
    on_disk.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    on_disk.page.set_viewport_size(WIDE)


def require_drawn_as_in_python(found: Opened, folder: Path, *, place: int = 0) -> None:
    deployed = load_deployed(folder)
    space = deployed.card.input
    label = np.eye(space.classes, dtype=np.float32)[found.page.evaluate("demo.label")] if space.classes else []
    inputs_NI = np.concatenate([found.values("[...demo.latent]"), label])[None].astype(np.float32)
    image_NCHW = deployed(inputs_NI)
    assert image_NCHW.std() > 0.1
    values = found.values(f"[...demo.images[{place}]]").reshape(image_NCHW.shape)
    assert np.abs(values - image_NCHW).max() < 1e-3
    expected_HWC = to_uint8(torch.from_numpy(image_NCHW))[0].permute(1, 2, 0).numpy().astype(np.int64)
    assert np.abs(found.drawn(place)[..., :3] - expected_HWC).max() <= 1


def require_own_files_alone(found: Opened, address: str) -> None:
    inside = (f"{address}/", f"blob:{address if address.startswith('http') else 'null'}/")
    assert [url for url in found.requests if not url.startswith(inside)] == []


def test_both_draw_what_python_draws_and_nothing_else_is_asked_for(found: Opened, folder: Path) -> None:
    require_drawn_as_in_python(found, folder / "teacher", place=0)
    require_drawn_as_in_python(found, folder, place=1)
    found.page.locator("[data-new]").click()
    found.page.locator("[name=pair]").nth(3).check()
    found.at_rest()
    require_drawn_as_in_python(found, folder, place=1)
    require_own_files_alone(found, folder.as_uri())


def test_a_server_is_asked_for_no_more(browser: Browser, folder: Path, served: str) -> None:
    with opened(browser, served) as found:
        require_drawn_as_in_python(found, folder, place=1)
        require_own_files_alone(found, served)
        assert found.complaints == []


def test_classes_and_colours_and_a_sphere_are_drawn_as_in_python(
    browser: Browser, web_runtime: WebRuntime, tmp_path: Path
) -> None:
    student = shown(image_channels=3, num_classes=4, latent_distribution="sphere", latent_bound=2.0)
    deploy_page(tmp_path / "web", student, runtime=web_runtime)
    with opened(browser, (tmp_path / "web").as_uri()) as found:
        require_drawn_as_in_python(found, tmp_path / "web")
        found.page.locator("[data-class]").select_option("2")
        found.page.locator("[data-direction]").first.press("End")
        found.at_rest()
        latent = found.values("[...demo.latent]")
        assert latent[0] == 2
        assert np.linalg.norm(latent) == pytest.approx(2, abs=1e-5)
        assert found.page.evaluate("demo.label") == 2
        require_drawn_as_in_python(found, tmp_path / "web")
        assert found.complaints == []


@pytest.mark.parametrize(("distribution", "bound", "deviation", "greatest"), [
    ("normal", None, 1.0, 5.0), ("uniform", 0.5, 0.5 / 3**0.5, 0.5), ("truncated-normal", 2.0, 0.880, 2.0),
])  # fmt: skip
def test_latents_are_distributed_as_the_card_says(
    found: Opened, distribution: str, bound: float | None, deviation: float, greatest: float
) -> None:
    given = {"distribution": distribution, "bound": bound, "latent_size": 4000, "classes": 0}
    found.page.evaluate("(given) => { window.tried = new LatentSpace(given, 7) }", given)
    values = found.values("[...tried.draw()]")
    assert abs(values.mean()) < 0.05 * deviation
    assert values.std() == pytest.approx(deviation, rel=0.04)
    assert np.abs(values).max() < greatest
    if distribution == "normal":
        between = found.values("[...tried.between(tried.draw(), tried.draw(), 0.5)]")
        assert between.std() == pytest.approx(1, rel=0.04), "as likely as the ends"


def test_it_works_by_keyboard_with_the_focus_in_sight(found: Opened) -> None:
    page, play = found.page, found.page.locator("[data-play]")
    first = found.at_rest()
    page.keyboard.press("Space")
    expect(play).to_have_text("Pause")
    assert (found.at_rest() != first).any()
    page.keyboard.press("Space")
    expect(play).to_have_text("Play")
    assert (found.at_rest() == found.at_rest()).all()
    before = found.values("[...demo.pairs[1].latent]")
    page.keyboard.press("Enter")
    page.wait_for_function("(before) => demo.latent === demo.pairs[0].latent && demo.pairs[1].latent[0] !== before",
                           arg=float(before[0]))  # fmt: skip
    expect(page.locator("[data-status]")).to_have_text("12 new latents are drawn.")
    page.locator("[data-new]").focus()
    page.keyboard.press("Shift+Tab")
    expect(play).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(play).to_have_text("Pause")
    page.keyboard.press("Enter")
    page.locator("[name=pair]").first.focus()
    page.keyboard.press("ArrowRight")
    assert (found.at_rest() == found.values("[...demo.pairs[1].latent]")).all()
    assert page.locator("label:has(:focus-visible)").evaluate("(e) => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Space")
    expect(play).to_have_text("Pause")
    page.locator("[data-direction='1']").press("ArrowRight")
    expect(play).to_have_text("Play")  # a hand takes over
    expect(page.locator("[name=pair]:checked")).to_have_count(0)


def test_on_a_phone_nothing_sticks_out_and_both_are_in_sight(found: Opened) -> None:
    found.page.set_viewport_size(PHONE)
    assert found.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    found.page.evaluate("scrollTo(0, 0)")
    boxes = [image.bounding_box() for image in found.page.locator("[data-image]").all()]
    assert all(box and box["width"] > 150 and 0 < box["y"] + box["height"] < PHONE["height"] for box in boxes)


def test_it_is_dark_where_a_person_likes_it_so(found: Opened) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    assert found.page.evaluate(background) != DARK
    found.page.emulate_media(color_scheme="dark")
    assert found.page.evaluate(background) == DARK


def test_who_wants_less_motion_sees_one_image_after_another(found: Opened) -> None:
    found.page.emulate_media(reduced_motion="reduce")
    first = found.at_rest()
    found.page.keyboard.press("Space")
    expect(found.page.locator("[data-play]")).to_have_text("Pause")
    assert (found.at_rest() == first).all()
    found.page.evaluate("demo.walk.began -= WALK_MS")
    assert (found.at_rest() != first).any()


def test_what_is_shown_has_a_name_and_its_cost(found: Opened, folder: Path) -> None:
    page, cards = found.page, [load_deployed(each).card for each in (folder / "teacher", folder)]
    named = page.locator("[data-image], [type=range], [name=pair]").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert len(named) == len(set(named)) == 2 + 5 + 12
    rows = [row.split("\t") for row in page.locator("tbody").inner_text().splitlines()]
    ratios = [cards[0].parameters / cards[1].parameters, cards[0].file_bytes / cards[1].file_bytes]
    assert rows[0] == ["parameters", *(f"{card.parameters:,}" for card in cards), f"1/{ratios[0]:.1f}"]
    assert rows[1] == ["file", *(f"{card.file_bytes / 1e3:.1f} kB" for card in cards), f"1/{ratios[1]:.1f}"]
    assert [cell.endswith(" ms") for cell in rows[2]] == [False, True, True, False]
    assert rows[3] == ["FID", "4.25", "9.50", "+5.25"]
    assert page.locator("h1").inner_text() == f"1/{ratios[0]:.1f} of its teacher"
    assert all((folder / str(link.get_attribute("href"))).is_file() for link in page.locator("a").all())


def test_a_page_is_replaced_whole_and_is_an_export_too(folder: Path, web_runtime: WebRuntime, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "web")
    card = deploy_page(tmp_path / "web", shown(width=4), runtime=web_runtime)
    assert load_deployed(tmp_path / "web").card == card
    assert not (tmp_path / "web" / "teacher").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["web"]
    assert "of its teacher" not in (tmp_path / "web" / "index.html").read_text()


def test_generators_that_take_other_latents_are_not_shown_side_by_side(web_runtime: WebRuntime, tmp_path: Path) -> None:
    with pytest.raises(GanError, match=r"take the same latents, got .*Leave --teacher out"):
        deploy_page(tmp_path / "web", shown(), teacher=shown(latent_size=9), runtime=web_runtime)
    assert list(tmp_path.iterdir()) == []

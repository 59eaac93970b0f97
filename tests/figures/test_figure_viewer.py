"""The viewer in a browser: it draws, turns, plays, and asks nothing of the network."""

import json
import re
import shutil

import numpy as np
import pytest
from ensemble_inputs import RESULT, make_ensemble
from playwright.sync_api import expect, sync_playwright

from jamun.figures.ensemble import load_frames
from jamun.figures.style import FigureError
from jamun.figures.viewer import viewer_page, viewer_to_file

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
# Number of pixels that are not white, and a sum that tells pictures apart.
INK = """() => {
  const canvas = document.getElementById("canvas");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let ink = 0, sum = 0;
  for (let k = 0; k < data.length; k += 4) {
    if (data[k] + data[k + 1] + data[k + 2] < 740) { ink += 1; sum = (sum * 31 + k + data[k]) % 1000003; }
  }
  return [ink, sum, canvas.width];
}"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("viewer")
    paths = make_ensemble(folder, 5)
    viewer_to_file(*paths, folder / "AM.html")
    return folder / "AM.html", paths


def test_the_page_holds_every_frame_and_names_nothing_outside(written):
    page, (md, samples, _) = written
    text = page.read_text()
    assert not re.search(r"""https?://|src=|href=|import\(|fetch\(""", text)
    data = json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.S)[1])
    for ensemble, path in zip(data["ensembles"], (md, samples), strict=True):
        positions, molecule = load_frames(path)
        np.testing.assert_allclose(
            np.array(ensemble["frames"]) / 1000, positions.reshape(len(positions), -1), atol=6e-4
        )
    assert data["bonds"] == molecule.bonds.tolist()
    assert set(data["elements"]) == {"C", "N", "O", "S"}


def test_names_cannot_break_out_of_the_page(written):
    _, (md, _, _) = written
    positions, molecule = load_frames(md)
    page = viewer_page(positions, positions, molecule, RESULT | {"model": "</script><b>"})
    assert "<b>" not in page
    with pytest.raises(FigureError, match="AM"):
        viewer_page(positions, positions[:, 1:], molecule, RESULT)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: install it (apt-get install chromium) to test the viewer")
def test_it_draws_turns_zooms_and_plays_without_a_network(written):
    page_file, _ = written
    problems, requests = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 900, "height": 600}, device_scale_factor=2)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(page_file.as_uri())

        def drawn():
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            return page.evaluate(INK)

        def changes(action):
            before = drawn()
            action()
            after = drawn()
            assert after[0] > 500, "something is drawn"
            return before[:2] != after[:2]

        ink, _, width = drawn()
        assert ink > 2000
        assert width == 2 * page.evaluate("document.getElementById('canvas').clientWidth"), "sharp on dense displays"
        start = drawn()
        box = page.locator("#canvas").bounding_box()
        centre = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2

        def drag():
            page.mouse.move(*centre)
            page.mouse.down()
            page.mouse.move(centre[0] + 90, centre[1] + 40, steps=4)
            page.mouse.up()

        assert changes(drag)
        assert changes(lambda: page.mouse.wheel(0, -300))
        assert changes(lambda: page.locator("#reset").click())
        assert drawn() == start, "the view is as it was"
        assert changes(lambda: page.locator("#canvas").press("ArrowLeft"))
        assert changes(lambda: page.locator("#frames").select_option("one"))
        for layout in ("over", "0", "1"):
            assert changes(lambda layout=layout: page.locator("#layout").select_option(layout))
        assert changes(lambda: page.locator("#frame").fill("1"))
        assert page.locator("#number").inner_text() == "2 of 5"
        page.locator("#play").click()
        expect(page.locator("#number")).not_to_have_text("2 of 5", timeout=10000)
        page.locator("#play").click()
        assert page.locator("#play").inner_text() == "Play"
        browser.close()
    assert problems == []
    assert requests == [page_file.as_uri()]

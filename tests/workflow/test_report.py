"""The HTML report, opened in a browser: its figures are there, and it needs no network."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

pytestmark = pytest.mark.workflow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FIGURES = ("Ramachandran maps", "Torsion distributions", "JS distance against time", "Macrostates of the MSM")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: install it (apt-get install chromium) to test the report")
def test_the_report_shows_every_figure(finished):
    report = finished.folder / "results/small/report.html"
    assert report.stat().st_size > 100_000
    problems, requests = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_load_state("load")
        page.get_by_text("Peptide AV", exact=True).first.click()
        drawn = []
        for figure in (
            "Ramachandran maps",
            "Torsion distributions",
            "JS distance against time",
            "Macrostates of the MSM",
        ):
            page.locator("tr", has_text=figure).locator("[iconname=eye]").click()
            page.wait_for_function("[...document.images].some(i => i.src.includes('png') && i.naturalWidth > 300)")
            drawn.append(page.evaluate("[...document.images].find(i => i.src.includes('png')).src.length"))
            page.keyboard.press("Escape")
        results = page.evaluate("Object.values(results).map(r => [r.name, r.mime_type, r.data_uri.length])")
        browser.close()
    names = {name for name, mime, size in results if mime == "image/png" and size > 5000}
    assert {"AV.png", "loss.png", "summary.png"} <= names
    assert sum(name == "AV.png" for name, *_ in results) == 8  # the peptide's seven, and its MD in time
    pages = {name for name, mime, size in results if mime == "text/html" and size > 5000}
    assert pages == {"summary.html", "AV.html"}  # the tables, and the viewer
    assert len(set(drawn)) == 4  # four different pictures were shown
    assert not problems
    assert not [url for url in requests if url.startswith("http")]

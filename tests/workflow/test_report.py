"""The HTML report, opened in a browser without a network: what it opens with, its order, its figures, its viewer."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.workflow

INK = """(canvas) => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let ink = 0;
  for (let k = 0; k < data.length; k += 4) ink += data[k] + data[k + 1] + data[k + 2] < 740;
  return ink;
}"""
# Of each result, by its path: caption in words, type, and width of the picture that it is.
RESULTS = """async () => Object.fromEntries(await Promise.all(Object.entries(results).map(async ([path, result]) => {
  const caption = new DOMParser().parseFromString(result.caption || "", "text/html").body.innerText;
  let width = 0;
  if (result.mime_type.startsWith("image/")) {
    const image = new Image();
    image.src = result.data_uri;
    await image.decode();
    width = image.naturalWidth;
  }
  return [path, { caption, width, type: result.mime_type, labels: result.labels, size: result.data_uri.length }];
})))"""


@pytest.fixture(scope="module")
def report(finished_workflow):
    return finished_workflow.folder / "results/small/report.html"


def results_of(workflow):
    """What of the finished workflow belongs in its report, below results/small."""
    folder = workflow.folder / "results/small"
    pages = [*folder.glob("figures/*/viewer/*.html"), folder / "evaluation/summary.html"]
    pictures = [*folder.glob("figures/**/*.png"), *folder.glob("simulations/*.png")]
    return {str(path.relative_to(workflow.folder)) for path in (*pages, *pictures)}


def test_every_figure_is_in_it_with_a_caption(finished_workflow, report, visit):
    with visit(report) as seen:
        held = seen.page.evaluate(RESULTS)
    shown = {path for path, result in held.items() if result["type"] in ("image/png", "text/html")}
    assert shown == results_of(finished_workflow)
    assert sum("/AV." in path for path in shown) >= 9
    for path, result in held.items():
        assert len(result["caption"].split()) >= 8, path
        assert not re.search(r"\{\{|\}\}|:math:|``", result["caption"]), path
        assert set(result["labels"]) == {"question", "figure", "model"}, path
        assert result["width"] > 300 or result["type"] != "image/png", path
    assert report.stat().st_size < 10e6
    assert seen.errors == []


def test_it_opens_at_the_tables_and_leads_through_a_peptide(report, visit):
    with visit(report, viewport={"width": 1400, "height": 900}) as seen:
        page = seen.page
        expect(page.frame_locator("iframe").locator("h1")).to_have_text("Results of small")
        assert page.title() == "small: walk-jump sampling"
        expect(page.frame_locator("iframe").get_by_role("cell", name="AV").first).to_be_visible()

        menu = [text.strip() for text in page.locator("nav li a").all_inner_texts()]
        categories = menu[menu.index("About") + 1 :]
        assert categories[:2] == ["Summary", "Peptide AV"]
        assert set(categories) >= {"Summary", "Peptide AV", "Models", "Simulations"}

        page.get_by_text("Peptide AV", exact=True).click()
        viewer = page.frame_locator("iframe")
        expect(viewer.locator("canvas")).to_have_count(2)
        page.wait_for_timeout(300)
        assert all(canvas.evaluate(INK) > 1000 for canvas in viewer.locator("canvas").all())
        expect(page.locator("figcaption")).to_contain_text("drag to turn", ignore_case=True)

        questions = page.locator("nav tr.question").all_inner_texts()
        assert len(questions) >= 5
        assert [question[:2] for question in questions] == [f"{k}." for k in range(1, len(questions) + 1)]
        figures = page.locator("nav tr.figure")
        pictures = set()
        for row in figures.all()[1:]:
            row.locator("td").first.click()
            page.wait_for_function("document.querySelector('figure.shown > div > img')?.naturalWidth > 300")
            page.wait_for_function("document.querySelector('figcaption').innerText.length > 40")
            pictures.add(page.evaluate("document.querySelector('figure.shown img').src"))
        assert len(pictures) == figures.count() - 1, "each row shows a picture of its own"

        page.get_by_text("Results", exact=True).click()
        for category in categories[2:]:
            page.get_by_text(category, exact=True).click()
            page.wait_for_function("document.querySelector('figure.shown img')?.naturalWidth > 300")
            page.get_by_text("Results", exact=True).click()
    assert seen.errors == []
    assert not [url for url in seen.requests if not url.startswith(("data:", "file:", "blob:"))]


def test_its_links_lead_somewhere(report, visit):
    with visit(report) as seen:
        page = seen.page
        page.wait_for_selector("nav li a")
        # Of the menu: actions; of captions and tables: none may lead to a file that the report does not carry.
        links = page.evaluate("""() => [document, ...Object.values(results).filter((r) => r.mime_type === "text/html")
          .map((r) => new DOMParser().parseFromString(atob(r.data_uri.split("base64,")[1]), "text/html")),
          ...Object.values(results).map((r) => new DOMParser().parseFromString(r.caption || "", "text/html"))]
          .flatMap((page) => [...page.querySelectorAll("[href], [src]")].map((part) => [
            part.getAttribute("href") || part.getAttribute("src"),
            Boolean(page.getElementById((part.getAttribute("href") || "").slice(1)))]))""")
    assert links
    for target, exists in links:
        assert target == "#" or target.startswith(("https:", "data:")) or (target.startswith("#") and exists), target


def test_a_narrow_window_shows_the_figure_below_the_menu(report, visit):
    with visit(report, viewport={"width": 800, "height": 900}) as seen:
        page = seen.page
        page.get_by_text("Peptide AV", exact=True).click()
        page.get_by_text("Ramachandran maps", exact=True).click()
        page.wait_for_function("document.querySelector('figure.shown img')?.naturalWidth > 300")
        menu, figure = (page.locator(part).bounding_box() for part in ("nav >> nth=0", "figure.shown img"))
        assert figure["y"] >= menu["y"] + menu["height"]
        assert figure["width"] > 400
        assert page.evaluate("document.documentElement.scrollWidth") <= 800
    assert seen.errors == []

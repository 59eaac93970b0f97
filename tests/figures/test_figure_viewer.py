"""The viewer in a browser: it draws, turns, plays, names, and asks nothing of the network."""

import gzip
import json
import re
from base64 import b64decode

import numpy as np
import pytest
from ensemble_inputs import RESULT, make_ensemble
from playwright.sync_api import expect

from jamun.figures.ensemble import load_frames
from jamun.figures.style import FigureError
from jamun.figures.threedmol import library
from jamun.figures.viewer import viewer_page, viewer_to_files

# Of each pane in use, once what was asked for is drawn: the pixels that are not white, those that are orange as the
# carbons of samples, and a sum that tells pictures apart.
SEEN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
  [...document.querySelectorAll("figure:not([hidden]) canvas")].map((canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let ink = 0, orange = 0, sum = 0;
    for (let k = 0; k < data.length; k += 4) {
      const [red, green, blue] = [data[k], data[k + 1], data[k + 2]];
      if (red + green + blue < 740) { ink += 1; sum = (sum * 31 + k + red) % 1000003; }
      if (red > 1.2 * green && green > 2 * blue) orange += 1;
    }
    return [ink, orange, sum];
  })))))"""
# Where an atom of the solid frame is on the screen.
PLACE = """([pane, atom]) => {
  const viewer = document.querySelectorAll("figure:not([hidden]) canvas")[pane]._3dmol_viewer;
  return viewer.modelToScreen(viewer.getModel().selectedAtoms({ index: atom })[0]);
}"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("viewer")
    paths = make_ensemble(folder, 5)
    viewer_to_files(*paths, folder / "AM.html")
    return folder / "AM.html", paths


def part(text, name):
    return re.search(rf'<script id="{name}" type="[^"]*">(.*?)</script>', text, re.DOTALL)[1]


def test_the_page_holds_every_frame_and_the_library_with_its_licence(written):
    page, (md, samples, _) = written
    text = page.read_text()
    assert not re.search(r"""\b(src|href)=|import\(|fetch\(""", text)
    data = json.loads(part(text, "ensembles"))
    for ensemble, path in zip(data["ensembles"], (md, samples), strict=True):
        positions, molecule = load_frames(path)
        np.testing.assert_allclose(
            np.array(ensemble["frames"]) / 1000, positions.reshape(len(positions), -1), atol=6e-4
        )
    assert data["bonds"] == molecule.bonds.tolist()
    assert set(data["elements"]) == {"C", "N", "O", "S"}
    assert gzip.decompress(b64decode(part(text, "library"))).decode() == library()[0]
    assert "Redistributions in binary form must reproduce the above copyright" in text
    assert len(text) < 300_000, "a report holds one a peptide and model"


def test_atoms_are_named_by_residue(written):
    molecule = load_frames(written[1][0])[1]
    labels = molecule.residue_labels
    assert list(dict.fromkeys(labels)) == ["Ace", "Ala1", "Met2", "Nme"]
    data = json.loads(part(written[0].read_text(), "ensembles"))
    assert "Met2 SD" in data["names"]
    assert [name for _, name in data["residues"]] == ["Ala1", "Met2"]
    assert [data["names"][atom] for atom, _ in data["residues"]] == ["Ala1 CA", "Met2 CA"]


def test_names_cannot_break_out_of_the_page(written):
    _, (md, _, _) = written
    positions, molecule = load_frames(md)
    page = viewer_page(positions, positions, molecule, RESULT | {"model": "</script><b>$x"})
    assert "<b>" not in page
    with pytest.raises(FigureError, match="AM"):
        viewer_page(positions, positions[:, 1:], molecule, RESULT)


def test_it_draws_turns_zooms_plays_and_names_without_a_network(written, visit):
    file, _ = written
    with visit(file, viewport={"width": 800, "height": 460}) as seen:
        page = seen.page
        expect(page.locator("canvas")).to_have_count(2)

        def changes(action):
            before = page.evaluate(SEEN)
            action()
            after = page.evaluate(SEEN)
            assert all(ink > 500 for ink, *_ in after), "something is drawn"
            # Panes share a camera and a frame: all of those that stay change.
            return all(old != new for old, new in zip(before, after, strict=False))

        md, samples = start = page.evaluate(SEEN)
        assert md[0] > 2000 < samples[0]
        assert md[1] < 50 < 1000 < samples[1], "carbons of samples are orange, those of MD are not"
        assert page.locator("figcaption").all_inner_texts() == ["MD, 5 of 90 frames", "5 of 60 samples"]

        def drag():
            page.mouse.move(150, 250)
            page.mouse.down()
            page.mouse.move(240, 290, steps=3)
            page.mouse.up()

        assert changes(drag)
        assert changes(lambda: page.mouse.wheel(0, -300))
        assert changes(lambda: page.locator("#reset").click())
        assert page.evaluate(SEEN) == start, "the view is as it was"
        for key in ("ArrowLeft", "ArrowUp", "+", "-"):
            assert changes(lambda key=key: page.locator(".view").first.press(key)), key
        assert changes(lambda: page.locator(".view").last.dblclick())
        assert page.evaluate(SEEN) == start
        assert changes(lambda: page.locator("#names").uncheck())

        place = page.evaluate(PLACE, [1, 6])
        before = page.evaluate(SEEN)
        page.mouse.move(place["x"], place["y"])
        page.wait_for_timeout(800)  # the library waits half a second
        named = page.evaluate(SEEN)
        assert named[0] == before[0]
        assert named[1] != before[1], "the atom's name stands beside it"
        page.mouse.move(5, 5)

        assert changes(lambda: page.locator("#frames").select_option("one"))
        assert changes(lambda: page.locator("#frame").fill("1"))
        assert page.locator("#number").inner_text() == "2 of 5"
        page.locator("#play").click()
        expect(page.locator("#number")).not_to_have_text("2 of 5", timeout=10000)
        page.locator("#play").click()
        assert page.locator("#play").inner_text() == "Play"

        inks = {}
        for layout in ("over", "md", "samples", "beside"):
            page.locator("#layout").select_option(layout)
            inks[layout] = page.evaluate(SEEN)
        assert [len(panes) for panes in inks.values()] == [1, 1, 1, 2]
        assert inks["md"][0][1] < 50 < 300 < inks["samples"][0][1]
        assert inks["over"][0][0] > max(inks["md"][0][0], inks["samples"][0][0])
    assert seen.errors == []
    assert seen.requests == [file.as_uri()]


@pytest.mark.parametrize(("width", "height"), [(1300, 500), (420, 800)], ids=["wide", "narrow"])
def test_the_molecule_fits_and_keeps_fitting(written, visit, width, height):
    margins = """() => [...document.querySelectorAll("canvas")].map((canvas) => {
      const viewer = canvas._3dmol_viewer, box = canvas.getBoundingClientRect();
      const at = viewer.modelToScreen(viewer.selectedAtoms({}));
      const inside = at.filter(({ x, y }) => x > box.left && x < box.right && y > box.top && y < box.bottom);
      const across = Math.max(...at.map(({ x }) => x)) - Math.min(...at.map(({ x }) => x));
      return [inside.length / at.length, across / Math.min(box.width, box.height)];
    })"""
    with visit(written[0], viewport={"width": width, "height": height}) as seen:
        expect(seen.page.locator("canvas")).to_have_count(2)
        seen.page.evaluate(SEEN)
        first = seen.page.evaluate(margins)
        assert all(inside == 1 and 0.5 < across < 1 for inside, across in first)
        seen.page.set_viewport_size({"width": 700, "height": 600})
        seen.page.evaluate(SEEN)
        assert np.allclose(seen.page.evaluate(margins), first, atol=0.03), "it grows and shrinks with its pane"
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 700
    assert seen.errors == []


def test_without_webgl_a_sentence_says_what_to_do(written, visit):
    with visit(written[0], flags=("--disable-3d-apis",), viewport={"width": 800, "height": 500}) as seen:
        problem = seen.page.locator("#problem")
        expect(problem).to_contain_text("it offers no WebGL): switch on WebGL")
        expect(problem).to_be_visible()
        assert seen.page.locator("figure:visible, form:visible").count() == 0
        seen.page.screenshot(path=written[0].with_suffix(".png"))
    assert seen.requests == [written[0].as_uri()]

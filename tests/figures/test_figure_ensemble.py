"""Superposed frames: chosen evenly, aligned, drawn to scale by PyMOL."""

import matplotlib.pyplot as plt
import mdtraj
import numpy as np
import pytest
from ensemble_inputs import RESULT, make_ensemble
from figure_inputs import draw, misplaced_texts

from jamun.config.figures import FigureSettings
from jamun.evaluation.alignment import backbone_atoms, evenly
from jamun.figures.ensemble import extent, load_frames, plot_ensemble, render
from jamun.figures.style import MD_CARBON, FigureError

FRAMES = 6


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    return folder, *make_ensemble(folder, FRAMES)


def spread(positions, atoms):
    """Root mean square distance of positions (F, N, 3) to their mean, over `atoms`."""
    return np.sqrt(((positions - positions.mean(0))[:, atoms] ** 2).sum(-1).mean())


def test_frames_are_taken_evenly_over_chains():
    steps_then_chains = np.tile(np.arange(40), 100)  # as the sampler writes them: by step, then by chain
    chosen = evenly(steps_then_chains, 40)
    assert len(set(chosen.tolist())) == 40
    assert sorted(steps_then_chains[chosen]) == list(range(40))
    assert np.ptp(chosen // 40) > 90, "early and late steps"
    np.testing.assert_array_equal(evenly(np.zeros(5, int), 40), np.arange(5))


def test_both_are_aligned_as_well_as_each_pair_can_be(written):
    folder, md, samples, _ = written
    (first, molecule), (second, _) = load_frames(md), load_frames(samples)
    assert first.shape == second.shape == (FRAMES, molecule.n_atoms, 3)
    whole = mdtraj.load(str(folder / "md.xtc"), top=str(folder / "md.pdb"))
    heavy = whole.atom_slice(whole.topology.select("element != H"))
    atoms = backbone_atoms(heavy.topology)
    before = spread(10 * heavy.xyz[evenly(np.repeat([0, 1], [40, 50]), FRAMES)], atoms)
    assert spread(first, atoms) < 0.3 < before
    together = np.concatenate([first, second])
    assert spread(together, atoms) < 0.5, "samples lie on the MD"
    assert np.abs(first.mean((0, 1))).max() < 0.2, "at the origin"


def test_shapes_and_handedness_are_kept(written):
    folder, md, _, _ = written
    whole = mdtraj.load(str(folder / "md.xtc"), top=str(folder / "md.pdb"))
    heavy = whole.atom_slice(whole.topology.select("element != H"))
    chosen = heavy.xyz[evenly(np.repeat([0, 1], [40, 50]), FRAMES)]
    for before, after in zip(10 * chosen, load_frames(md)[0], strict=True):
        before, after = before - before.mean(0), after - after.mean(0)
        np.testing.assert_allclose(before @ before.T, after @ after.T, atol=0.05)
        rotation = np.linalg.lstsq(before, after, rcond=None)[0]
        assert np.linalg.det(rotation) > 0.9


def test_the_pdb_has_models_bonds_and_what_they_are(written):
    _, md, samples, _ = written
    molecule = load_frames(md)[1]
    for path, words in ((md, "6 of 90 frames of MD"), (samples, "6 of 60 samples")):
        text = path.read_text()
        assert words in text
        assert max(map(len, text.splitlines())) <= 80
        assert text.count("\nMODEL ") == text.count("\nENDMDL") == FRAMES
        bonds = {tuple(map(int, line.split()[1:])) for line in text.splitlines() if line.startswith("CONECT")}
        assert bonds == {(first + 1, second + 1) for first, second in molecule.bonds}


def test_a_picture_shows_the_atoms_to_scale(written):
    _, md, _, _ = written
    positions, _ = load_frames(md)
    centre, size = extent(positions)
    image = render(md, MD_CARBON, centre, size, 240)
    assert image.shape == (round(240 * size[1] / size[0]), 240, 3)
    assert (image[0, 0] == 1).all(), "white around"
    columns = np.flatnonzero((image < 0.98).any((0, 2))) / 240 * size[0]
    seen = positions[..., 0] - (centre[0] - size[0] / 2)
    np.testing.assert_allclose((columns.min(), columns.max()), (max(seen.min(), 0), min(seen.max(), size[0])), atol=0.3)


def test_the_figure_is_written_and_readable(written):
    folder, *paths = written
    md, samples, result = paths
    draw("ensemble", folder / "e", FigureSettings(dpi=50), md=md, samples=samples, result=result)
    assert plt.imread(folder / "e.png")[..., :3].std() > 0.05
    assert (folder / "e.pdf").stat().st_size > 5000
    figure = plot_ensemble((np.ones((9, 9, 3)),) * 2, (FRAMES, FRAMES), np.array([9.0, 9.0]), RESULT)
    assert [panel.get_title() for panel in figure.axes] == ["MD, 6 of 90 frames", "6 of 60 samples"]
    assert misplaced_texts(figure) == []
    plt.close(figure)


def test_a_file_that_is_no_pdb_is_named(tmp_path):
    (tmp_path / "x.pdb").write_text("nothing\n")
    with pytest.raises(FigureError, match=r"x\.pdb"):
        load_frames(tmp_path / "x.pdb")

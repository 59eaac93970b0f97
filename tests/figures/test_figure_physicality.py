"""The figure of physicality and basins."""

import mdtraj
import numpy as np
import pytest
from figure_inputs import SETTINGS, draw, make_angles, misplaced_texts, to_files, written_twice

from jamun.config.evaluation import EvaluationSettings
from jamun.config.figures import FigureSettings
from jamun.evaluation.pair import Ensemble, Pair
from jamun.evaluation.physicality import analyse
from jamun.figures.physicality import _percent, plot_physicality
from jamun.figures.style import FigureError
from jamun.peptides.build import build_peptide
from jamun.peptides.sequences import parse_sequence
from jamun.peptides.torsions import compute_torsions


def made(sequence, form="capped", frames=(600, 800), accept=False, mirror=0.1):
    """Built peptides with jittered atoms, some of them mirrored, and made-up torsions: (result, arrays)."""
    topology, positions, _ = build_peptide(parse_sequence(sequence), form, 7.0)
    topology = mdtraj.Topology.from_openmm(topology)
    heavy = topology.select("element != H")
    rng = np.random.default_rng(0)
    ensembles = []
    for seed, (number, width) in enumerate(zip(frames, (0.002, 0.006), strict=True)):
        xyz = np.repeat(positions[None][:, heavy], number, 0) + rng.normal(0, width, (number, len(heavy), 3))
        if seed == 1:
            xyz[: int(mirror * number)] *= [-1, 1, 1]
        trajectory = mdtraj.Trajectory(xyz.astype(np.float32), topology.subset(heavy))
        torsions, _ = compute_torsions(trajectory)
        angles, chains = (
            make_angles(torsions, number, seed + 1),
            np.arange(number) % 8 if seed else np.zeros(number, int),
        )
        frames_of = {"positions": trajectory.xyz, "topology": trajectory.topology}
        ensembles.append(Ensemble(torsions, angles, chains, **frames_of))
    accepted = np.arange(frames[1]) >= mirror * frames[1] if accept else None
    result, arrays = analyse(Pair(*ensembles, accepted, 300.0), EvaluationSettings())
    return {"peptide": sequence, "model": "default"} | result, arrays


def titles(figure):
    return [panel.get_title(loc) for panel in figure.axes for loc in ("left", "center") if panel.get_title(loc)]


def words(figure):
    return [text.get_text() for panel in figure.axes for text in panel.texts]


def test_dipeptide():
    result, arrays = made("AT")
    figure = plot_physicality(result, arrays, SETTINGS)
    assert misplaced_texts(figure) == []
    shown = [label.get_text() for panel in figure.axes for label in panel.get_yticklabels()]
    for label in ("C–N peptide", "CA–C–N", "ω Ala1–Thr2", "Thr2 CB", "bond off by > 30 pm"):
        assert label in shown
    assert "10 %" in words(figure)  # mirrored
    populations = [panel for panel in figure.axes if panel.get_xlabel() == "population (%)"]
    assert populations
    for panel in populations:
        assert panel.get_xlim()[1] > 100, "room for the numbers"
        assert max(panel.get_xticks()) <= 100
    for residue in result["raw"]["basins"]["residues"]:
        count = len(residue["basins"])
        assert any(f"of {count} basins visited" in title for title in titles(figure))
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "samples where MD has no frame" in legend
    assert "samples, accepted" not in legend


def test_deviations_are_those_of_the_result():
    result, arrays = made("AA")
    figure = plot_physicality(result, arrays, SETTINGS)
    off = sorted(
        1000 * (term["samples"]["mean"]["value"] - term["md"]["mean"]["value"])
        for term in result["raw"]["bonds"]["terms"]
    )
    np.testing.assert_allclose(figure.axes[0].containers[0].lines[0].get_ydata(), off)


@pytest.mark.parametrize("sequence", ["G", "PIKTW"])
def test_accepted_samples_and_other_lengths(sequence):
    result, arrays = made(sequence, accept=True)
    figure = plot_physicality(result, arrays, SETTINGS)
    assert misplaced_texts(figure) == []
    assert "samples, accepted" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_few_frames_and_no_pairs():
    result, arrays = made("AW", form="uncapped", frames=(6, 5), mirror=0)
    figure = plot_physicality(result, arrays, SETTINGS)
    assert "no residue has both φ and ψ" in " ".join(words(figure)).replace("\n", " ")
    assert misplaced_texts(figure) == []
    result, arrays = made("AW", frames=(6, 5), mirror=0)
    assert result["raw"]["basins"]["coverage"]["value"] is None
    assert misplaced_texts(plot_physicality(result, arrays, SETTINGS)) == []


def test_files_are_the_same_twice(tmp_path):
    paths = to_files(tmp_path, *made("AG", frames=(100, 100)))
    written_twice(tmp_path, "physicality", result=paths[0], arrays=paths[1])
    with pytest.raises(FigureError, match="colour map"):
        draw("physicality", tmp_path / "x", FigureSettings(colormap="viridos"), result=paths[0], arrays=paths[1])


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.0123, "1.2 %"), (0.00002, "< 0.01 %"), (0.99996, "> 99.99 %")],
)
def test_percent(share, text):
    assert _percent(share) == text

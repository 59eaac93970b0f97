"""Samples described without MD, against a structure whose flaws are made by hand."""

import mdtraj
import numpy as np
import pytest
from pairs import built, of_trajectory

from jamun.config import ConfigurationError, parse
from jamun.config.evaluation import EvaluationSettings
from jamun.config.figures import FigureSettings
from jamun.evaluation.describe_samples import describe
from jamun.figures.ramachandran import plot_samples
from jamun.peptides.torsions import compute_torsions

FRAMES = 40


@pytest.fixture(scope="module")
def structure():
    """Heavy atoms of capped Ala-Val."""
    return built("AV")


def ensemble(structure, spoil):
    """Copies of the structure with a little noise in four chains, the first frames spoilt."""
    xyz = np.repeat(structure.xyz, FRAMES, 0) + np.random.default_rng(0).normal(scale=1e-4, size=(FRAMES, 1, 1))
    xyz = spoil(xyz.astype(np.float32))
    return of_trajectory(mdtraj.Trajectory(xyz, structure.topology), np.repeat(np.arange(4), FRAMES // 4))


def atom(structure, residue, name):
    """Index of an atom."""
    (index,) = structure.topology.select(f"resname {residue} and name {name}")
    return index


def test_a_copy_of_the_structure_has_no_flaws(structure):
    result, arrays = describe(ensemble(structure, lambda xyz: xyz), structure, None, EvaluationSettings())
    assert {name: share["value"] for name, share in result["shares"].items()} == {
        "strained": 0,
        "bent": 0,
        "cis": 0,
        "inverted": 0,
        "clash": 0,
        "physical": 1,
    }
    assert result["accepted"] is None
    torsions, angles = compute_torsions(structure)
    np.testing.assert_allclose([torsion["start"] for torsion in result["torsions"]], angles[0])
    assert arrays["torsion_samples"].shape == (len(torsions), 100)
    # All frames lie in the one bin of the map where the structure is.
    for counts, residue in zip(arrays["ramachandran_samples"], result["ramachandran"], strict=True):
        place = tuple(np.searchsorted(arrays["ramachandran_edges"], residue["start"]) - 1)
        assert counts[place] == counts.sum() == FRAMES


@pytest.mark.parametrize(
    ("flaw", "physical"), [("strained", False), ("inverted", False), ("cis", True)], ids=["strained", "inverted", "cis"]
)
def test_each_flaw_is_counted_where_it_is(structure, flaw, physical):
    spoilt = FRAMES // 4

    def spoil(xyz):
        if flaw == "strained":
            xyz[:spoilt, atom(structure, "ACE", "O")] *= 1.5
        elif flaw == "inverted":
            xyz[:spoilt, :, 0] *= -1  # every distance and angle stays
        else:
            # Turn what follows the first peptide bond by half a turn about it.
            first, second = atom(structure, "ACE", "C"), atom(structure, "ALA", "N")
            axis = structure.xyz[0, second] - structure.xyz[0, first]
            axis /= np.linalg.norm(axis)
            moved = xyz[:spoilt, second:] - xyz[:spoilt, second : second + 1]
            along = (moved @ axis)[..., None] * axis
            xyz[:spoilt, second:] = xyz[:spoilt, second : second + 1] + 2 * along - moved
        return xyz

    samples = ensemble(structure, spoil)
    accepted = np.arange(FRAMES) >= spoilt
    result, _ = describe(samples, structure, accepted, EvaluationSettings())
    assert result["shares"][flaw]["value"] == pytest.approx(0.25)
    assert result["shares"]["physical"]["value"] == pytest.approx(1 if physical else 0.75)
    assert result["accepted"]["frames"] == FRAMES - spoilt
    assert result["accepted"]["shares"][flaw]["value"] == 0


def test_the_map_marks_the_start(structure):
    result, arrays = describe(ensemble(structure, lambda xyz: xyz), structure, None, EvaluationSettings())
    head = {"peptide": "AV", "model": "m", "samples": {"frames": FRAMES, "seconds": 2.0}}
    figure = plot_samples(head | result, arrays, FigureSettings())
    panels = [panel for panel in figure.axes if panel.lines]
    assert len(panels) == 2
    for panel, residue in zip(panels, result["ramachandran"], strict=True):
        np.testing.assert_allclose(panel.lines[-1].get_xydata()[0], np.rad2deg(residue["start"]))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"models": {"mine": {}}}, "model 'mine' cannot be trained"),
        ({"peptides": {"train": ["AA"], "test": ["AV"]}}, "peptides.train"),
        ({"source": {"kind": "none", "stride": 2}}, "stride"),
    ],
)
def test_what_needs_md_is_refused_without_it(more, words):
    raw = {"source": {"kind": "none"}, "models": {"mine": {"checkpoint": "a.ckpt"}}, "peptides": {"test": ["AV"]}}
    assert not parse(raw).source.exists
    with pytest.raises(ConfigurationError, match=words):
        parse(raw | more)

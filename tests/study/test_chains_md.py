"""Training MD of the study of longer chains: frames drawn by weight, and the bias of D residues."""

import runpy
from pathlib import Path

import mdtraj
import numpy as np
import pytest

from jamun.peptides.torsions import compute_torsions

ROOT = Path(__file__).parents[2]
MD = runpy.run_path(str(ROOT / "studies" / "longer_chains" / "md.py"))


def test_frames_are_drawn_as_often_as_they_weigh():
    weights = np.random.default_rng(0).exponential(size=1000)
    drawn = MD["drawn"](weights, seed=1)
    times = np.bincount(drawn, minlength=1000)
    expected = 1000 * weights / weights.sum()
    assert len(drawn) == 1000
    assert np.all(np.abs(times - expected) < 1)


def test_a_d_residue_has_the_bias_of_its_mirror_image():
    structure = mdtraj.load(str(ROOT / "tests" / "model" / "public" / "capped_HP.pdb"))
    heavy = structure.atom_slice(structure.topology.select("element != H"))
    mirror = mdtraj.Trajectory(heavy.xyz * [-1, 1, 1], heavy.topology)
    torsions, angles = compute_torsions(heavy)
    kinds = MD["_kinds"](heavy.topology, torsions)
    generator = np.random.default_rng(0)
    series = {kind: generator.normal(size=6) + 1j * generator.normal(size=6) for kind in kinds if kind[0] != "omega"}
    energies = [MD["_bias"](series, frames).energy(torsions, compute_torsions(frames)[1]) for frames in (heavy, mirror)]
    assert angles.shape == (1, len(torsions))
    assert abs(energies[0]) > 0.1
    assert energies[1] == pytest.approx(energies[0], rel=1e-4)

"""Broken bonds, inverted centres and clashes are found in made-up frames, and nowhere else."""

import mdtraj
import numpy as np
import pytest
import torch

from jamun.peptides.build import build_to_files
from jamun.peptides.checks import stereocentres
from jamun.peptides.sequences import parse_sequence
from jamun.sampling.checks import REASONS, Checks
from jamun.sampling.starts import read_start

TOLERANCE, CLASH = 0.05, 0.22


@pytest.fixture(scope="module")
def peptide(tmp_path_factory):
    """Ile-Thr: stereocentres at both alpha and both beta carbons."""
    folder = tmp_path_factory.mktemp("peptide")
    build_to_files(parse_sequence("IT"), "capped", 7.0, folder / "IT.pdb", folder / "IT.json")
    return read_start(folder / "IT.pdb")


def found(peptide, frames, starts=None, which=None):
    """Names of what is found in each frame (F, atoms, 3)."""
    starts = peptide.xyz if starts is None else starts
    checks = Checks(peptide.topology, torch.as_tensor(starts), TOLERANCE, CLASH)
    which = torch.zeros(len(frames), dtype=torch.int64) if which is None else torch.as_tensor(which)
    flags = checks(torch.as_tensor(np.asarray(frames)), which)
    return [[reason for reason, flag in zip(REASONS, row, strict=True) if flag] for row in flags.tolist()]


def test_the_start_is_sound_wherever_it_is_turned(peptide):
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float32)
    assert found(peptide, [peptide.xyz[0], peptide.xyz[0] @ quarter.T + 1]) == [[], []]


def test_every_bond(peptide):
    # What lies beyond a bond is moved along it: that bond alone changes its length, by more and by less than allowed.
    graph = peptide.topology.to_bondgraph()
    for first, second in peptide.topology.bonds:
        cut = graph.copy()
        cut.remove_edge(first, second)
        beyond = [atom.index for atom in _reached(cut, second)]
        if first.index in beyond:
            continue  # a ring
        along = peptide.xyz[0, second.index] - peptide.xyz[0, first.index]
        along /= np.linalg.norm(along)
        frames = np.repeat(peptide.xyz, 4, 0)
        for frame, shift in enumerate((0.055, 0.045, -0.055, -0.045)):
            frames[frame, beyond] += shift * along
        names = [[name for name in row if name == "broken"] for row in found(peptide, frames)]
        assert names == [["broken"], [], ["broken"], []]


def _reached(graph, atom):
    seen, waiting = {atom}, [atom]
    while waiting:
        for other in graph.neighbors(waiting.pop()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def test_every_stereocentre(peptide):
    centres = stereocentres(peptide.topology)
    assert len(centres) == 4
    for _, centre, (a, b, c) in centres:
        # The centre is mirrored in the plane of its three neighbours, which keeps the lengths of those bonds.
        x = peptide.xyz[0].copy()
        normal = np.cross(x[b] - x[a], x[c] - x[a])
        normal /= np.linalg.norm(normal)
        x[centre] -= 2 * normal * np.dot(x[centre] - x[a], normal)
        assert "inverted" in found(peptide, [x])[0]
    # The mirror image of all is nothing but inverted, and sound for a chain that started from it.
    mirrored = peptide.xyz[0] * np.array([-1, 1, 1], dtype=np.float32)
    assert found(peptide, [mirrored]) == [["inverted"]]
    starts = np.stack([peptide.xyz[0], mirrored])
    frames = [peptide.xyz[0], mirrored, peptide.xyz[0], mirrored]
    assert found(peptide, frames, starts, [0, 1, 1, 0]) == [[], [], ["inverted"], ["inverted"]]
    checks = Checks(peptide.topology, torch.as_tensor(starts), 0.05, 0.22)
    flat = peptide.xyz[0] * np.array([0.2, 1, 1], dtype=np.float32)
    estimates = torch.as_tensor(np.stack([*frames, flat, 1.5 * flat]))
    kept = checks.keep_chirality(estimates, torch.tensor([0, 1, 1, 0, 0, 0]))
    assert kept.tolist() == [True, True, False, False, False, True]


def test_clashes_are_of_atoms_far_along_the_chain(peptide):
    names = [str(atom) for atom in peptide.topology.atoms]
    methyl, last = names.index("ACE1-CH3"), names.index("NME4-C")
    x = peptide.xyz[0].copy()
    x[last] = x[methyl] + [0.21, 0, 0]
    assert "clash" in found(peptide, [x])[0]
    x[last] = x[methyl] - 0.23 * (x.mean(0) - x[methyl]) / np.linalg.norm(x.mean(0) - x[methyl])
    assert "clash" not in found(peptide, [x])[0]
    # Atoms three bonds apart are allowed to be near.
    near = names.index("ILE2-N")
    x = peptide.xyz[0].copy()
    assert np.linalg.norm(x[near] - x[names.index("ILE2-C")]) > 0.22
    x[names.index("ILE2-C")] = x[near] + [0, 0, 0.2]
    pairs = mdtraj.Trajectory(x[None], peptide.topology)
    close = mdtraj.compute_distances(pairs, [(near, names.index("ILE2-C"))])[0, 0]
    assert close < 0.22


def test_a_molecule_without_centres_or_far_atoms():
    topology = mdtraj.Topology()
    residue = topology.add_residue("UNK", topology.add_chain())
    atoms = [topology.add_atom(name, mdtraj.element.carbon, residue) for name in ("C1", "C2")]
    topology.add_bond(*atoms)
    x = np.array([[[0, 0, 0], [0.15, 0, 0]]], dtype=np.float32)
    small = mdtraj.Trajectory(x, topology)
    assert found(small, [x[0], 2 * x[0]]) == [[], ["broken"]]

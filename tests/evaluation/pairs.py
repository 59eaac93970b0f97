"""Pairs of ensembles for tests, from angles or trajectories in memory."""

from pathlib import Path

import mdtraj
import numpy as np

from jamun.evaluation.pair import Clock, Ensemble, Files, Pair
from jamun.peptides.torsions import compute_torsions


def of_angles(torsions, angles, chains=None, weights=None, **clock):
    """An ensemble of angles (F, K) alone."""
    return Ensemble(torsions, angles, np.zeros(len(angles), int) if chains is None else chains, Clock(**clock), weights)


def of_trajectory(trajectory, chains, weights=None, **clock):
    """An ensemble with positions."""
    torsions, angles = compute_torsions(trajectory)
    return Ensemble(torsions, angles, chains, Clock(**clock), weights, trajectory.xyz, trajectory.topology)


def paired(first, second, md_seconds_per_frame=None, sampling_seconds=None, accepted=None, **known):
    """A pair of ensembles with these wall clocks."""
    each = None if sampling_seconds is None else sampling_seconds / len(second)
    clocks = Clock(None, md_seconds_per_frame, 1.0, "frames"), Clock(sampling_seconds, each, 1.0, "samples")
    first, second = (
        Ensemble(one.torsions, one.angles, one.chains, clock, one.weights, one.positions, one.topology)
        for one, clock in zip((first, second), clocks, strict=True)
    )
    return Pair(first, second, accepted, **known)


def files_in(paths: dict[str, Path]) -> tuple[Files, Files]:
    """The files md.xtc, md.pdb, md.json and s.xtc, s.pdb, sampling.json of a folder, by name."""
    return tuple(
        Files(*(paths[name] for name in names))
        for names in (("md.xtc", "md.pdb", "md.json"), ("s.xtc", "s.pdb", "sampling.json"))
    )


def built(sequence, form="capped", heavy=True):
    """A built peptide as a trajectory of one frame."""
    from jamun.peptides.build import build_peptide
    from jamun.peptides.sequences import parse_sequence

    topology, positions, _ = build_peptide(parse_sequence(sequence), form, 7.0)
    whole = mdtraj.Trajectory(positions[None], mdtraj.Topology.from_openmm(topology))
    return whole.atom_slice(whole.topology.select("element != H")) if heavy else whole

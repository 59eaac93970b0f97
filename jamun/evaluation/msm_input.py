"""A pair as the input of its Markov state model."""

import numpy as np

from jamun.evaluation.msm.inputs import MSMInput
from jamun.evaluation.pair import Pair
from jamun.peptides.torsions import phi_psi_pairs, without_omega


def msm_input(pair: Pair) -> MSMInput:
    """The torsions of a pair but omega, with replicas, chains, weights and the sampler's verdicts."""
    reference, samples = pair.reference, pair.samples
    kept = without_omega(pair.torsions)
    torsions = [pair.torsions[column] for column in kept]
    pairs = np.array(phi_psi_pairs(torsions), dtype=np.int64).reshape(-1, 2)
    starts = np.flatnonzero(np.diff(reference.chains)) + 1
    accepted, not_told = pair.told_apart()
    none = np.zeros(0)
    labels = [f"{torsions[phi].residue_name.capitalize()}{torsions[phi].residue}" for phi, _ in pairs]
    return MSMInput(
        reference.angles[:, kept],
        np.array([0, *starts, len(reference)], dtype=np.int64),
        samples.angles[:, kept],
        samples.chains,
        pairs,
        np.array(labels, dtype=np.str_),
        none.astype(bool) if accepted is None else accepted,
        not_told or "",
        none if reference.weights is None else reference.weights,
        none if samples.weights is None else samples.weights,
    )

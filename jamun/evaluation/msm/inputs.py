"""Torsions of reference and samples as plain arrays: what goes to the environment in which the model is made."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jamun.io.atomic import read_npz, write_npz

if TYPE_CHECKING:
    from jamun.evaluation.pair import Pair


def _none() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True)
class MSMInput:
    """Arrays of one pair; all torsions but omega, which holds no slow motion that the paper's macrostates are about.

    reference_torsions: (F, K) radians.
    reference_boundaries: (R+1,) offsets of the replicas.
    samples_torsions: (S, K) radians.
    samples_chain: (S,) chain of each sample.
    phi_psi: (P, 2) columns of phi and psi.
    residue_labels: (P,) residues of these, such as Ala1.
    samples_accepted: (S,) whether the sampler accepted each sample; empty where these cannot be told from all.
    accepted_reason: why they cannot; "" where they can.
    reference_weights: (F,) weights of the frames; empty where all count alike.
    samples_weights: (S,) likewise.
    """

    reference_torsions: np.ndarray
    reference_boundaries: np.ndarray
    samples_torsions: np.ndarray
    samples_chain: np.ndarray
    phi_psi: np.ndarray
    residue_labels: np.ndarray = field(default_factory=_none)
    samples_accepted: np.ndarray = field(default_factory=_none)
    accepted_reason: str = "the sampler has not judged its frames"
    reference_weights: np.ndarray = field(default_factory=_none)
    samples_weights: np.ndarray = field(default_factory=_none)

    @classmethod
    def of(cls, pair: Pair) -> MSMInput:
        """The torsions of a pair but omega, with replicas, chains, weights and the sampler's verdicts."""
        from jamun.evaluation.pair import some_rejected  # MDTraj is not in every environment
        from jamun.peptides.torsions import phi_psi_pairs, without_omega

        reference, samples = pair.reference, pair.samples
        kept = without_omega(pair.torsions)
        torsions = [pair.torsions[column] for column in kept]
        pairs = np.array(phi_psi_pairs(torsions), dtype=np.int64).reshape(-1, 2)
        accepted, not_told = some_rejected(pair.accepted, samples.weights)
        labels = [f"{torsions[phi].residue_name.capitalize()}{torsions[phi].residue}" for phi, _ in pairs]
        return cls(
            reference.angles[:, kept],
            np.array([0, *np.flatnonzero(np.diff(reference.chains)) + 1, len(reference)], dtype=np.int64),
            samples.angles[:, kept],
            samples.chains,
            pairs,
            np.array(labels, dtype=np.str_),
            _none().astype(bool) if accepted is None else accepted,
            not_told or "",
            *(_none() if one.weights is None else one.weights for one in (reference, samples)),
        )

    def weights_of(self, ensemble: str) -> np.ndarray | None:
        """Weights of `reference` or `samples`; None where all frames count alike."""
        weights = getattr(self, f"{ensemble}_weights")
        return weights if len(weights) else None

    def save(self, target: Path) -> None:
        """Write all arrays (NPZ)."""
        write_npz(target, {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)})

    @classmethod
    def load(cls, path: Path) -> MSMInput:
        """Read what `save` wrote."""
        arrays = read_npz(path)
        reason = str(arrays.pop("accepted_reason"))
        return cls(**arrays, accepted_reason=reason)

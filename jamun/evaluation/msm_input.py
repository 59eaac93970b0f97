"""Torsions of reference and samples as plain arrays, for the environment in which the MSM runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jamun.evaluation.ensembles import load_pair, none_rejected, read_flags
from jamun.io.atomic import read_json, write_npz
from jamun.peptides.torsions import compute_torsions, phi_psi_pairs, without_omega


def msm_features_to_file(
    reference: Path, reference_topology: Path, md_record: Path, samples: Path, samples_topology: Path, target: Path
) -> None:
    """Write backbone and side-chain torsions (F, K) in radians, replicas' offsets, chains, columns of phi and psi, and
    which samples were accepted (F,), none of them with a reason where these cannot be told from all.

    omega is left out: it holds no slow motion that the paper's macrostates are about. Raises EvaluationError for files
    that are not two ensembles of one molecule.
    """
    boundaries = read_json(md_record)["boundaries"]
    first, second = load_pair(reference, reference_topology, boundaries, samples, samples_topology)
    torsions, reference_angles = compute_torsions(first.trajectory)
    _, sample_angles = compute_torsions(second.trajectory)
    flags = read_flags(samples, second.n_frames)
    accepted = None if flags is None else flags["accepted"]
    not_told = none_rejected(accepted)
    kept = without_omega(torsions)
    chosen = [torsions[column] for column in kept]
    pairs = np.array(phi_psi_pairs(chosen), dtype=np.int64).reshape(-1, 2)
    write_npz(
        target,
        {
            "reference_torsions": reference_angles[:, kept],
            "reference_boundaries": np.asarray(boundaries, dtype=np.int64),
            "samples_torsions": sample_angles[:, kept],
            "samples_chain": second.chains,
            "samples_accepted": np.zeros(0, dtype=bool) if not_told else accepted,
            "accepted_reason": np.array(not_told or "", dtype=np.str_),
            "phi_psi": pairs,
            "residue_labels": np.array(
                [f"{chosen[phi].residue_name.capitalize()}{chosen[phi].residue}" for phi, _ in pairs], dtype=np.str_
            ),
        },
    )

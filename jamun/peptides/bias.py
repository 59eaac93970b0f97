"""A bias: an energy of torsions that MD was made with, and what its frames weigh without it.

It is umbrella sampling with one window (Torrie and Valleau, J. Comput. Phys. 23, 187 (1977)): a frame weighs
exp(V / kT), V being its energy of the bias.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from jamun.io.atomic import read_json
from jamun.io.log import UserError
from jamun.peptides.topology import places_of
from jamun.peptides.torsions import Torsion, compute_torsions, torsions_of


class BiasError(UserError):
    """A bias that cannot be read, or MD with one where none may be."""


def series_energy(series: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Energy (F,) of angles (F,) in radians, by the coefficients (M,) of one torsion, as of `Bias`."""
    waves = np.exp(1j * np.outer(angles, np.arange(1, len(series) + 1)))
    energy: np.ndarray = 2 * (waves @ series).real
    return energy


@dataclass(frozen=True)
class Bias:
    """An energy of torsions that is added to the force field: 2 Re sum_m c_m exp(i m x) of each angle x, m from 1.

    torsions: B.
    coefficients: (B, M) complex, kT at the temperature of the MD.
    """

    torsions: list[Torsion]
    coefficients: np.ndarray

    @classmethod
    def of_told(cls, told: Sequence[Mapping[str, Any]]) -> "Bias":
        """What `told` gave. Raises BiasError where an entry lacks something, or has it of another kind."""
        try:
            torsions = [Torsion(one["kind"], int(one["residue"]), one["residue_name"]) for one in told]
            series = [np.asarray(one["cosines"], float) - 1j * np.asarray(one["sines"], float) for one in told]
            return cls(torsions, np.array(series) / 2)
        except (KeyError, TypeError, ValueError) as error:
            raise BiasError(
                f"A bias needs kind, residue, residue_name, cosines and sines of each torsion ({error})."
            ) from None

    @property
    def told(self) -> list[dict[str, Any]]:
        """Of each torsion, amplitudes of the cosines and sines of 1, 2 ... times its angle, kT."""
        return [
            {"kind": torsion.kind, **torsion.residue_entry, "cosines": 2 * own.real, "sines": -2 * own.imag}
            for torsion, own in zip(self.torsions, self.coefficients, strict=True)
        ]

    def energies(self, torsions: list[Torsion], angles: np.ndarray) -> np.ndarray:
        """Energy (F, B) in kT of each torsion of the bias, in frames with these torsions (K) and angles (F, K) in
        radians."""
        found = np.zeros((len(angles), len(self.torsions)))
        for column, torsion, series in zip(found.T, self.torsions, self.coefficients, strict=True):
            column[:] = series_energy(series, angles[:, torsions.index(torsion)])
        return found

    def energy(self, torsions: list[Torsion], angles: np.ndarray) -> np.ndarray:
        """Energy (F,) in kT of the whole bias; arguments as of `energies`."""
        return self.energies(torsions, angles).sum(1)


def read_bias(path: Path, topology: mdtraj.Topology) -> list[dict[str, Any]]:
    """The entry `bias` of a JSON file, such as the populations.json of `jamun populations`, as `Bias.told` gives it.

    Raises BiasError where there is none, or it is none of the peptide of `topology`.
    """
    try:
        told = read_json(path)["bias"]
        bias = Bias.of_told(told)
    except (OSError, KeyError, TypeError, ValueError, BiasError) as error:
        raise BiasError(f"{path}: no bias can be read ({error}); give a JSON file with the entry bias.") from None
    torsions, _ = torsions_of(topology)
    absent = next((one for one in bias.torsions if one not in torsions), None)
    if absent is not None:
        raise BiasError(
            f"{path}: its bias is of {absent.kind} of {absent.residue_name}{absent.residue}, which the peptide lacks; "
            "give the bias that this MD was made with."
        )
    return list(told)


def require_plain(record: Mapping[str, Any], file: Path) -> None:
    """Raises BiasError where the record (md.json) of the MD in `file` holds a bias."""
    if record.get("bias"):
        raise BiasError(
            f"{file}: this MD was made with a bias, for training alone; give plain MD of this peptide to compare with."
        )


def local_energies(bias: Bias, frames: mdtraj.Trajectory) -> np.ndarray:
    """Energy (F, R) in kT of the bias of each residue and of those bonded to it; residues in the order of the topology,
    caps counted."""
    torsions, angles = compute_torsions(frames)
    index = {place: residue for residue, place in places_of(frames.topology).items()}
    own = np.zeros((frames.n_frames, frames.topology.n_residues))
    for torsion, energy in zip(bias.torsions, bias.energies(torsions, angles).T, strict=True):
        own[:, index[torsion.residue]] += energy
    near = np.eye(own.shape[1], dtype=bool)
    for first, second in frames.topology.bonds:
        near[first.residue.index, second.residue.index] = near[second.residue.index, first.residue.index] = True
    return own @ near

"""Slow states of a residue: the side of phi, extended or helical psi, the rotamer of chi1."""

from dataclasses import dataclass

import numpy as np

from jamun.peptides.torsions import Torsion

# Where phi is positive, degrees; beyond is the back of the extended basin, which joins phi = -180.
POSITIVE_PHI = (0.0, 150.0)
# psi of helical conformations at negative phi, degrees: the wells on both sides of its barriers. At positive phi, which
# glycine alone visits often, its mirror image.
HELICAL_PSI = (-120.0, 50.0)


@dataclass(frozen=True)
class ResidueStates:
    """The slow states of one residue in all frames of a peptide's runs.

    name: of the residue, three letters.
    place: in the sequence, from 1, caps not counted.
    before_proline: whether proline comes next.
    positive: (F,) bool of each run, phi > 0.
    helical: (F,) bool of each run.
    rotamer: (F,) of each run, 0 to 2 for gauche+, trans, gauche-; None where the residue has no free chi1.
    """

    name: str
    place: int
    before_proline: bool
    positive: list[np.ndarray]
    helical: list[np.ndarray]
    rotamer: list[np.ndarray] | None


def is_positive(phi: np.ndarray) -> np.ndarray:
    """Whether phi, radians of any shape, is on the positive side."""
    low, high = np.radians(POSITIVE_PHI)
    positive: np.ndarray = (phi > low) & (phi < high)
    return positive


def is_helical(phi: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """Whether psi, radians of any shape, is helical: by its own window where phi is negative, mirrored elsewhere."""
    low, high = np.radians(HELICAL_PSI)
    own = np.where(is_positive(phi), -psi, psi)
    helical: np.ndarray = (own > low) & (own < high)
    return helical


def rotamer_of(chi1: np.ndarray) -> np.ndarray:
    """0, 1, 2 for gauche+, trans, gauche- of chi1, radians of any shape."""
    third = np.floor_divide(np.mod(chi1, 2 * np.pi), 2 * np.pi / 3).astype(np.int64)
    return np.clip(third, 0, 2)


def residue_states(torsions: list[Torsion], runs: list[np.ndarray]) -> list[ResidueStates]:
    """The slow states of each residue that has both phi and psi, from the angles (F, K) in radians of each run."""
    columns = {(torsion.residue, torsion.kind): number for number, torsion in enumerate(torsions)}
    names = {torsion.residue: torsion.residue_name for torsion in torsions}
    found = []
    for place, name in sorted(names.items()):
        if (place, "phi") not in columns or (place, "psi") not in columns:
            continue
        phi = [run[:, columns[place, "phi"]] for run in runs]
        psi = [run[:, columns[place, "psi"]] for run in runs]
        # the ring of proline sets its chi1, which flips within ps
        free = (place, "chi1") in columns and name != "PRO"
        found.append(
            ResidueStates(
                name,
                place,
                names.get(place + 1) == "PRO",
                [is_positive(one) for one in phi],
                [is_helical(one, other) for one, other in zip(phi, psi, strict=True)],
                [rotamer_of(run[:, columns[place, "chi1"]]) for run in runs] if free else None,
            )
        )
    return found

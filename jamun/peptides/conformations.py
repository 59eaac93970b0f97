"""Set the backbone of a built peptide to a conformation, and chi1 to a rotamer, from which a simulation can start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import mdtraj
import numpy as np
import openmm
from openmm import app, unit

from jamun.peptides.build import relax
from jamun.peptides.checks import check, peptide_bonds
from jamun.peptides.turning import Quartet, torsion, turned

# phi and psi in degrees, of L residues; those of D residues have the other sign.
CONFORMATIONS = {
    "extended": (-155.0, 160.0),
    "alpha": (-60.0, -45.0),
    "beta": (-120.0, 130.0),
    "ppii": (-75.0, 145.0),
    "left-handed": (57.0, 47.0),
}
# chi1 in degrees, of L residues.
ROTAMERS = {"gauche+": 60.0, "trans": 180.0, "gauche-": -60.0}
# Of the torsions while contacts relax, kJ/mol: stiff, so that side chains give way and not the backbone.
_STIFFNESS = 2000.0
# Side chains are turned about CA-CB in these steps, degrees, to where the nearest contact is widest.
_TURN = 30.0
_WIDE_ENOUGH = 0.25  # nm


def backbone_torsions(topology: mdtraj.Topology) -> list[tuple[str, Quartet]]:
    """("phi" or "psi", the four atoms) of every residue that has it, in the order of the chain."""
    residues = [{atom.name: atom.index for atom in residue.atoms} for residue in topology.residues]
    found: list[tuple[str, Quartet]] = []
    for place, own in enumerate(residues):
        if not {"N", "CA", "C"} <= own.keys():
            continue
        if place and "C" in residues[place - 1]:
            found.append(("phi", (residues[place - 1]["C"], own["N"], own["CA"], own["C"])))
        if place + 1 < len(residues) and "N" in residues[place + 1]:
            found.append(("psi", (own["N"], own["CA"], own["C"], residues[place + 1]["N"])))
    return found


def _beyond(topology: mdtraj.Topology, first: int, second: int) -> list[int] | None:
    """Atoms on the side of `second` of the bond first-second; None if the bond is in a ring."""
    neighbours = defaultdict(set)
    for bond in topology.bonds:
        neighbours[bond.atom1.index].add(bond.atom2.index)
        neighbours[bond.atom2.index].add(bond.atom1.index)
    reached, edge = {second}, neighbours[second] - {first}
    while edge:
        reached |= edge
        edge = set().union(*(neighbours[atom] for atom in edge)) - reached
    return None if first in reached else sorted(reached)


def _with_torsion(positions: np.ndarray, topology: mdtraj.Topology, quartet: Quartet, angle: float) -> np.ndarray:
    """Positions with that torsion at `angle`, radians; as they are where a ring sets it."""
    atoms = _beyond(topology, quartet[1], quartet[2])
    if atoms is None:
        return positions
    return turned(positions, quartet[1], quartet[2], atoms, angle - torsion(positions, quartet))


def _side_chains_away(positions: np.ndarray, topology: mdtraj.Topology) -> np.ndarray:
    """Turn each side chain about CA-CB to where its nearest contact with the rest is widest."""
    for residue in topology.residues:
        atoms = {atom.name: atom.index for atom in residue.atoms}
        side = _beyond(topology, atoms["CA"], atoms["CB"]) if {"CA", "CB"} <= atoms.keys() else None
        if side is None:
            continue
        rest = np.setdiff1d(np.arange(len(positions)), [*side, atoms["CA"]])
        moving = [atom for atom in side if atom != atoms["CB"]]
        tried = [
            turned(positions, atoms["CA"], atoms["CB"], side, angle)
            for angle in np.deg2rad(np.arange(0.0, 360.0, _TURN))
        ]
        nearest = [np.linalg.norm(place[moving][:, None] - place[rest], axis=-1).min() for place in tried]
        # The first of the best, up to where wider is no better: a side chain that is free where it is stays there.
        positions = tried[int(np.argmax(np.minimum(nearest, _WIDE_ENOUGH).round(4)))]
    return positions


def _holding(positions: np.ndarray, quartets: list[Quartet]) -> openmm.CustomTorsionForce:
    """A force that keeps torsions as they are in `positions`."""
    force = openmm.CustomTorsionForce("stiffness * (1 - cos(theta - theta0))")
    force.addGlobalParameter("stiffness", _STIFFNESS)
    force.addPerTorsionParameter("theta0")
    for quartet in quartets:
        force.addTorsion(*quartet, [torsion(positions, quartet)])
    return force


def _free_chi1(positions: np.ndarray, topology: mdtraj.Topology) -> list[Quartet]:
    """The four atoms of chi1 of every side chain that makes no ring with the backbone."""
    quartets, _ = mdtraj.compute_chi1(mdtraj.Trajectory(positions[None], topology))
    found = [(first, second, third, fourth) for first, second, third, fourth in quartets.tolist()]
    return [quartet for quartet in found if _beyond(topology, quartet[1], quartet[2]) is not None]


def conformed(
    topology: app.Topology,
    positions: np.ndarray,
    conformation: str,
    name: str,
    rotamer: str | None = None,
    expected: Mapping[int, int] | None = None,
) -> np.ndarray:
    """Positions, (atoms, 3) in nm, of a peptide with hydrogens whose phi and psi are those of a conformation, and where
    a rotamer is given, whose chi1 is that of it in every side chain but those of proline, whose ring sets it, and of
    glycine and alanine, which have none.

    Starts from `positions` of the same shape. phi of proline stays, as its ring sets it. Contacts are relaxed while
    the backbone, and chi1 of a rotamer, are held. `expected` are the hands of its stereocentres, as of `checks.hands`:
    natural where it tells nothing. Raises PeptideError, which gives `name`, if the result fails the checks of a built
    peptide.
    """
    structure = mdtraj.Topology.from_openmm(topology)
    phi, psi = np.deg2rad(CONFORMATIONS[conformation])
    expected = expected or {}
    torsions = backbone_torsions(structure)
    for kind, quartet in torsions:
        sign = expected.get(quartet[2 if kind == "phi" else 1], 1)
        positions = _with_torsion(positions, structure, quartet, sign * (phi if kind == "phi" else psi))
    positions = _side_chains_away(positions, structure)
    held = [quartet for _, quartet in [*torsions, *peptide_bonds(structure)]]
    if rotamer is not None:
        side_chains = _free_chi1(positions, structure)
        for quartet in side_chains:
            sign = expected.get(quartet[1], 1)  # of N-CA-CB-CG
            positions = _with_torsion(positions, structure, quartet, sign * np.deg2rad(ROTAMERS[rotamer]))
        held += side_chains
    relaxed = relax(topology, positions * unit.nanometer, _holding(positions, held))
    relaxed = np.asarray(relaxed.value_in_unit(unit.nanometer))
    check(relaxed, structure, name, expected)
    return relaxed - relaxed.mean(0)

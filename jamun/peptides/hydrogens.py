"""Hydrogens on many frames of heavy atoms at once, and their contacts relaxed: all-atom starts of simulations."""

from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np
import openmm
from openmm import app, unit

from jamun.io.log import UserError
from jamun.peptides.build import reference_context, system_of
from jamun.peptides.checks import stereocentres
from jamun.peptides.closures import Closures
from jamun.peptides.residues import chirality
from jamun.peptides.topology import neighbours

# Shares of a turn by which the hydrogens of a group that turns freely are tried.
_TURNS = 12
# Iterations of the minimisation at most, and its tolerance, kJ/mol/nm: clashes go, basins stay.
_ITERATIONS, _TOLERANCE = 15, 100.0


class SeedError(UserError):
    """Frames that no simulation can start from."""


@dataclass(frozen=True)
class _Group:
    """Hydrogens of one heavy atom.

    hydrogens: their indices among all atoms.
    anchors: heavy atoms, by index among all atoms, whose places set theirs; the first is the parent.
    axis: (first, second) heavy atom of the bond that they turn about freely; None where they do not.
    """

    hydrogens: np.ndarray
    anchors: np.ndarray
    axis: tuple[int, int] | None


def _groups(topology: mdtraj.Topology) -> list[_Group]:
    """The hydrogens of each heavy atom that has some."""
    bonded = neighbours(topology.n_atoms, [(bond.atom1.index, bond.atom2.index) for bond in topology.bonds])
    heavy = [atom.element.symbol != "H" for atom in topology.atoms]
    groups = []
    for parent in np.flatnonzero(heavy):
        hydrogens = [atom for atom in bonded[parent] if not heavy[atom]]
        if not hydrogens:
            continue
        around = [atom for atom in bonded[parent] if heavy[atom]]
        axis = None
        if len(around) == 1:  # a methyl, hydroxyl, amine or thiol turns about its bond
            beyond = [atom for atom in bonded[around[0]] if heavy[atom] and atom != parent]
            axis = (int(around[0]), int(parent))
            around = around + beyond
        groups.append(_Group(np.array(hydrogens), np.array([parent, *around]), axis))
    return groups


def _fitted(mobile: np.ndarray, reference: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Points `mobile` (M, 3) carried along as `reference` (A, 3) is superposed on `target` (F, A, 3): (F, M, 3).

    Kabsch's rotation without reflection, weighted four to one to the first atom, the parent, whose bonds are kept.
    """
    weights = np.ones(len(reference))
    weights[0] = 4.0
    weights /= weights.sum()
    middle, middles = weights @ reference, np.einsum("a,fad->fd", weights, target)
    covariance = np.einsum("a,ad,fae->fde", weights, reference - middle, target - middles[:, None])
    u, _, vt = np.linalg.svd(covariance)
    sign = np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= sign[:, None]
    rotation = u @ vt
    return (mobile - middle) @ rotation + middles[:, None]


def _turned(points: np.ndarray, origin: np.ndarray, axis: np.ndarray, angle: float) -> np.ndarray:
    """Points (F, M, 3) turned about lines through `origin` (F, 3) along unit vectors `axis` (F, 3)."""
    relative = points - origin[:, None]
    axis = axis[:, None]
    along = (relative * axis).sum(-1, keepdims=True) * axis
    return origin[:, None] + along + (relative - along) * np.cos(angle) + np.cross(axis, relative) * np.sin(angle)


def add_hydrogens(heavy: np.ndarray, topology: mdtraj.Topology, template: np.ndarray) -> np.ndarray:
    """Hydrogens on frames of heavy atoms, those of a template carried along with the heavy atoms about them.

    Groups that turn freely are turned, one after the other, to where the nearest atom that is not bound to them is
    farthest.

    Args:
        heavy: (F, H, 3) in nm, atoms in the order of the topology's heavy atoms.
        topology: with hydrogens and bonds.
        template: (N, 3) in nm, one frame with hydrogens.

    Returns:
        (F, N, 3) in nm.
    """
    is_heavy = np.array([atom.element.symbol != "H" for atom in topology.atoms])
    if heavy.shape[1] != is_heavy.sum():
        raise SeedError(f"frames have {heavy.shape[1]} heavy atoms where the peptide has {is_heavy.sum()}.")
    positions = np.full((len(heavy), topology.n_atoms, 3), np.nan)
    positions[:, is_heavy] = heavy
    placed = is_heavy.copy()
    groups = _groups(topology)
    for group in sorted(groups, key=lambda one: one.axis is not None):
        points = _fitted(template[group.hydrogens], template[group.anchors], positions[:, group.anchors])
        if group.axis is not None:
            near = np.zeros(len(placed), dtype=bool)
            near[group.anchors] = True
            others = positions[:, placed & ~near]
            origin = positions[:, group.axis[1]]
            axis = origin - positions[:, group.axis[0]]
            axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
            tried = [_turned(points, origin, axis, 2 * np.pi * turn / _TURNS) for turn in range(_TURNS)]
            nearest = [
                np.square(one[:, :, None] - others[:, None]).sum(-1).min((1, 2), initial=np.inf) for one in tried
            ]
            best = np.argmax(nearest, axis=0)
            points = np.stack(tried)[best, np.arange(len(heavy))]
        positions[:, group.hydrogens] = points
        placed[group.hydrogens] = True
    return positions


def relax(
    positions: np.ndarray, topology: mdtraj.Topology, system: openmm.System, template: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Frames with their contacts relaxed by a few steps of L-BFGS each.

    Args:
        positions: (F, N, 3) in nm.
        topology: with hydrogens and bonds.
        system: of one frame, without constraints, by which the minimiser takes five times as long.
        template: (N, 3) in nm, one frame whose stereocentres are right.

    Returns:
        (F, N, 3) in nm, and which frames (F,) can be simulated: finite, with every stereocentre as in the template
        before and after.
    """
    context = reference_context(system)
    relaxed = np.empty_like(positions)
    for number, frame in enumerate(positions):
        context.setPositions(frame)
        openmm.LocalEnergyMinimizer.minimize(context, _TOLERANCE, _ITERATIONS)
        relaxed[number] = context.getState(positions=True).getPositions(asNumpy=True)._value
    good = np.isfinite(relaxed).all((1, 2))
    for _, centre, around in stereocentres(topology):
        # A hydrogen on the wrong side of a mirror image can turn it round while contacts relax.
        for place in (positions, np.nan_to_num(relaxed)):
            good &= chirality(place, centre, around) * chirality(template[None], centre, around) > 0
    return relaxed, good


def energies(context: openmm.Context, frames: np.ndarray) -> np.ndarray:
    """Potential energies (F,) in kJ/mol of frames (F, N, 3) in nm."""
    found = np.empty(len(frames))
    for number, frame in enumerate(frames):
        context.setPositions(frame)
        found[number] = context.getState(energy=True).getPotentialEnergy()._value
    return found


@dataclass(frozen=True)
class AllAtoms:
    """A peptide with hydrogens, by which frames of its heavy atoms get theirs.

    topology: of all N atoms.
    template: (N, 3) in nm, one frame.
    heavy: indices (H,) of the heavy atoms.
    system: of the force field that peptides are built in, without constraints.
    """

    topology: mdtraj.Topology
    template: np.ndarray
    heavy: np.ndarray
    system: openmm.System

    @classmethod
    def read(cls, pdb: Path) -> "AllAtoms":
        """The peptide of a PDB that was built or taken in here."""
        file = app.PDBFile(str(pdb))
        topology = mdtraj.Topology.from_openmm(file.topology)
        template = np.asarray(file.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
        return cls(topology, template, topology.select("element != H"), system_of(file.topology))

    def require(self, topology: mdtraj.Topology) -> None:
        """Raise SeedError unless `topology` has the heavy atoms of this peptide, in this order, and its disulphides and
        ring."""
        own = self.topology.subset(self.heavy)
        first, second = ([(atom.residue.name, atom.name) for atom in one.atoms] for one in (own, topology))
        if first != second:
            raise SeedError("the heavy atoms of the samples are not those of the built peptide, in its order.")
        if Closures.of_topology(own) != Closures.of_topology(topology):
            raise SeedError("the samples have other disulphides than the built peptide, or a ring: another molecule.")

    def relaxed(self, heavy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frames (F, N, 3) in nm of heavy atoms (F, H, 3) with hydrogens and relaxed contacts, and which are good
        (F,); see `relax`."""
        placed = add_hydrogens(heavy.astype(float), self.topology, self.template)
        return relax(placed, self.topology, self.system, self.template)

    def energies(self, positions: np.ndarray) -> np.ndarray:
        """Potential energies (F,) in kJ/mol of frames (F, N, 3) in nm."""
        return energies(reference_context(self.system), positions)

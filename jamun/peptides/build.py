"""Build a peptide from its sequence: PyMOL's fab, PDBFixer, hydrogens and a short relaxation by OpenMM.

PyMOL attaches the caps too: fab makes them in the same extended geometry as the chain, where PDBFixer would place them
by a short random simulation.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import mdtraj
import numpy as np
import openmm
from openmm import app, unit
from pdbfixer import PDBFixer

from jamun.io.atomic import atomic_path, write_json
from jamun.io.provenance import provenance
from jamun.peptides.checks import check, stereocentres, templates
from jamun.peptides.sequences import CAPS, NO_FREE_AMINO_ACID, Peptide, PeptideError
from jamun.peptides.turning import torsion, turned

Form = Literal["capped", "uncapped"]
# One-letter codes of the caps in fab, and the one atom whose name differs between PyMOL and PDB.
_ACE, _NME = "B", "Z"
_NME_CARBON = ("CH3", "C")
# Force on the heavy atoms at which the relaxation stops, kJ/mol/nm: enough to take clashes away, no more.
_RELAXATION_TOLERANCE = 50.0


@cache
def force_field() -> app.ForceField:
    """amber99sb-ildn with GBSA-OBC, in which peptides are completed and relaxed."""
    return app.ForceField("amber99sbildn.xml", "amber99_obc.xml")


def _heavy_atoms_pdb(peptide: Peptide, form: Form) -> str:
    """PDB text of the extended chain without hydrogens, from a PyMOL instance of its own."""
    letters = peptide.natural_letters
    sequence = _ACE + letters + _NME if form == "capped" else letters
    try:
        import pymol2
    except ImportError as error:  # its wheel leaves OpenGL to the system
        raise PeptideError(
            f"PyMOL cannot be loaded ({error}): install the system's OpenGL library, such as libgl1 on Debian."
        ) from None
    with pymol2.PyMOL() as pymol:
        pymol.cmd.feedback("disable", "all", "everything")
        pymol.cmd.fab(sequence, "peptide", hydro=0, ss=4)
        pymol.cmd.alter("all", "chain='A'; segi=''")
        if form == "capped":
            pymol.cmd.alter(f"resn NME and name {_NME_CARBON[0]}", f"name='{_NME_CARBON[1]}'")
        # PyMOL ends a chain before NME, which it takes for a hetero group; it is one chain.
        text = pymol.cmd.get_pdbstr("peptide")
    return "\n".join(line for line in text.splitlines() if not line.startswith(("TER", "CONECT"))) + "\n"


def wanted_hands(topology: mdtraj.Topology, residues: Sequence[int]) -> dict[int, int]:
    """Hands of the stereocentres, as of `checks.hands`, of a chain whose amino acids are D (-1) or L (1), in its order.

    A D residue is the mirror image of the L one at all of its centres.
    """
    amino_acids = [residue.index for residue in topology.residues if residue.name not in CAPS]
    hand = dict(zip(amino_acids, residues, strict=True))
    return {centre: hand[topology.atom(centre).residue.index] for _, centre, _ in stereocentres(topology)}


def with_d_residues(positions: np.ndarray, topology: mdtraj.Topology, residues: Sequence[int]) -> np.ndarray:
    """Positions (atoms, 3) in nm of heavy atoms of a chain of L residues, some of them turned into D residues.

    A side chain is mirrored at the plane of N, CA and C. What is before the residue is then turned about N-CA, so that
    phi changes its sign: else the ring of a proline would not be bonded to a planar nitrogen.

    Args:
        positions, topology: the chain.
        residues: of each amino acid 1 (L) or -1 (D), in the order of the chain.
    """
    positions = positions.copy()
    amino_acids = [residue for residue in topology.residues if residue.name not in CAPS]
    for residue, hand in zip(amino_acids, residues, strict=True):
        if hand > 0:
            continue
        atoms = {atom.name: atom.index for atom in residue.atoms}
        n, alpha, carbon = (positions[atoms[name]] for name in ("N", "CA", "C"))
        normal = np.cross(n - alpha, carbon - alpha)
        normal /= np.linalg.norm(normal)
        side = [index for name, index in atoms.items() if name not in ("N", "CA", "C", "O", "OXT")]
        positions[side] -= 2.0 * np.outer((positions[side] - alpha) @ normal, normal)
        before = [atom.index for atom in topology.atoms if atom.residue.index < residue.index]
        if before:
            last = next(atom.index for atom in topology.residue(residue.index - 1).atoms if atom.name == "C")
            quartet = (last, atoms["N"], atoms["CA"], atoms["C"])
            positions = turned(positions, atoms["CA"], atoms["N"], before, -2.0 * torsion(positions, quartet))
    return positions


def relax(topology: app.Topology, positions: unit.Quantity, held: openmm.Force | None = None) -> unit.Quantity:
    """A short minimisation in implicit solvent: fab leaves close contacts in bulky residues.

    `held`, if given, is a force that acts beside the force field.
    """
    system = force_field().createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=None)
    if held is not None:
        system.addForce(held)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, _RELAXATION_TOLERANCE, 500)
    return context.getState(positions=True).getPositions(asNumpy=True)


def add_hydrogens(modeller: app.Modeller, ph: float) -> None:
    """Add hydrogens at `ph`, to the same places in every run. Raises ValueError for a residue without a template."""
    state = random.getstate()
    random.seed(1)  # Modeller starts hydrogens from random places
    try:
        modeller.addHydrogens(force_field(), pH=ph, platform=openmm.Platform.getPlatformByName("Reference"))
    finally:
        random.setstate(state)


def build_peptide(peptide: Peptide, form: Form, ph: float) -> tuple[app.Topology, np.ndarray, dict[str, object]]:
    """Build one peptide with hydrogens.

    Returns the OpenMM topology (one chain, caps as residues of their own), positions (atoms, 3) in nm, and the record
    of the checks. Raises PeptideError if the force field lacks a template for a residue, or a check fails.
    """
    if form == "uncapped" and len(peptide.residues) == 1:
        raise PeptideError(NO_FREE_AMINO_ACID.format(peptide.name))
    fixer = PDBFixer(pdbfile=io.StringIO(_heavy_atoms_pdb(peptide, form)))
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    if form == "capped":
        fixer.missingTerminals = {}
    fixer.addMissingAtoms(seed=1)
    built = np.asarray(fixer.positions.value_in_unit(unit.nanometer))
    topology = mdtraj.Topology.from_openmm(fixer.topology)
    built = with_d_residues(built, topology, peptide.hands)
    modeller = app.Modeller(fixer.topology, built * unit.nanometer)
    try:
        add_hydrogens(modeller, ph)
    except ValueError as error:
        raise PeptideError(
            f"{peptide.name}: amber99sbildn does not know this peptide, {form}, at pH {ph:g} "
            f"({str(error).split('.')[0]}): at the ends of an uncapped chain it has the usual protonation states only; "
            "set peptides.ph nearer to 7, or cap the chain."
        ) from None
    matched = templates(modeller.topology, force_field(), peptide.name)
    positions = np.asarray(relax(modeller.topology, modeller.positions).value_in_unit(unit.nanometer))
    whole = mdtraj.Topology.from_openmm(modeller.topology)
    record = {"templates": matched} | check(positions, whole, peptide.name, wanted_hands(whole, peptide.hands))
    return modeller.topology, positions - positions.mean(0), record


def write_peptide(topology: app.Topology, positions: np.ndarray, pdb: Path) -> None:
    """Publish a peptide with hydrogens, positions (atoms, 3) in nm, with its own residue numbers."""
    with atomic_path(pdb) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        app.PDBFile.writeFile(topology, positions * unit.nanometer, handle, keepIds=True)


def build_to_files(peptide: Peptide, form: Form, ph: float, pdb: Path, record: Path) -> None:
    """Build one peptide and publish its PDB and its record (sequence, form, pH, checks, versions)."""
    topology, positions, checks = build_peptide(peptide, form, ph)
    write_peptide(topology, positions, pdb)
    write_json(
        record,
        {
            "peptide": peptide.name,
            "sequence": peptide.letters,
            "residues": [residue.name for residue in topology.residues()],
            "form": form,
            "ph": ph,
            "atoms": topology.getNumAtoms(),
            "checks": checks,
            "provenance": provenance("openmm", "pdbfixer", "pymol-open-source", "mdtraj"),
        },
    )

"""Build a peptide from its sequence: PyMOL's fab, PDBFixer, hydrogens and a short relaxation by OpenMM.

PyMOL attaches the caps too: fab makes them in the same extended geometry as the chain, where PDBFixer would place them
by a short random simulation.
"""

from __future__ import annotations

import io
import random
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
from jamun.peptides.checks import check, templates
from jamun.peptides.sequences import NO_FREE_AMINO_ACID, Peptide, PeptideError

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
    sequence = _ACE + peptide.letters + _NME if form == "capped" else peptide.letters
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
    modeller = app.Modeller(fixer.topology, fixer.positions)
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
    record = {"templates": matched} | check(positions, mdtraj.Topology.from_openmm(modeller.topology), peptide.name)
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

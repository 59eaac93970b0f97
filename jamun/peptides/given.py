"""Take in a peptide that is given as a structure: its heavy atoms as they are, hydrogens by OpenMM."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import mdtraj
import numpy as np
from openmm import app, unit
from pdbfixer import PDBFixer

from jamun.io.atomic import write_json
from jamun.io.provenance import provenance
from jamun.peptides.build import add_hydrogens, force_field, write_peptide
from jamun.peptides.checks import CLASH_HEAVY_NM, chirality, closest_contacts, peptide_bonds, stereocentres, templates
from jamun.peptides.sequences import ONE_LETTER, PeptideError
from jamun.peptides.structures import Chain, read_chain

logger = logging.getLogger(__name__)


def _complete(chain: Chain, name: str) -> tuple[app.Modeller, list[str]]:
    """The chain's heavy atoms, and what was added to them: the second oxygen of an end without a cap, nothing else."""
    fixer = PDBFixer(pdbfile=io.StringIO(chain.pdb))
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    for residue, atoms in fixer.missingAtoms.items():
        raise PeptideError(
            f"{name}: residue {residue.name}{residue.id} lacks {', '.join(atom.name for atom in atoms)}; complete it, "
            "as PDBFixer or PyMOL do."
        )
    ends = [atom for atoms in fixer.missingTerminals.values() for atom in atoms]
    if ends:
        fixer.addMissingAtoms(seed=1)
    return app.Modeller(fixer.topology, fixer.positions), [f"added {atom} to the end of the chain" for atom in ends]


def peculiarities(positions: np.ndarray, topology: mdtraj.Topology) -> list[str]:
    """What a structure (atoms, 3), nm, has that built peptides have not, in words: D residues, cis bonds, overlaps.

    None of it is an error in a structure that someone gives; sampling goes from it, by a network that may not know it.
    """
    found = [
        f"{label} is inverted (D instead of L)"
        for label, centre, neighbours in stereocentres(topology)
        if chirality(positions, centre, neighbours) <= 0
    ]
    bonds = peptide_bonds(topology)
    if bonds:
        trajectory = mdtraj.Trajectory(positions[None], topology)
        omegas = mdtraj.compute_dihedrals(trajectory, [atoms for _, atoms in bonds])[0]
        found += [
            f"the peptide bond {label} is cis"
            for (label, _), omega in zip(bonds, omegas, strict=True)
            if abs(omega) < np.pi / 2
        ]
    closest = closest_contacts(positions, topology)["heavy"]
    if closest < CLASH_HEAVY_NM:
        found.append(f"two heavy atoms more than three bonds apart are only {closest:.3f} nm apart")
    return found


def take_structure(source: Path, ph: float, name: str) -> tuple[app.Topology, np.ndarray, dict[str, object]]:
    """The peptide of a PDB file with hydrogens at `ph` in place of its own.

    Returns the OpenMM topology (one chain, residues from 1), positions (atoms, 3) in nm about their centre, and the
    record of what was found and done. Raises PeptideError for a file without one whole peptide of residues that
    amber99sbildn knows.
    """
    chain = read_chain(source)
    modeller, notes = _complete(chain, name)
    try:
        add_hydrogens(modeller, ph)
    except ValueError as error:
        raise PeptideError(
            f"{source}: amber99sbildn does not know this peptide ({' '.join(str(error).split())[:160]}); check the "
            "names of its atoms, and cap a single residue."
        ) from None
    matched = templates(modeller.topology, force_field(), name)
    positions = np.asarray(modeller.positions.value_in_unit(unit.nanometer))
    if chain.left_out:
        notes.append("left out " + ", ".join(f"{count} {other}" for other, count in chain.left_out.most_common()))
    if chain.models > 1:
        notes.append(f"took the first of {chain.models} models; sampling.starts takes all of them")
    strange = peculiarities(positions, mdtraj.Topology.from_openmm(modeller.topology))
    for sentence in (*notes, *strange):
        logger.warning("%s: %s", name, sentence)
    record = {
        "sequence": "".join(ONE_LETTER[residue] for residue in chain.amino_acids),
        "residues": list(chain.residues),
        "form": "capped" if len(chain.residues) > len(chain.amino_acids) else "uncapped",
        "checks": {"templates": matched, "peculiarities": strange},
        "source": {"file": str(source), "models": chain.models, "notes": notes},
    }
    return modeller.topology, positions - positions.mean(0), record


def take_structure_to_files(source: Path, name: str, ph: float, pdb: Path, record: Path) -> None:
    """Take in one structure and publish its PDB and its record, in the place and the format of built peptides."""
    topology, positions, taken = take_structure(source, ph, name)
    write_peptide(topology, positions, pdb)
    write_json(
        record,
        {"peptide": name}
        | taken
        | {
            "ph": ph,
            "atoms": topology.getNumAtoms(),
            "provenance": provenance("openmm", "pdbfixer", "mdtraj"),
        },
    )

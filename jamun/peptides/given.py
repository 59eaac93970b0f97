"""Take in a peptide that is given as a structure: its heavy atoms as they are, hydrogens by OpenMM."""

import logging
from pathlib import Path

import mdtraj
import numpy as np
from openmm import app, unit

from jamun.io.atomic import write_json
from jamun.io.provenance import provenance
from jamun.io.text import in_brief
from jamun.peptides.build import add_hydrogens, force_field, write_peptide
from jamun.peptides.checks import peculiarities, stereocentres, templates
from jamun.peptides.closures import RING
from jamun.peptides.sequences import PeptideError
from jamun.peptides.structures import Structure, read_structure

logger = logging.getLogger(__name__)


def _named_hands(structure: Structure, whole: mdtraj.Topology) -> dict[int, int]:
    """Those of `Structure.named_hands`, by the atoms of its topology with hydrogens."""
    return {
        centre: -1 if whole.atom(centre).residue.index in structure.named_d else 1
        for _, centre, _ in stereocentres(whole)
    }


def _form(structure: Structure) -> str:
    if structure.closures.ring is not None:
        return RING
    return "capped" if len(structure.residues) > len(structure.amino_acids) else "uncapped"


def take_structure(source: Path, ph: float, name: str) -> tuple[app.Topology, np.ndarray, dict[str, object]]:
    """The peptide of a PDB file with hydrogens at `ph` in place of its own.

    Returns the OpenMM topology (one chain, residues from 1), positions (atoms, 3) in nm about their centre, and the
    record of what was found and done. Raises PeptideError for a file without one whole peptide of residues that
    amber99sbildn knows.
    """
    structure = read_structure(source)
    topology, notes = structure.trajectory().topology.to_openmm(), list(structure.notes)
    next(topology.chains()).id = "A"
    modeller = app.Modeller(topology, structure.positions[0] * unit.nanometer)
    try:
        add_hydrogens(modeller, ph)
    except ValueError as error:
        raise PeptideError(
            f"{source}: amber99sbildn does not know this peptide ({in_brief(error)}); check the "
            "names of its atoms, and cap a single residue."
        ) from None
    matched = templates(modeller.topology, force_field(), name)
    positions = np.asarray(modeller.positions.value_in_unit(unit.nanometer))
    if structure.models > 1:
        notes.append(f"took the first of {structure.models} models; sampling.starts takes all of them")
    whole = mdtraj.Topology.from_openmm(modeller.topology)
    strange = peculiarities(positions, whole, _named_hands(structure, whole))
    for sentence in (*notes, *strange):
        logger.warning("%s: %s", name, sentence)
    record: dict[str, object] = {
        "sequence": structure.peptide(name).letters,
        "residues": list(structure.residues),
        "form": _form(structure),
        "checks": {"templates": matched, "peculiarities": strange},
        "source": {"file": str(source), "models": structure.models, "notes": notes},
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
            "provenance": provenance("openmm", "mdtraj"),
        },
    )


def _as_built(source: Path, structure: Structure) -> bool:
    """Whether OpenMM can simulate the file as it is: ours by names and order, with all hydrogens that it needs."""
    if structure.notes or structure.models > 1 or source.suffix.lower() != ".pdb":
        return False
    try:
        topology = app.PDBFile(str(source)).topology
    except (OSError, ValueError, IndexError):
        return False
    return topology.getNumChains() == 1 and not force_field().getUnmatchedResidues(topology)


def prepare_to_simulate(source: Path, name: str, ph: float, target: Path) -> Path:
    """The PDB of a peptide with hydrogens that OpenMM can simulate: `source`, a structure file of any kind, where it is
    as a build writes it; else `target`, which is written with its record beside it.

    Hydrogens are added at `ph` where the file lacks some or has them under other names. Raises PeptideError, as
    `take_structure` does.
    """
    structure = read_structure(source)
    if _as_built(source, structure):
        frame = structure.trajectory()
        for sentence in peculiarities(frame.xyz[0], frame.topology, structure.named_hands):
            logger.warning("%s: %s", name, sentence)
        return source
    take_structure_to_files(source, name, ph, target, target.with_suffix(".json"))
    logger.warning("%s: hydrogens are added at pH %g; what is simulated is %s", name, ph, target)
    return target

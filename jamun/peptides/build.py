"""Build a peptide from its sequence: PyMOL's fab, PDBFixer, hydrogens and a short relaxation by OpenMM.

PyMOL attaches the caps too: fab makes them in the same extended geometry as the chain, where PDBFixer would place them
by a short random simulation.
"""

import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import mdtraj
import numpy as np
import openmm
from openmm import app, unit
from pdbfixer import PDBFixer

from jamun.config.peptides import Form
from jamun.io.atomic import atomic_path, write_json
from jamun.io.provenance import provenance
from jamun.peptides.checks import check, stereocentres, templates
from jamun.peptides.closing import closed, closing_bonds
from jamun.peptides.closures import RING, Closures
from jamun.peptides.sequences import CAPS, NO_FREE_AMINO_ACID, Peptide, PeptideError
from jamun.peptides.turning import torsion, turned
from jamun.peptides.writing import tell_ring

# One-letter codes of the caps in fab, and the one atom whose name differs between PyMOL and PDB.
_ACE, _NME = "B", "Z"
_NME_CARBON = ("CH3", "C")
# Force on the heavy atoms at which the relaxation stops, kJ/mol/nm: enough to take clashes away, no more.
_RELAXATION_TOLERANCE = 50.0
# Where a chain runs through a ring no minimisation leads out: bonds of it stay longer by more than this, nm.
_STRETCHED = 0.03
# Of the hydrogens, before building is given up.
_PLACINGS = 5
# Closed chains of which the one of lowest energy is taken, and how many are completed at most.
_CLOSED, _MOST_CLOSED = 4, 12


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


def system_of(topology: app.Topology) -> openmm.System:
    """The system of a peptide in that force field, without constraints."""
    return force_field().createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=None)


def reference_context(system: openmm.System) -> openmm.Context:
    """A context on OpenMM's Reference platform, the fastest for one small molecule, that nothing is integrated in."""
    return openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))


def relax(topology: app.Topology, positions: unit.Quantity, held: openmm.Force | None = None) -> openmm.State:
    """A short minimisation in implicit solvent: fab leaves close contacts in bulky residues.

    `held`, if given, is a force that acts beside the force field. The state has positions and the potential energy.
    """
    system = system_of(topology)
    if held is not None:
        system.addForce(held)
    context = reference_context(system)
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, _RELAXATION_TOLERANCE, 500)
    return context.getState(positions=True, energy=True)


def _hydrogens_of_ring(modeller: app.Modeller, ph: float) -> list[list[tuple[str, str]] | None] | None:
    """What Modeller is to be told of each residue's hydrogens: without a word it takes the first residue of a ring for
    the charged end of a chain. None where there is no ring."""
    if Closures.of_topology(mdtraj.Topology.from_openmm(modeller.topology)).ring is None:
        return None
    probe = app.Modeller(modeller.topology, modeller.positions)
    probe.addHydrogens(None, pH=ph, platform=openmm.Platform.getPlatformByName("Reference"))
    first, *others = probe.topology.residues()
    bonds = [bond for bond in first.internal_bonds() if app.element.hydrogen in (bond[0].element, bond[1].element)]
    pairs = [sorted(bond, key=lambda atom: atom.element is not app.element.hydrogen) for bond in bonds]
    named = [(hydrogen.name, parent.name) for hydrogen, parent in pairs]
    return [[pair for pair in named if pair not in (("H2", "N"), ("H3", "N"))], *(None for _ in others)]


def add_hydrogens(modeller: app.Modeller, ph: float, seed: int = 1) -> None:
    """Add hydrogens at `ph`, to the same places in every run. Raises ValueError for a residue without a template."""
    state = random.getstate()
    random.seed(seed)  # Modeller starts hydrogens from random places
    try:
        modeller.addHydrogens(
            force_field(),
            pH=ph,
            variants=_hydrogens_of_ring(modeller, ph),
            platform=openmm.Platform.getPlatformByName("Reference"),
        )
    finally:
        random.setstate(state)


def _closed_chains(peptide: Peptide, topology: app.Topology, open_chain: np.ndarray) -> Iterator[app.Modeller]:
    """The peptide's heavy atoms, closed in several ways; one chain as it is where nothing closes it.

    Args:
        topology, open_chain: heavy atoms of the open chain, (atoms, 3) in nm; that of a ring has ACE and NME.
    """
    whole = mdtraj.Topology.from_openmm(topology)
    bonds = closing_bonds(whole, peptide)
    atoms = list(topology.atoms())
    for first, second in bonds:
        topology.addBond(atoms[first], atoms[second])
    caps = [residue for residue in topology.residues() if residue.name in CAPS]
    for positions in closed(open_chain, whole, peptide) if bonds else [open_chain]:
        modeller = app.Modeller(topology, positions * unit.nanometer)
        if peptide.ring:
            modeller.delete(caps)
            for number, residue in enumerate(modeller.topology.residues(), 1):
                residue.id = str(number)
        yield modeller


def require_bonds(topology: app.Topology, positions: np.ndarray, name: str) -> None:
    """Raise PeptideError, which gives `name`, where a bond is stretched at `positions` (atoms, 3) in nm, as of a chain
    that runs through a ring of its own. No minimisation leads out of that."""
    system = system_of(topology)  # to which its forces belong
    force = next(force for force in system.getForces() if isinstance(force, openmm.HarmonicBondForce))
    terms = [force.getBondParameters(number)[:3] for number in range(force.getNumBonds())]
    first, second = np.array([(one, other) for one, other, _ in terms]).T
    usual = np.array([length.value_in_unit(unit.nanometer) for *_, length in terms])
    longer = np.linalg.norm(positions[first] - positions[second], axis=1) - usual
    worst = int(longer.argmax())
    if longer[worst] > _STRETCHED:
        atoms = list(topology.atoms())
        one, other = (
            f"{atom.residue.name}{atom.residue.id} {atom.name}" for atom in (atoms[first[worst]], atoms[second[worst]])
        )
        raise PeptideError(
            f"{name}: the bond {one} to {other} is {longer[worst]:.2f} nm too long, as where a chain runs through a "
            "ring of its own."
        )


@dataclass(frozen=True)
class _Built:
    """A peptide with hydrogens: topology, positions (atoms, 3) in nm, record of the checks, energy in kJ/mol."""

    topology: app.Topology
    positions: np.ndarray
    record: dict[str, object]
    energy: float


def _with_hydrogens(heavy: app.Modeller, peptide: Peptide, form: str, ph: float, seed: int) -> app.Modeller:
    """Heavy atoms with hydrogens, from the places that `seed` gives these first. Raises PeptideError where the force
    field does not know the peptide so."""
    modeller = app.Modeller(heavy.topology, heavy.positions)
    try:
        add_hydrogens(modeller, ph, seed)
    except ValueError as error:
        raise PeptideError(
            f"{peptide.name}: amber99sbildn does not know this peptide, {form}, at pH {ph:g} "
            f"({str(error).split('.')[0]}): at the ends of an uncapped chain it has the usual protonation states only; "
            "set peptides.ph nearer to 7, or cap the chain."
        ) from None
    return modeller


def _relaxed(modeller: app.Modeller, peptide: Peptide) -> _Built:
    """All atoms relaxed and checked. Raises PeptideError where a check fails."""
    matched = templates(modeller.topology, force_field(), peptide.name)
    state = relax(modeller.topology, modeller.positions)
    positions = np.asarray(state.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    whole = mdtraj.Topology.from_openmm(modeller.topology)
    try:
        require_bonds(modeller.topology, positions, peptide.name)
    except PeptideError as error:
        raise PeptideError(f"{error} Give the molecule as a structure.") from None
    record = {"templates": matched} | check(positions, whole, peptide.name, wanted_hands(whole, peptide.hands))
    energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    return _Built(modeller.topology, positions - positions.mean(0), record, energy)


def _completed(heavy: app.Modeller, peptide: Peptide, form: str, ph: float) -> _Built:
    """Heavy atoms with hydrogens, relaxed and checked. Raises PeptideError as `build_peptide`.

    From some places of the hydrogens the relaxation of a crowded chain turns a stereocentre over: others then. What
    the force field does not know is refused at once, as no place changes that.
    """
    for seed in range(1, _PLACINGS + 1):
        modeller = _with_hydrogens(heavy, peptide, form, ph, seed)
        try:
            return _relaxed(modeller, peptide)
        except PeptideError as error:
            failure = error
    raise failure


def _form(peptide: Peptide, form: Form) -> str:
    return RING if peptide.ring else peptide.form(form)


def build_peptide(peptide: Peptide, form: Form, ph: float) -> tuple[app.Topology, np.ndarray, dict[str, object]]:
    """Build one peptide with hydrogens, its ends as `form` says unless its sequence does; a ring has no caps.

    Returns the OpenMM topology (one chain, caps as residues of their own), positions (atoms, 3) in nm, and the record
    of the checks. Raises PeptideError if the force field lacks a template for a residue, a check fails, or the chain
    cannot be closed.
    """
    open_form: Form = "capped" if peptide.ring else peptide.form(form)
    if open_form == "uncapped" and len(peptide.residues) == 1:
        raise PeptideError(NO_FREE_AMINO_ACID.format(peptide.name))
    fixer = PDBFixer(pdbfile=io.StringIO(_heavy_atoms_pdb(peptide, open_form)))
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    if open_form == "capped":
        fixer.missingTerminals = {}
    fixer.addMissingAtoms(seed=1)
    heavy = np.asarray(fixer.positions.value_in_unit(unit.nanometer))
    heavy = with_d_residues(heavy, mdtraj.Topology.from_openmm(fixer.topology), peptide.hands)
    built: list[_Built] = []
    failed: PeptideError | None = None
    for modeller in islice(_closed_chains(peptide, fixer.topology, heavy), _MOST_CLOSED):
        try:
            built.append(_completed(modeller, peptide, _form(peptide, form), ph))
        except PeptideError as error:
            failed = error
        if len(built) == _CLOSED:
            break
    if not built:
        raise failed or PeptideError(
            f"{peptide.name}: the chain cannot be closed with trans peptide bonds; give the molecule as a structure."
        )
    best = min(built, key=lambda one: one.energy)
    return best.topology, best.positions, best.record


def write_peptide(topology: app.Topology, positions: np.ndarray, pdb: Path) -> None:
    """Publish a peptide with hydrogens, positions (atoms, 3) in nm, with its own residue numbers."""
    with atomic_path(pdb) as temporary:
        with open(temporary, "w", encoding="utf-8") as handle:
            app.PDBFile.writeFile(topology, positions * unit.nanometer, handle, keepIds=True)
        tell_ring(temporary, Closures.of_topology(mdtraj.Topology.from_openmm(topology)).ring)


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
            "form": _form(peptide, form),
            "ph": ph,
            "atoms": topology.getNumAtoms(),
            "checks": checks,
            "provenance": provenance("openmm", "pdbfixer", "pymol-open-source", "mdtraj"),
        },
    )

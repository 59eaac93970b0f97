"""Set the backbone of a built peptide to a conformation, and chi1 to a rotamer, from which a simulation can start."""

from collections.abc import Mapping

import mdtraj
import numpy as np
import openmm
from openmm import app, unit

from jamun.peptides.build import relax, require_bonds
from jamun.peptides.checks import check, peptide_bonds
from jamun.peptides.closures import Closures
from jamun.peptides.sequences import PeptideError
from jamun.peptides.turning import Quartet, backbone_torsions, beyond, torsion, turned

# phi and psi in degrees, of L residues; those of D residues have the other sign.
CONFORMATIONS = {
    "extended": (-155.0, 160.0),
    "alpha": (-60.0, -45.0),
    "beta": (-120.0, 130.0),
    "ppii": (-75.0, 145.0),
    "left-handed": (57.0, 47.0),
}
# What each residue of a `random` start draws, and how often: about what MD of dipeptides holds, phi > 0 more.
_SHARES = {"alpha": 0.35, "beta": 0.3, "ppii": 0.25, "left-handed": 0.1}
_SPREAD = 12.0  # degrees, of what is drawn about the conformation
# Drawn chains can run through themselves: another draw then, up to so many.
_DRAWS = 20
# chi1 in degrees, of L residues.
ROTAMERS = {"gauche+": 60.0, "trans": 180.0, "gauche-": -60.0}
# Of the torsions while contacts relax, kJ/mol: stiff, so that side chains give way and not the backbone.
_STIFFNESS = 2000.0
# Side chains are turned about a bond in these steps, degrees, to where the nearest contact is widest.
_TURN = 30.0
_WIDE_ENOUGH = 0.25  # nm

# The kind of a torsion (phi, psi, chi1) and its four atoms; and what it shall be in an L residue, degrees.
Torsion = tuple[str, Quartet]
Wanted = tuple[str, Quartet, float]


def _with_torsion(positions: np.ndarray, topology: mdtraj.Topology, quartet: Quartet, angle: float) -> np.ndarray:
    """Positions with that torsion at `angle`, radians; as they are where a ring sets it."""
    atoms = beyond(topology, quartet[1], quartet[2])
    if atoms is None:
        return positions
    return turned(positions, quartet[1], quartet[2], atoms, angle - torsion(positions, quartet))


def _side_chains_away(positions: np.ndarray, topology: mdtraj.Topology, first: str, second: str) -> np.ndarray:
    """Turn what lies beyond the bond of these two atoms, in each side chain, to where its nearest contact with the rest
    is widest."""
    for residue in topology.residues:
        atoms = {atom.name: atom.index for atom in residue.atoms}
        side = beyond(topology, atoms[first], atoms[second]) if {first, second} <= atoms.keys() else None
        if side is None:
            continue
        rest = np.setdiff1d(np.arange(len(positions)), [*side, atoms[first]])
        moving = [atom for atom in side if atom != atoms[second]]
        tried = [
            turned(positions, atoms[first], atoms[second], side, angle)
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


def _free_chi1(positions: np.ndarray, topology: mdtraj.Topology) -> list[Torsion]:
    """chi1 of every side chain that makes no ring with the backbone."""
    quartets, _ = mdtraj.compute_chi1(mdtraj.Trajectory(positions[None], topology))
    found = [(first, second, third, fourth) for first, second, third, fourth in quartets.tolist()]
    return [("chi1", quartet) for quartet in found if beyond(topology, quartet[1], quartet[2]) is not None]


def _alpha_carbon(kind: str, quartet: Quartet) -> int:
    """The atom CA of the residue whose phi, psi or chi1 the four atoms make."""
    return quartet[2] if kind == "phi" else quartet[1]


def _posed(
    topology: app.Topology,
    positions: np.ndarray,
    wanted: list[Wanted],
    name: str,
    expected: Mapping[int, int],
) -> np.ndarray:
    """Centred positions (atoms, 3) in nm with the `wanted` torsions, contacts relaxed while they are held. Those of
    residues that are `expected` to be D have the other sign.

    Raises PeptideError, which gives `name`, where a bond is stretched or another check of a built peptide fails.
    """
    structure = mdtraj.Topology.from_openmm(topology)
    for kinds, beyond_bond in ((("phi", "psi"), ("CA", "CB")), (("chi1",), ("CB", "CG"))):
        own = [one for one in wanted if one[0] in kinds]
        for kind, quartet, degrees in own:
            angle = expected.get(_alpha_carbon(kind, quartet), 1) * np.deg2rad(degrees)
            positions = _with_torsion(positions, structure, quartet, angle)
        if own:
            positions = _side_chains_away(positions, structure, *beyond_bond)
    held = [quartet for _, quartet, _ in wanted] + [quartet for _, quartet in peptide_bonds(structure)]
    relaxed = relax(topology, positions * unit.nanometer, _holding(positions, held))
    posed = np.asarray(relaxed.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    require_bonds(topology, posed, name)
    check(posed, structure, name, expected)
    return posed - posed.mean(0)


def _open_chain(topology: app.Topology, name: str) -> mdtraj.Topology:
    """The topology. Raises PeptideError, which gives `name`, for a ring or a disulphide, which set the backbone."""
    structure = mdtraj.Topology.from_openmm(topology)
    if Closures.of_topology(structure):
        raise PeptideError(f"{name}: a ring or a disulphide sets its backbone, so it can start as built alone.")
    return structure


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
    natural where it tells nothing. Raises PeptideError, which gives `name`, for a ring or a disulphide, and if the
    result fails the checks of a built peptide.
    """
    structure = _open_chain(topology, name)
    degrees = dict(zip(("phi", "psi"), CONFORMATIONS[conformation], strict=True))
    torsions = backbone_torsions(structure)
    if rotamer is not None:
        degrees["chi1"] = ROTAMERS[rotamer]
        torsions += _free_chi1(positions, structure)
    wanted = [(kind, quartet, degrees[kind]) for kind, quartet in torsions]
    return _posed(topology, positions, wanted, name, expected or {})


def drawn(
    topology: app.Topology, positions: np.ndarray, name: str, seed: int, expected: Mapping[int, int] | None = None
) -> np.ndarray:
    """As `conformed`, with a conformation and a rotamer of its own for each residue, drawn by `seed`.

    The torsions of the backbone scatter by 12 degrees about the conformation. Chains of several residues so start in
    many of their combinations, where `conformed` gives all residues the same. A draw that fails the checks of a built
    peptide, as one that runs through itself, is drawn again. Raises PeptideError, which gives `name`, for a ring or a
    disulphide, and if none passes.
    """
    structure = _open_chain(topology, name)
    generator = np.random.default_rng(seed)
    torsions, side_chains = backbone_torsions(structure), _free_chi1(positions, structure)
    carbons = sorted({_alpha_carbon(kind, quartet) for kind, quartet in torsions})
    for _ in range(_DRAWS):
        chosen = dict(
            zip(carbons, generator.choice(list(_SHARES), len(carbons), p=list(_SHARES.values())), strict=True)
        )
        wanted = []
        for kind, quartet in torsions:
            conformation = CONFORMATIONS[chosen[_alpha_carbon(kind, quartet)]]
            wanted.append((kind, quartet, conformation[kind == "psi"] + generator.normal(0.0, _SPREAD)))
        rotamers = generator.choice(list(ROTAMERS.values()), len(side_chains)).tolist()
        wanted += [(*side_chain, degrees) for side_chain, degrees in zip(side_chains, rotamers, strict=True)]
        try:
            return _posed(topology, positions, wanted, name, expected or {})
        except PeptideError as error:
            failure = error
    raise failure
